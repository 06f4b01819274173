"""Alerts: what a detector's alarm becomes. An alarm is an instant; an alert is a state with
evidence and an end."""
