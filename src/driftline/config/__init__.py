"""A deployment's declarations: streams, detector profiles, settings; read strictly, every problem named at once."""
