"""The events log: what the readers of the sources append, and the monitor works through in order.

Everything that changes the monitor's state is a message here: rows of the sources, the progress of
their readers (which
is where time comes from), and commands. So a monitor's state is a function of the log, and a run
can be repeated.
"""
