"""`Explanation`: what is known of one image and one map of it, and every reason to doubt the map.

Whoever asks (Python, command line, pages, reports, a data set's evaluation) reads this record.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core.catalog import implementation, lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import StorageError
from usable_core.evaluations import record_files
from usable_core.evaluations.doubts import doubts
from usable_core.evaluations.evidence import Drift, Evidence, Fragility, Stability, Without
from usable_core.images import decode, encode_png
from usable_core.labels import is_same_class
from usable_core.metrics.arrays import Floats, Segments, Values
from usable_core.metrics.attribution import superpixel_credits
from usable_core.records import from_json

MOST_NAMED, FEW_NAMED = 12, 5  # classes that are listed in a sentence, all or as examples
RECORD, PICTURE = "explanation.json", "input.png"
_DRIFT = "drift_"
_VIEWS = "usable_core.plots.notebook"  # pictures for people are the plots' business
_ARRAYS = {"values": "map", "segments": "segments", "superpixels": "superpixels"}


@dataclass(frozen=True)
class Prediction:
    """One of the model's most probable classes.

    Attributes:
        index: Position of its logit.
        name: Its name in the model's label space.
        probability: Softmax of the logits at that position.
        calibrated: Softmax after temperature scaling; None where no temperature is known.
    """

    index: int
    name: str
    probability: float
    calibrated: float | None = None


@dataclass(frozen=True)
class Familiarity:
    """Whether an image looks like those of the task, by its energy (Liu et al. 2020, 2010.03759).

    A warning only: an image that is not flagged may be unlike the task's all the same. Of ImageNet
    photographs, the bundled backbones flag 14 to 30 %; of noise of 32 x 32 pixels 0 to 23 %.

    Attributes:
        score: Log-sum-exp of the logits: high for what the model knows.
        threshold: What 95 % of the task's own images are above.
        data: Which images, and how many.
    """

    score: float
    threshold: float
    data: str

    @property
    def is_unlike(self) -> bool:
        """Return whether the image is less familiar than 95 % of the task's own."""
        return self.score < self.threshold


def _apart(make: Callable[[], Any]) -> Any:  # noqa: ANN401 - a field of any type
    """Return a field of arrays, which are files beside the record's JSON; empty by default."""
    return field(default_factory=make, compare=False, repr=False, metadata={"is_apart": True})


