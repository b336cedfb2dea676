"""Attacks: `(model, x, y, epsilon, *, norm, steps, restarts, step_size, seeds)` to x_adv."""
