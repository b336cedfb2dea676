"""Credits from gradients on the straight path from a background to the image, in logits.

Integrated gradients take them at the points of a quadrature, expected gradients (gradient SHAP) at
random.
"""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.evidence import Stability
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import finite_output, refuse_blocked
from usable_core.explainers.replicates import with_errors
from usable_core.games.pictures import Picture
from usable_core.metrics.arrays import Floats, Segments
from usable_core.metrics.attribution import additivity_gap
from usable_core.metrics.ranks import spearman

REPLICATES = 8  # of gradient SHAP: enough for a t interval, few enough to cover the path each
_LEAST_POINTS = 4  # of a replicate
_LEAST_REPLICATES = 4  # before an error of theirs may end the sampling
STEPS = 50  # of integrated gradients at first: captum's default
COMPLETE = 0.05  # largest additivity gap, of |f(x) − f(background)|, that needs no more steps


def explain_integrated(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return integrated gradients of a class's logit from a background to the image.

    Gauss-Legendre quadrature of 50 steps, doubled while values miss f(x) − f(background) by more
    than a twentieth of it and the evaluations last. All that were spent are counted.

    Reference: Sundararajan et al. 2017, arXiv:1703.01365.
    """
    steps = min(STEPS, options.evaluations - 2)  # two are spent on the ends of the path
    start, base, output = _ends(oracle, picture, target, options)
    while True:
        values = mean_gradients(oracle, picture.x, start, *quadrature(steps), [target])[0]
        gap = additivity_gap(values, base, output)
        steps *= 2
        is_spent = oracle.passes.forward + steps > options.evaluations
        if is_spent or gap <= COMPLETE * abs(output - base):
            break
    if not values.any():
        refuse_blocked(output - base, output)
    return Attribution(values.astype(np.float32), output, base=base, additivity_gap=gap)


def explain_expected(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> Attribution:
    """Return expected gradients of a class's logit from one background to the image.

    One random point in each of about `evaluations` equal parts of the path, which leaves a far
    smaller sampling error than points drawn anywhere; see `replicated_positions`. The additivity
    gap is what error is left in the sum; a model that is linear between background and image has
    none.

    The sampling error is told on superpixels, and a `tolerance` ends the sampling early.

    Reference: Erion et al. 2021, arXiv:1906.10670.
    """
    x, segments = picture.x, picture.segments
    positions = replicated_positions(options.evaluations - 2, options.seed)
    start, base, output = _ends(oracle, picture, target, options)
    replicates, each = positions.shape
    weights = np.kron(np.eye(replicates), np.full(each, 1 / each))
    for count, totals in _totals(oracle, x, start, positions.ravel(), weights, [target]):
        done = totals[0, : count // each]
        if options.tolerance > 0 and _LEAST_REPLICATES <= len(done) < replicates:
            sums = superpixel_sums(_credits(x, start, done), segments)
            if stability(sums, options.tolerance).is_stable:
                break
    credits = _credits(x, start, done)
    sums, values = superpixel_sums(credits, segments), credits.mean(0)
    if not values.any():
        refuse_blocked(output - base, output)
    return Attribution(
        values.astype(np.float32),
        output,
        base=base,
        additivity_gap=additivity_gap(values, base, output),
        convergence=spearman(sums[: len(sums) // 2].mean(0), sums.mean(0)),
        stability=stability(sums, options.tolerance),
    )


def replicated_positions(points: int, seed: int) -> Floats:
    """Return positions in [0, 1] (R, M), R replicates of at most `points` in all.

    One random point in each of R·M equal parts of the path. Of every R neighbouring parts each
    replicate gets one by lot, so that it is itself one random point in each of M equal parts: an
    estimate of the whole path from a seed of its own. All of them together are better spread than
    independent ones, so an interval from how they differ is rather too wide than too narrow.

    Args:
        points: Largest number of positions, at least 8.
        seed: Of the draws.

    Reference: McKay et al. 1979 (Latin hypercube sampling), in one dimension.
    """
    count = max(2, min(REPLICATES, points // _LEAST_POINTS))
    each = points // count
    neighbours = np.tile(np.arange(count)[:, None], (1, each))
    parts = np.random.default_rng(seed).permuted(neighbours, axis=0) + count * np.arange(each)
    jitter = np.stack([np.random.default_rng((seed, r)).random(each) for r in range(count)])
    return np.asarray((parts + jitter) / (count * each))


def stability(sums: Floats, tolerance: float) -> Stability:
    """Return the Monte Carlo error of the mean of replicates: 95 % t intervals.

    Args:
        sums: Credit of each superpixel in each replicate (R, S).
        tolerance: Error share below which the map is stable.
    """
    errors = sums.std(0, ddof=1) / np.sqrt(len(sums))
    return with_errors(sums.mean(0), errors, len(sums), tolerance)


def quadrature(steps: int) -> tuple[Floats, Floats]:
    """Return positions in [0, 1] and weights of Gauss-Legendre quadrature (steps,)."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (1 + nodes) / 2, weights / 2


def mean_gradients(
    oracle: Oracle,
    x: Tensor,
    start: Tensor,
    positions: Floats,
    weights: Floats,
    targets: Sequence[int],
) -> Floats:
    """Return (x − start) times the weighted gradients on the path, channels summed (T, H, W).

    Args:
        oracle: Gives the gradients.
        x: Image (3, H, W), the end of the path (position 1).
        start: Image (3, H, W), the beginning of the path (position 0).
        positions: Where on the path the gradients are taken (N,), in [0, 1].
        weights: What each counts (N,).
        targets: Classes (T,), which share the passes forward.
    """
    steps = _totals(oracle, x, start, positions, weights[None], targets)
    ((_, totals),) = deque(steps, maxlen=1)
    return _credits(x, start, totals[:, 0])


def _ends(
    oracle: Oracle, picture: Picture, target: int, options: ExplainerOptions
) -> tuple[Tensor, float, float]:
    """Return the beginning of the path (3, H, W), f(background) and f(x)."""
    start = picture.hiding(options.background, oracle.device).hidden
    logits = oracle.logits(torch.stack([start, picture.x.to(oracle.device)]))[:, target]
    return start, finite_output(logits[0]), finite_output(logits[1])


def _totals(
    oracle: Oracle,
    x: Tensor,
    start: Tensor,
    positions: Floats,
    weights: Floats,
    targets: Sequence[int],
) -> Iterator[tuple[int, Tensor]]:
    """Yield how many positions are done and the weighted gradients so far (T, G, 3, H, W).

    As `mean_gradients`, but weights (G, N) say what each position counts in each of the sums.
    """
    ends = torch.stack([start.to(oracle.device), x.to(oracle.device)])
    ends = ends.contiguous(memory_format=torch.channels_last)  # as networks take and give it
    shares = torch.from_numpy(positions).to(ends).view(-1, 1, 1, 1)
    counts = torch.from_numpy(weights).to(ends).expand(len(targets), -1, -1)
    colours, height, width = x.shape
    totals = ends.new_zeros(len(targets), len(weights), height * width * colours)
    shown = totals.view(len(targets), -1, height, width, colours).permute(0, 1, 4, 2, 3)

    def images(part: slice) -> Tensor:
        return torch.lerp(ends[:1], ends[1:], shares[part])

    for part, _, gradients in oracle.gradients(len(shares), images, targets):
        totals.baddbmm_(counts[:, :, part], gradients.movedim(2, -1).flatten(2))
        yield part.stop, shown


def _credits(x: Tensor, start: Tensor, gradients: Tensor) -> Floats:
    """Return (x − start) · gradients (G, 3, H, W), channels summed (G, H, W)."""
    change = (x - start.to(x)).to(gradients)
    return np.asarray((change * gradients).sum(1).cpu().double().numpy())


def superpixel_sums(credits: Floats, segments: Segments) -> Floats:
    """Return the sum over each superpixel (G, S) of maps (G, H, W)."""
    places = segments.ravel()
    return np.stack([np.bincount(places, credit.ravel()) for credit in credits])
