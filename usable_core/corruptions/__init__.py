"""Corruptions: `(x, severity, seeds)` to x_corrupted, after Hendrycks & Dietterich 2019.

Images (N, 3, H, W) in [0, 1] in, the same out, not rounded to 8 bits. An example's result depends
on its pixels, the severity and its seed, not on its batch. Reference: arXiv:1903.12261.
"""
