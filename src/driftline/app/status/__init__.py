"""How a deployment is doing, from what Redis and Kafka know of it. Looks, and changes nothing."""
