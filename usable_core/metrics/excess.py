"""Whether more of a part are wrong than of the rest: Fisher's exact test, one-sided, of many."""

import numpy as np

from usable_core.metrics.arrays import Floats, Indices

_NEGLIGIBLE = 1e-12  # of a sum: what follows falls faster than a geometric series


def excess_p(n: Indices, wrong: Indices, part: Indices, wrong_in: Indices) -> Floats:
    """Return P(at least so many of a part are wrong) if being wrong does not depend on being in it.

    1 where the part has no more wrong ones than its share, which is no less than the exact number.
    Arguments are arrays of one shape, or broadcast to one.

    Args:
        n: Examples.
        wrong: Wrong ones among them.
        part: Examples in the part.
        wrong_in: Wrong ones in the part.

    Reference: Fisher 1935, J. R. Stat. Soc. 98; the hypergeometric upper tail.
    """
    shaped = np.broadcast_arrays(n, wrong, part, wrong_in)
    columns: list[Floats] = [np.asarray(one, dtype=np.float64) for one in shaped]
    found = np.ones(columns[0].shape)
    is_above = columns[3] * columns[0] > columns[1] * columns[2]
    found[is_above] = _upper_tail(*(one[is_above] for one in columns))
    return found


def _upper_tail(n: Floats, wrong: Floats, part: Floats, k: Floats) -> Floats:
    """Return P(X >= k) of hypergeometric numbers; k is above the mean, so that terms fall."""
    from scipy.special import gammaln  # here, for scipy costs every page's start 0.3 s

    def choose(a: Floats, b: Floats) -> Floats:
        return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1))

    term = np.exp(choose(wrong, k) + choose(n - wrong, part - k) - choose(n, part))
    total = term.copy()
    while np.any(term > _NEGLIGIBLE * total):  # 0 behind the last possible number
        term = term * (wrong - k) * (part - k) / ((k + 1) * (n - wrong - part + k + 1))
        k = k + 1
        total += term
    return np.minimum(1.0, total)
