"""What the Fine-tune page asks."""
