"""Answers about one image: predictions at once, a coarse map in seconds, then the full one.

And about no image: how long a model takes, for estimates before long work.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from usable_core.batching import seconds_per_image
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import (
    COARSE_EVALUATIONS,
    Answer,
    ImageRequest,
    Prediction,
    State,
)
from usable_core.evaluations.specs import ModelSpec, Report
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.masking import Known
from usable_core.explainers.segments import picture_superpixels
from usable_core.jobs.interactive import file_facts
from usable_core.labels import LabelSpace
from usable_core.measuring.explanation import explain, logits_of, npy, picture_of, target_index
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model
from usable_core.models.modes import channels_last
from usable_core.models.preprocessing import Preprocessing
from usable_core.runs.files import write_bytes

Publish = Callable[[Answer], None]
K = TypeVar("K")
V = TypeVar("V")
# A coarse map is worth its time when the full one takes at least this many times as long.
_WORTH = 2
_PUBLISH_SECONDS = 0.25
_TOP = 5
_KEPT = 64  # superpixels, and maps put off: some 200 KB each


@dataclass
class _Begun:
    """What a map can go on from when a question of higher rank came between."""

    known: Known = field(default_factory=dict)
    coarse: Attribution | None = None
    seconds: float = 0.0


class ModelCache:
    """The models used last, kept loaded.

    Attributes:
        capacity: At most this many; the one unused for longest goes first.
        segments: Superpixels by picture, geometry and count, shared by models and methods.
        begun: What is known of maps that are not done, by the folder of the answer.
    """

    def __init__(self, capacity: int = 4, load: Callable[[ModelSpec], Model] | None = None) -> None:
        self.capacity = capacity
        self._load = load
        self._models: OrderedDict[tuple[ModelSpec, object], Model] = OrderedDict()
        self.segments: OrderedDict[str, NDArray[np.int32]] = OrderedDict()
        self.begun: OrderedDict[Path, _Begun] = OrderedDict()

    def __len__(self) -> int:
        return len(self._models)

    def get(self, spec: ModelSpec) -> Model:
        """Return the model that `spec` names, loading it when it is not at hand.

        Raises:
            UsableError: it cannot be loaded.
        """
        key = (spec, file_facts(spec))  # a file that was replaced is another model
        if key not in self._models:
            while len(self._models) >= self.capacity:
                self._models.popitem(last=False)
            self._models[key] = ready(self._loaded(spec))
        self._models.move_to_end(key)
        return self._models[key]

    def _loaded(self, spec: ModelSpec) -> Model:
        if self._load is not None:
            return self._load(spec)
        from usable_core.models import load_model

        return load_model(spec)


def answer(
    request: ImageRequest,
    models: ModelCache,
    image: Image.Image | None,
    folder: Path,
    publish: Publish,
) -> None:
    """Answer a request, publishing what is known as it grows; the last answer is `done`.

    Args:
        request: What is asked.
        models: Loads or remembers the model.
        image: The upright RGB picture; None where only time is asked for.
        folder: Where `input.png`, `map.npy` and `segments.npy` go, each written as one step.
        publish: Told every new answer, about four times a second while working; may raise
            `Cancelled`.

    Raises:
        UsableError: the model cannot be loaded, the class is unknown, or there is no explanation.
            The caller publishes the sentence.
        Cancelled: through `publish`.
    """
    publish(Answer("working", method=request.method))
    model = models.get(request.model)
    if request.kind == "time":
        forward, gradient = (seconds_per_image(model, needs_gradient=g) for g in (False, True))
        publish(Answer("done", forward_seconds=forward, gradient_seconds=gradient))
        return
    assert image is not None
    x = model.preprocessing.geometry(image)
    with channels_last(model.network):
        logits = logits_of(model, x)
        if not torch.isfinite(logits).all():
            raise ExplanationError(
                "The model should answer with finite numbers, but gives NaN or infinity on this "
                "image. Check its weights, or choose another model."
            )
        write_bytes(folder / "input.png", picture_of(x))
        known = Answer("working", top_predictions(model, logits), method=request.method)
        if request.kind == "predict":
            publish(replace(known, state="done"))
            return
        target = target_index(model, request.target, int(logits.argmax()))
        known = replace(known, target=model.labels.names[target])
        publish(known)
        segments = _superpixels(request, models, model, image)
        write_bytes(folder / "segments.npy", npy(segments))
        begun = _kept(models.begun, folder, _Begun)
        _refine(request, model, x, target, segments, folder, known, publish, begun)
        del models.begun[folder]


def top_predictions(model: Model, logits: Tensor, count: int = _TOP) -> tuple[Prediction, ...]:
    """Return the most probable classes, most probable first, of logits (classes,)."""
    probabilities = logits.softmax(0)
    order = probabilities.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(Prediction(i, model.labels.names[i], float(probabilities[i])) for i in order)


def warm_up() -> Iterator[None]:
    """Import and compile, in steps, what the first explanations would otherwise wait for."""
    model = Model(
        "warm-up", _Mean(), Preprocessing(resize=None, crop=(16, 16)), LabelSpace.unnamed(2)
    )
    x = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
    for method in EXPLAINERS:
        explain(model, x, 0, method, ExplainerOptions(evaluations=16, segments=4))
        yield


def _refine(
    request: ImageRequest,
    model: Model,
    x: Tensor,
    target: int,
    segments: NDArray[np.int32],
    folder: Path,
    known: Answer,
    publish: Publish,
    begun: _Begun,
) -> None:
    full = request.options.evaluations
    is_two_step = full >= _WORTH * COARSE_EVALUATIONS
    plan: tuple[tuple[int, State], ...] = ((full, "done"),)
    if is_two_step:
        plan = ((COARSE_EVALUATIONS, "coarse"), (full, "done"))
    for evaluations, state in plan:
        found = begun.coarse if state == "coarse" else None
        if found is None:
            options = replace(request.options, evaluations=evaluations)
            started = time.perf_counter()
            try:
                found = explain(
                    model, x, target, str(request.method), options,
                    segments=segments, report=_publisher(known, publish), known=begun.known,
                )  # fmt: skip
            finally:
                begun.seconds += time.perf_counter() - started
            found = replace(found, seconds=begun.seconds)
        if state == "coarse":
            begun.coarse = found
        write_bytes(folder / "map.npy", npy(found.values))
        known = _with_figures(known, found, state)
        publish(known)


def _with_figures(known: Answer, found: Attribution, state: State) -> Answer:
    return replace(
        known,
        state=state,
        r2=found.r2 if state == "done" else None,  # of 64 samples it flatters any model
        additivity_gap=found.additivity_gap,
        evaluations=found.evaluations,
        seconds=found.seconds,
        output=found.output,
        base=found.base,
        unit=found.unit,
        done=found.evaluations,
        total=found.evaluations,
    )


def _publisher(known: Answer, publish: Publish) -> Report:
    last = 0.0

    def report(done: int, total: int, message: str, **metrics: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _PUBLISH_SECONDS:
            publish(replace(known, done=done, total=total))
            last = time.monotonic()

    return report


def _superpixels(
    request: ImageRequest, models: ModelCache, model: Model, image: Image.Image
) -> NDArray[np.int32]:
    geometry = asdict(replace(model.preprocessing, mean=(0, 0, 0), std=(1, 1, 1), sources={}))
    key = f"{request.image} {request.options.segments} {sorted(geometry.items())}"
    return _kept(
        models.segments,
        key,
        lambda: picture_superpixels(image, model.preprocessing, request.options.segments),
    )


def _kept(store: "OrderedDict[K, V]", key: K, make: Callable[[], V]) -> V:
    """Return what is stored under `key`, made first where it is not; the oldest make room."""
    if key not in store:
        store[key] = make()
        if len(store) > _KEPT:
            store.popitem(last=False)
    store.move_to_end(key)
    return store[key]


class _Mean(nn.Module):
    """Logits (N, 2) from the mean of each image."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)
