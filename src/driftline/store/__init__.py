"""Where the monitor's state outlives a process: in Redis, or in memory for tests and replays.

Every write is guarded by the offset it starts from, so it is applied once however often it is
sent, and a worker that lost its partition without noticing cannot change anything.
"""
