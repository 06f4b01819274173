"""Servers that driftline starts for itself, for a demo or a first look: never for production."""
