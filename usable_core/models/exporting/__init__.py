"""Models written for other programs: each format reads as the same model again, or is no file."""
