"""Servers that driftline starts for itself, for a demo and for a first look: never for production."""
