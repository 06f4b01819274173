"""What a detector's alarm becomes.

An alarm is an instant; an alert is a state, with evidence, an identity, and an end.
"""
