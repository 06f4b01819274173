"""What `python -m bench.scale` measures: a module for each family of figures."""
