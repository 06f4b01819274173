"""The agents: what each role does with the batches that the transport hands it."""
