"""Tables and cards of what is kept: models, data, runs."""
