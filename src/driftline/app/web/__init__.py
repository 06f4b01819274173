"""What the API is of: the deployment's store, topics and receivers, behind `web.Backend`."""
