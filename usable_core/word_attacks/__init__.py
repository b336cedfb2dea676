"""Attacks on texts: words swapped for others until the answer changes."""
