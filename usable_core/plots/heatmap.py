"""How an attribution becomes colours: diverging around zero, one rule for every backbone.

Blue speaks against the class and orange for it; how opaque a pixel is says how much. A map is never
stretched to look confident: the colour limit comes from the values, is shown, and can be shared.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from usable_core.evaluations.evidence import Stability

AGAINST = (33, 102, 172)  # blue of ColorBrewer's RdBu and PuOr, safe for colour-blind readers
FOR = (230, 85, 13)  # orange-red of ColorBrewer's Oranges

# Below this no number is told from rounding in float32 sums of a few hundred evaluations.
NOTHING = 1e-9
QUANTILE = 0.99  # of the non-zero magnitudes: a single bright pixel must not fade the others


def is_empty(values: np.ndarray) -> bool:
    """Tell whether a map (H, W) holds no evidence at all."""
    return float(np.abs(values).max(initial=0.0)) < NOTHING


def colour_limit(values: np.ndarray) -> float:
    """Return the magnitude shown at full colour for a map (H, W); 0 if it is empty.

    The 99 % quantile of its non-zero magnitudes.
    """
    if not np.isfinite(values).all():
        raise ValueError("an attribution holds NaN or infinity")
    magnitudes = np.abs(values[np.abs(values) >= NOTHING])
    return float(np.quantile(magnitudes, QUANTILE)) if magnitudes.size else 0.0


def shared_limits(maps: Sequence[np.ndarray], *, is_per_pixel: bool) -> list[float]:
    """Return each map's magnitude of full colour such that equal colours mean equal credit.

    Args:
        maps: Maps (H, W) of one picture by several backbones, whose input sizes may differ.
        is_per_pixel: The credit of a region is the sum over its pixels, so a finer map has smaller
            values; compared is then credit per area. Otherwise values are whole superpixels'.
    """
    pixels = [values.size if is_per_pixel else 1 for values in maps]
    limits = [colour_limit(values) for values in maps]
    most = max((limit * n for limit, n in zip(limits, pixels, strict=True)), default=0.0)
    return [most / n for n in pixels]


def colours(values: np.ndarray, limit: float) -> np.ndarray:
    """Return a map (H, W) as RGBA (H, W, 4) uint8, opacity proportional to |value| / `limit`."""
    strength = np.zeros(values.shape) if limit <= 0 else np.clip(np.abs(values) / limit, 0, 1)
    rgba = np.empty((*values.shape, 4), dtype=np.uint8)
    rgba[..., :3] = np.where((values < 0)[..., None], AGAINST, FOR)
    rgba[..., 3] = np.rint(255 * strength)
    return rgba


def blend(image: np.ndarray, values: np.ndarray, limit: float, opacity: float) -> np.ndarray:
    """Return the picture with the map over it, RGB (H, W, 3) uint8.

    Args:
        image: What the model saw, RGB (H, W, 3) uint8.
        values: The map (H, W).
        limit: Magnitude shown at full colour.
        opacity: Of the strongest pixels, in [0, 1].
    """
    rgba = colours(values, limit)
    alpha = opacity * rgba[..., 3:] / 255
    return np.rint(image * (1 - alpha) + rgba[..., :3] * alpha).astype(np.uint8)


def over(image: np.ndarray, values: np.ndarray, opacity: float = 0.8) -> np.ndarray:
    """Return the picture with the map over it, at full colour for the map's own largest values.

    Args:
        image: What the model saw, RGB (H, W, 3) uint8.
        values: The map (H, W).
        opacity: Of the strongest pixels, in [0, 1].
    """
    return blend(image, values, colour_limit(values), opacity)


def compact(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return a map (H, W) as (H, W) int8 levels and the magnitude that level ±127 stands for.

    value ≈ sign(level) · top · (level / 127)²: square-root levels, so that values well below the
    largest are still told apart. It is what a browser is sent; files hold the exact values.
    """
    top = float(np.abs(values).max(initial=0.0))
    if top < NOTHING:
        return np.zeros(values.shape, dtype=np.int8), 0.0
    return (np.sign(values) * np.rint(127 * np.sqrt(np.abs(values) / top))).astype(np.int8), top


def values_frame(values: np.ndarray, segments: np.ndarray | None = None) -> pd.DataFrame:
    """Return a map as a table: one row per superpixel where there are, else one per pixel.

    Args:
        values: The map (H, W).
        segments: Superpixel of each pixel (H, W) from 0, or None.

    Returns:
        superpixel, pixels, value (their mean), rank (1 is the largest magnitude); or row, column,
        value.
    """
    if segments is None:
        columns = zip(("row", "column", "value"), (*np.indices(values.shape), values), strict=True)
        return pd.DataFrame({name: column.ravel() for name, column in columns})
    frame = _superpixels(values, segments)
    frame["value"] = frame["value"] / frame["pixels"].clip(lower=1)
    return _ranked(frame)


def credits_frame(values: np.ndarray, segments: np.ndarray) -> pd.DataFrame:
    """Return the credit of each superpixel of a map (H, W) that credits pixels: their sum.

    Columns as `values_frame`.
    """
    return _ranked(_superpixels(values, segments))


def with_stability(frame: pd.DataFrame, stability: Stability | None) -> pd.DataFrame:
    """Return a table of superpixels with `low` and `high` of their 95 % interval and `is_settled`.

    NaN and True where nothing is known of their Monte Carlo error (yet: a coarse map is shown, not
    hidden), or it is of other superpixels.
    """
    at = frame["superpixel"].to_numpy()
    if stability is None or np.isinf(stability.error_share) or len(stability.low) <= at.max():
        return frame.assign(low=np.nan, high=np.nan, is_settled=True)
    found = {"low": stability.low, "high": stability.high, "is_settled": stability.is_settled}
    return frame.assign(**{name: np.asarray(ends)[at] for name, ends in found.items()})


def _superpixels(values: np.ndarray, segments: np.ndarray) -> pd.DataFrame:
    """Return superpixel, pixels and value (the sum)."""
    pixels = np.bincount(segments.ravel())
    sums = np.bincount(segments.ravel(), weights=values.ravel().astype(np.float64))
    return pd.DataFrame({"superpixel": np.arange(len(pixels)), "pixels": pixels, "value": sums})


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the superpixels that have pixels, with the rank of their magnitude."""
    frame = frame[frame["pixels"] > 0].reset_index(drop=True)
    rank = frame["value"].abs().rank(ascending=False, method="first").astype(int)
    return frame.assign(rank=rank)


def describe(values: np.ndarray) -> str:
    """Return in words where a map (H, W) has its weight, for readers who do not see it."""
    if is_empty(values):
        return "no evidence anywhere"
    parts = []
    for sign, words in ((1, "evidence for the class is strongest"), (-1, "against it")):
        part = np.maximum(sign * values, 0)
        if not is_empty(part):
            parts.append(f"{words} {_place(part)}")
    return ", ".join(parts)


def _place(weights: np.ndarray) -> str:
    """Return which ninth of the picture holds the most of non-negative `weights` (H, W)."""
    ninths = [
        [float(cell.sum()) for cell in np.array_split(band, 3, axis=1)]
        for band in np.array_split(weights, 3, axis=0)
    ]
    row, column = divmod(int(np.argmax(ninths)), 3)
    vertical, horizontal = ("upper", "middle", "lower")[row], ("left", "centre", "right")[column]
    return "in the centre" if (row, column) == (1, 1) else f"at the {vertical} {horizontal}"
