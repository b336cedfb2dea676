"""The one way to ask a frozen model: in the fastest batches and number format, counted, checked."""
