"""Answers about one image: predictions at once, a coarse map in seconds, then the full one."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

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
from usable_core.explainers.segments import picture_superpixels
from usable_core.labels import LabelSpace
from usable_core.measuring.explanation import explain, logits_of, npy, picture_of, target_index
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model
from usable_core.models.modes import channels_last
from usable_core.models.preprocessing import Preprocessing
from usable_core.runs.files import write_bytes

Publish = Callable[[Answer], None]
# A coarse map is worth its time when the full one takes at least this many times as long.
_WORTH = 2
_PUBLISH_SECONDS = 0.25
_TOP = 5


class ModelCache:
    """The models used last, kept loaded.

    Attributes:
        capacity: At most this many; the one unused for longest goes first.
    """

    def __init__(self, capacity: int = 4, load: Callable[[ModelSpec], Model] | None = None) -> None:
        self.capacity = capacity
        self._load = load
        self._models: OrderedDict[ModelSpec, Model] = OrderedDict()

    def __len__(self) -> int:
        return len(self._models)

    def get(self, spec: ModelSpec) -> Model:
        """Return the model that `spec` names, loading it when it is not at hand.

        Raises:
            UsableError: it cannot be loaded.
        """
        if spec not in self._models:
            while len(self._models) >= self.capacity:
                self._models.popitem(last=False)
            self._models[spec] = ready(self._loaded(spec))
        self._models.move_to_end(spec)
        return self._models[spec]

    def _loaded(self, spec: ModelSpec) -> Model:
        if self._load is not None:
            return self._load(spec)
        from usable_core.models import load_model

        return load_model(spec)


def answer(
    request: ImageRequest,
    models: ModelCache,
    image: Image.Image,
    folder: Path,
    publish: Publish,
) -> None:
    """Answer a request, publishing what is known as it grows; the last answer is `done`.

    Args:
        request: What is asked.
        models: Loads or remembers the model.
        image: The upright RGB picture.
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
        segments = picture_superpixels(image, model.preprocessing, request.options.segments)
        write_bytes(folder / "segments.npy", npy(segments))
        _refine(request, model, x, target, segments, folder, known, publish)


def top_predictions(model: Model, logits: Tensor, count: int = _TOP) -> tuple[Prediction, ...]:
    """Return the most probable classes, most probable first, of logits (classes,)."""
    probabilities = logits.softmax(0)
    order = probabilities.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(Prediction(i, model.labels.names[i], float(probabilities[i])) for i in order)


def warm_up() -> None:
    """Import and compile what the first explanation would otherwise wait for (some 8 s)."""
    model = Model(
        "warm-up", _Mean(), Preprocessing(resize=None, crop=(16, 16)), LabelSpace.unnamed(2)
    )
    x = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
    for method in EXPLAINERS:
        explain(model, x, 0, method, ExplainerOptions(evaluations=16, segments=4))


def _refine(
    request: ImageRequest,
    model: Model,
    x: Tensor,
    target: int,
    segments: NDArray[np.int32],
    folder: Path,
    known: Answer,
    publish: Publish,
) -> None:
    full = request.options.evaluations
    is_two_step = full >= _WORTH * COARSE_EVALUATIONS
    plan: tuple[tuple[int, State], ...] = ((full, "done"),)
    if is_two_step:
        plan = ((COARSE_EVALUATIONS, "coarse"), (full, "done"))
    for evaluations, state in plan:
        options = replace(request.options, evaluations=evaluations)
        found = explain(
            model, x, target, str(request.method), options,
            segments=segments, report=_publisher(known, publish),
        )  # fmt: skip
        write_bytes(folder / "map.npy", npy(found.values))
        known = _with_figures(known, found, state)
        publish(known)


def _with_figures(known: Answer, found: Attribution, state: State) -> Answer:
    return replace(
        known,
        state=state,
        r2=found.r2,
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


class _Mean(nn.Module):
    """Logits (N, 2) from the mean of each image."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)
