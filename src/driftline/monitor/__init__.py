"""The monitor: what an instance knows, and how each message of the log changes it. No I/O."""
