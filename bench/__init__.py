"""Benchmarks: driftline beside other ways of doing the same work, and its parts on their own."""
