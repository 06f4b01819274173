"""The demo: a worker with embedded servers, recorded data sent to it, and what came of it."""
