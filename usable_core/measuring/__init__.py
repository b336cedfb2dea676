"""Work on models and data: from objects and a config to per-example records."""
