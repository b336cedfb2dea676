"""How likely each of several models is to be first: drawn from what their numbers leave possible.

The model that looks best was lucky more often than not, so its lead is too large, and the plain
share of resamples in which it leads is too sure. Here the true numbers of the models are taken for
draws of one normal distribution, whose width is learnt from them (empirical Bayes): where the
numbers differ by no more than chance makes them differ, they are pulled together, and every model
is about as likely to be first.

The width τ enters by the shrinkage s² / (s² + τ²), uniform on 0 to 1, and is drawn rather than
fixed at its most likely value, for of a few models it is hardly known.

Reference: Morris 1983, JASA 78:47-55; Laird & Louis 1989, Journal of Educational Statistics
14:29-46 (ranks); Daniels 1999, Canadian Journal of Statistics 27:567-578 (uniform shrinkage).
"""

import numpy as np

from usable_core.metrics.arrays import Floats, Indices

DRAWS = 4096  # leave a standard error below a point
_STEPS = 200  # of the shrinkage, on a grid
_JITTER = 1e-9  # of the mean variance: rounding must not make a covariance none


def possible_values(values: Floats, covariance: Floats, *, seed: int = 0) -> Floats:
    """Return draws (D, A, K) of what A true numbers of K models may be, given those measured.

    Only differences between models are meant: how high they all are is left as measured. Each axis
    is drawn from its own numbers, so that others change nothing of it; errors hang together.

    Args:
        values: Measured numbers (A, K), a row per axis.
        covariance: Of their errors (A·K, A·K), in the order of `values.ravel()`.
        seed: Of the draws.
    """
    axes, models = values.shape
    # In an order of their own, so that the models' order changes no digit.
    order = sorted(range(models), key=lambda k: values[:, k].tolist())
    places = (np.arange(axes)[:, None] * models + order).ravel()
    drawn = _drawn(values[:, order], covariance[np.ix_(places, places)], seed)
    return np.asarray(drawn[:, :, np.argsort(order)])


def chances(drawn: Floats) -> Floats:
    """Return how often each model (K,) is first in draws (D, K)."""
    return np.bincount(drawn.argmax(axis=1), minlength=drawn.shape[1]) / len(drawn)


def _drawn(values: Floats, covariance: Floats, seed: int) -> Floats:
    axes, models = values.shape
    if models == 1:
        return np.broadcast_to(values, (DRAWS, axes, 1))
    basis = _differences(models)
    whole = np.kron(np.eye(axes), basis)
    seen, errors = whole @ values.ravel(), whole @ covariance @ whole.T
    errors = errors + _JITTER * np.trace(errors) / len(errors) * np.eye(len(errors))
    generators = [np.random.default_rng([seed, axis]) for axis in range(axes)]
    normal = np.hstack([g.standard_normal((DRAWS // 2, models - 1)) for g in generators])
    # Each draw and its mirror image, so that models that are alike have one chance exactly. By
    # the Cholesky factor the first axis has the draws that it has by itself.
    drawn = np.concatenate([normal, -normal]) @ np.linalg.cholesky(errors).T
    found = np.empty((DRAWS, axes, models))
    for axis, generator in enumerate(generators):
        own = slice(axis * (models - 1), (axis + 1) * (models - 1))
        true = _posterior(seen[own], errors[own, own], drawn[:, own], generator)
        found[:, axis] = true @ basis + values[axis].mean()
    return found


def _differences(models: int) -> Floats:
    """Return orthonormal rows (K − 1, K), each of which sums to 0."""
    rows = np.tri(models - 1, models)
    place = np.arange(models - 1)
    rows[place, place + 1] = -(place + 1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _posterior(
    seen: Floats, errors: Floats, drawn: Floats, generator: np.random.Generator
) -> Floats:
    """Return true differences (D, K − 1) on one axis, given those seen and draws of their errors.

    With b = τ² / (s² + τ²) in the directions in which the errors are independent, they
    are normal around b times what was seen, and b times as variable as the errors.
    """
    own, turn = np.linalg.eigh(errors)
    along = turn.T @ seen
    widths = generator.permutation(_widths(own, along))[:, None]
    kept = widths / (own + widths)
    return np.asarray((kept * along + np.sqrt(kept) * (drawn @ turn)) @ turn.T)


def _widths(own: Floats, along: Floats) -> Floats:
    """Return `DRAWS` values of τ², as likely as the differences along each direction make them."""
    shrinkage = (np.arange(_STEPS) + 0.5) / _STEPS
    squared = own.mean() * (1 - shrinkage) / shrinkage
    spread = own + squared[:, None]
    fit = -0.5 * (np.log(spread) + np.square(along) / spread).sum(axis=1)
    below = np.cumsum(np.exp(fit - fit.max()))
    place: Indices = np.searchsorted(below / below[-1], (np.arange(DRAWS) + 0.5) / DRAWS)
    return np.asarray(squared[place])