def _array(dtype: type[np.generic], *shape: int) -> Any:  # noqa: ANN401 - a field of any array
    return _apart(lambda: np.zeros(shape, dtype))


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One image, what a model said of it, one map of why, and how far to trust that map.

    It grows: predictions come first, then a map, then what was measured about it. What is not
    known, or what a method has no figure for, is None or empty.

    Attributes:
        predictions: The five most probable classes, most probable first.
        classes: Names of all classes that the model knows; empty where it has no names.
        familiarity: Whether the image looks like the task's; None for a model not calibrated.
        warnings: Sentences on the model that a reader of any of its answers must know.
        seen: Which part of the picture the model saw: left, top, right and bottom as shares of its
            width and height, beyond 0 and 1 where it was padded; None where it was none.
        method: Key of `catalog.explainers.EXPLAINERS`.
        target: Name of the class explained.
        values: Credit of each pixel (H, W) float32, in units of `unit`.
        segments: Superpixel of each pixel (H, W) int32, from 0 without holes.
        text: What was explained, with what stands for words that were hidden before; empty of a
            picture.
        spans: Where each of its words begins and ends: each is a segment of its own (1, W).
        background: What stood for hidden words; None of a picture, whose options say it.
        superpixels: Which of the picture's superpixels, or the text's words, each of the segments
            is (S,): the same number is the same part for every model.
        x: The image as the model saw it, (H, W, 3) uint8.
        compared: The maps (H, W) `randomised` and `other_class` of the evidence.
        drift_maps: The map (H, W) at each budget of the drift.
        output: f(x) of the class explained.
        base: f(background), to which additive methods add.
        unit: What f is: `probability` or `logit`.
        r2: Weighted local R² (LIME).
        effective_samples: Of LIME's weighted samples.
        additivity_gap: |sum of values + base − f(x)| (additive methods).
        convergence: Rank correlation with the map of half the evaluations.
        stability: Monte Carlo error of each superpixel's credit.
        agreement: Mean rank correlation with the maps of this image by other methods.
        evaluations: Model evaluations of single images.
        seconds: Wall time.
        precision: Number format of the forward passes.
        evidence: Faithfulness and sanity; None where it was not asked for.
        fragility: The smallest change that changes the prediction.
        drift: How the map moves along that change.
        without: What the class explained loses with parts of the picture hidden.
    """

    predictions: tuple[Prediction, ...] = ()
    classes: tuple[str, ...] = ()
    familiarity: Familiarity | None = None
    warnings: tuple[str, ...] = ()
    seen: tuple[float, float, float, float] | None = None
    method: str | None = None
    target: str | None = None
    values: Values = _array(np.float32, 0, 0)
    segments: Segments = _array(np.int32, 0, 0)
    text: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    background: str | None = None
    superpixels: Segments = _array(np.int32, 0)
    x: NDArray[np.uint8] = _array(np.uint8, 0, 0, 3)
    compared: dict[str, Values] = _apart(dict)
    drift_maps: tuple[Values, ...] = _apart(tuple)
    output: float | None = None
    base: float | None = None
    unit: str | None = None
    r2: float | None = None
    effective_samples: float | None = None
    additivity_gap: float | None = None
    convergence: float | None = None
    stability: Stability | None = None
    agreement: float | None = None
    evaluations: int = 0
    seconds: float = 0.0
    precision: str | None = None
    evidence: Evidence | None = None
    fragility: Fragility | None = None
    drift: Drift | None = None
    without: Without | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of a text that the model reads, in order; none of a picture."""
        return tuple(self.text[low:high] for low, high in self.spans)

    @property
    def knows(self) -> str:
        """Return which classes there are to choose from, in words; empty where they have no names.

        A model names one of them whatever it sees.
        """
        if not self.classes:
            return ""
        if len(self.classes) <= MOST_NAMED:
            return f"Knows only: {', '.join(self.classes)}."
        some = ", ".join(self.classes[:FEW_NAMED])
        return f"Knows only {len(self.classes):,} classes, such as {some}."

    def calibrated(self, true: str | None) -> Prediction | None:
        """Return the first prediction where its calibrated confidence can be believed, else None.

        That is where it was fitted, the picture is one of the task's, as only its true class tells,
        and nothing says that it is unlike them.

        Args:
            true: Name of the picture's true class; None where nobody knows it.
        """
        is_unlike = self.familiarity is not None and self.familiarity.is_unlike
        is_of_task = true is not None and any(is_same_class(true, name) for name in self.classes)
        first = next(iter(self.predictions), None)
        is_known = first is not None and first.calibrated is not None
        return first if is_known and is_of_task and not is_unlike else None

    @property
    def credits(self) -> Floats:
        """Return the credit of each superpixel (S,)."""
        return credits_of(str(self.method), self.values, self.segments)

    def figures(self) -> dict[str, float]:
        """Return the figures that tell how far to trust the map; NaN where there is none.

        Names are those of the columns of a data set's records, see `evaluations.explanation`.
        """
        names = ("r2", "additivity_gap", "effective_samples", "convergence", "agreement")
        known = {name: getattr(self, name) for name in names}
        found = {name: np.nan if value is None else value for name, value in known.items()}
        if self.additivity_gap is not None and self.output is not None and self.base is not None:
            due = abs(self.output - self.base)
            found["gap_share"] = self.additivity_gap / due if due > 0 else np.nan
        if self.stability is not None:
            found |= {
                "error_share": self.stability.error_share,
                "settled_share": float(np.mean(self.stability.is_settled)),
                "is_stable": float(self.stability.is_stable),
            }
        if self.evidence is not None:
            found |= self.evidence.figures()
        return found | {"evaluations": self.evaluations, "seconds": self.seconds}

    def __repr__(self) -> str:
        if self.method is None:
            best = ", ".join(f"{p.name} {p.probability:.3f}" for p in self.predictions[:1])
            return f"Explanation(predictions only: {best})"
        doubtful = ", ".join(name for name, _ in self.doubts()) or "none"
        height, width = self.values.shape
        size = f"{width} words" if self.spans else f"{height} × {width} pixels"
        return (
            f"Explanation({self.method} of {self.target!r}: {size}, "
            f"{self.evaluations} evaluations, doubts: {doubtful})"
        )

    def doubts(self) -> list[tuple[str, str]]:
        """Return (short name, sentence) of each reason not to trust the map."""
        return doubts(self.figures())

    def show(self) -> None:
        """Show picture and map: in the notebook that runs this, else in the system's viewer."""
        implementation(f"{_VIEWS}:show_view")(self)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows; None before there is a map."""
        return implementation(f"{_VIEWS}:view_html")(self) if self.values.size else None

    def save(self, path: str | Path) -> None:
        """Write picture and map to a .png or .html file, or all that is known into a folder.

        The folder has `explanation.json`, the arrays as .npy and the image as PNG, each file whole;
        files that hold just that already stay untouched.

        Raises:
            ConfigError: a file of another ending.
            StorageError: the disk is full, or the path cannot be written.
        """
        place = Path(path).expanduser()
        if place.suffix:
            implementation(f"{_VIEWS}:save_view")(self, place)
            return
        arrays = {name: getattr(self, of) for of, name in _ARRAYS.items()} | self.compared
        arrays |= {f"{_DRIFT}{k}": values for k, values in enumerate(self.drift_maps)}
        parts = {f"{n}.npy": record_files.bytes_of(a) for n, a in arrays.items() if a.size}
        if self.x.size:
            parts[PICTURE] = encode_png(self.x)
        record_files.write(place, RECORD, self, parts)

    @classmethod
    def load(cls, folder: str | Path) -> "Explanation":
        """Return what `save` wrote.

        Raises:
            StorageError: it is not there, of another version, or its files are of two.
        """
        place = Path(folder)
        try:
            said, parts = record_files.read(place, RECORD, (".npy", ".png"))
            record, picture = from_json(cls, said), parts.pop(PICTURE, b"")
            npy = {name: data for name, data in parts.items() if name.endswith(".npy")}
            arrays: dict[str, Any] = {}
            arrays |= {n.removesuffix(".npy"): record_files.array_of(d) for n, d in npy.items()}
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"{place} holds no explanation that can be read ({error}). Explain again."
            ) from error
        own = {of: arrays.pop(name) for of, name in _ARRAYS.items() if name in arrays}
        if picture:
            own["x"] = np.asarray(decode(picture, PICTURE))
        along = sorted((n for n in arrays if n.startswith(_DRIFT)), key=lambda n: (len(n), n))
        drift_maps = tuple(arrays.pop(name) for name in along)
        return replace(record, **own, compared=arrays, drift_maps=drift_maps)


def credits_of(method: str, values: Values, segments: Segments) -> Floats:
    """Return the credit of each superpixel (S,) of a map (H, W), as its method's row says.

    Credits of pixels that add up to the answer are added up. Other maps of pixels are averaged, for
    their sums would tell how large superpixels are.

    Raises:
        UnknownName: no such method.
    """
    row = lookup(EXPLAINERS, "explanation method", method)
    return superpixel_credits(values, segments, row.is_additive and not row.uses_superpixels)
