"""Plain functions on arrays: rows of outcomes in, numbers with intervals out."""
