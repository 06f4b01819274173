"""The monitor: what an instance knows, and how each message of the events log changes it. No I/O,
no clock.
"""
