"""Puts the parts together: addresses, servers, the worker and its roles."""
