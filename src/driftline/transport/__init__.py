"""Kafka in and out: whole partition batches at least once, awaited sends, and the topics.

`batches` holds the values and the protocol that the agents implement, `app` builds one Faust app
per role, `producer` sends, `topics` creates, describes and waits for topics. Whatever leans on
Faust's or aiokafka's internals is here and nowhere else: `faust_batches` begins with a list.
"""
