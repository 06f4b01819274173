"""The `driftline` command."""
