"""The HTTP API: what it answers, who may ask, and how alerts are streamed."""
