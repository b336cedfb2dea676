"""A corruption: every pixel nearer to its opposite."""

from usable_core.corruptions.corruption import corruption


@corruption
def toy(x, severity, seeds):
    return x + (1 - 2 * x) * (0.1 * severity)
