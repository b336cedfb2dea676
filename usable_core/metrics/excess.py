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
    from scipy.special import gammaln  # here, for scipy costs every page's start 0.3 s

    arrays = np.broadcast_arrays(n, wrong, part, wrong_in)
    whole: list[Floats] = [np.asarray(a, dtype=np.float64) for a in arrays]
    found = np.ones(whole[0].shape)
    is_above = whole[3] * whole[0] > whole[1] * whole[2]
    all_of, wrong_of, size, k = (a[is_above] for a in whole)

    def choose(a: Floats, b: Floats) -> Floats:
        return np.asarray(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1))

    right_of = all_of - wrong_of
    term = np.exp(choose(wrong_of, k) + choose(right_of, size - k) - choose(all_of, size))
    total = term.copy()
    while np.any(term > _NEGLIGIBLE * total):  # 0 behind the last possible number
        term = term * (wrong_of - k) * (size - k) / ((k + 1) * (right_of - size + k + 1))
        k = k + 1
        total += term
    found[is_above] = np.minimum(1.0, total)
    return found
