"""Pre-training, fine-tuning, linear probes: what moves weights."""
