"""The others. Each runs in an environment of its own and knows nothing of driftline."""
