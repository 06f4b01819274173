"""driftline: a streaming drift monitor for machine-learning models in production."""
