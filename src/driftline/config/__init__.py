"""A deployment's declarations: streams, detector profiles, settings.

They are read strictly, and every problem of all files is named at once.
"""
