"""Two models on the same examples: exact McNemar test and Holm's correction."""

from collections.abc import Sequence

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.distributions import beta_share


def flips(before: Masks, after: Masks) -> tuple[int, int]:
    """Return (lost, gained): right before and wrong after, and the other way round, of (N,)."""
    return int(np.sum(before & ~after)), int(np.sum(~before & after))


def mcnemar_exact(lost: int, gained: int) -> float:
    """Return the two-sided p-value that losses and gains are equally likely; 1 without flips.

    Reference: McNemar 1947; the exact form is a sign test on the discordant pairs.
    """
    discordant = lost + gained
    if discordant == 0:
        return 1.0
    fewer = min(lost, gained)  # P(X <= fewer) of a binomial number of chance 1/2, twice
    return min(1.0, 2 * beta_share(discordant - fewer, fewer + 1, 0.5))


def holm(p_values: Sequence[float]) -> Floats:
    """Return p-values adjusted for having made all these tests.

    Reference: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return adjusted
