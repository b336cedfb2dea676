"""Answers about one image: predictions at once, a coarse map in seconds, then better ones.

And how far to trust that map, how small a change breaks the prediction, and how the map moves along
that change. And about no image: how long a model takes, for estimates before long work.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from usable_core.asking.batch_size import seconds_per_image
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import (
    Answer,
    ImageRequest,
    Prediction,
    State,
)
from usable_core.evaluations.specs import Report
from usable_core.explainers.attribution import Attribution
from usable_core.files import write_bytes
from usable_core.labels import LabelSpace
from usable_core.measuring.calibration import familiarity_of, known_calibration
from usable_core.measuring.drift import drifting
from usable_core.measuring.evidence import evidence
from usable_core.measuring.explanation import explain, logits_of, npy, picture_of, target_index
from usable_core.measuring.fragility import AdversarialPath, adversarial_path
from usable_core.measuring.memory import Begun, ModelCache, map_identity, path_identity
from usable_core.measuring.refinement import refined
from usable_core.models.model import Model
from usable_core.models.modes import channels_last
from usable_core.models.preprocessing import Preprocessing

__all__ = ["ModelCache", "answer", "top_predictions", "warm_up"]

Publish = Callable[[Answer], None]
_PUBLISH_SECONDS = 0.25
_COMPILED = "partition_shap"  # by numba, for some ten seconds: last in the warm-up
# A method is used by one thread at a time: the warm-up's, or the one that answers. Partition SHAP
# draws from NumPy's global generator.
_LOCKS = {method: threading.Lock() for method in EXPLAINERS}
_TOP = 5


@dataclass(eq=False)
class _Work:
    """A question under way: what is asked, what is at hand, and what is known.

    Attributes:
        request: What is asked.
        models: What the process remembers.
        model: The model asked about.
        image: The upright RGB picture.
        x: What the model sees of it (3, H, W) in [0, 1].
        logits: Its answer (classes,) float64.
        folder: Where files go.
        publish: Told every new answer.
        known: The answer so far.
    """

    request: ImageRequest
    models: ModelCache
    model: Model
    image: Image.Image
    x: Tensor
    logits: Tensor
    folder: Path
    publish: Publish
    known: Answer

    @property
    def begun(self) -> Begun:
        """Return what was begun for this question."""
        return self.models.begun.get(self.folder, Begun)

    def tell(self, **changes: object) -> None:
        """Publish what has come to be known."""
        self.known = replace(self.known, **changes)  # type: ignore[arg-type]
        self.publish(self.known)

    def write(self, name: str, array: NDArray[np.generic]) -> None:
        """Write an array into the folder, as one step."""
        write_bytes(self.folder / name, npy(array))

    def report(self) -> Report:
        """Return what publishes progress, about four times a second and at once."""
        last = 0.0

        def report(done: int, total: int, message: str, **metrics: float) -> None:
            nonlocal last
            if time.monotonic() - last >= _PUBLISH_SECONDS:
                self.publish(replace(self.known, done=done, total=total))
                last = time.monotonic()

        return report


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
        models: Loads or remembers the model, and what it said.
        image: The upright RGB picture; None where only time is asked for.
        folder: Where `input.png` and the arrays go that `evaluations.interactive` lists, each
            written as one step.
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
    try:
        with channels_last(model.network):
            logits = _finite(logits_of(model, x))
            write_bytes(folder / "input.png", picture_of(x))
            known = Answer(
                "working",
                top_predictions(model, logits),
                method=request.method,
                familiarity=familiarity_of(model, logits.numpy()),
            )
            work = _Work(request, models, model, image, x, logits, folder, publish, known)
            with _method_at_hand(work):
                _ANSWERS[request.kind](work)
        models.begun.drop(folder)
    finally:
        models.answers.trim()


def top_predictions(model: Model, logits: Tensor, count: int = _TOP) -> tuple[Prediction, ...]:
    """Return the most probable classes, most probable first, of logits (classes,)."""
    found = known_calibration(model)
    probabilities = logits.softmax(0)
    calibrated = None if found is None else (logits / found.temperature).softmax(0)
    order = probabilities.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(
        Prediction(
            i,
            model.labels.names[i],
            float(probabilities[i]),
            None if calibrated is None else float(calibrated[i]),
        )
        for i in order
    )


def warm_up() -> Iterator[None]:
    """Import and compile, in steps, what the first explanations would otherwise wait for."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    model = Model(
        "warm-up", network, Preprocessing(resize=None, crop=(16, 16)), LabelSpace.unnamed(2)
    )
    x = torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16)
    adversarial_path(model, x)
    yield
    for method in sorted(EXPLAINERS, key=lambda name: name == _COMPILED):
        # Explaining by a method that this network cannot be explained by is no failure.
        with _LOCKS[method], suppress(ExplanationError):
            explain(model, x, 0, method, ExplainerOptions(evaluations=16, segments=4))
        yield


@contextmanager
def _method_at_hand(work: _Work) -> Iterator[None]:
    """Wait until the warm-up is done with the method asked for; other questions may go first."""
    lock = None if work.request.method is None else _LOCKS[work.request.method]
    while lock is not None and not lock.acquire(timeout=_PUBLISH_SECONDS):
        work.tell()
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


# One function per kind of question


def _predict(work: _Work) -> None:
    work.tell(state="done")


def _explain(work: _Work) -> None:
    target = _target(work)
    segments = _superpixels(work)
    begun = work.begun
    if begun.found is not None:  # people saw it before this was put off
        _show(work, begun.found, "coarse")
    for found in _maps(work, target, segments, begun):
        _show(work, found, "coarse")
    _show(work, _kept_map(work, begun), "done")


def _evidence(work: _Work) -> None:
    target = _target(work)
    segments = _superpixels(work)
    found = work.models.maps.find(map_identity(work.request))
    if found is None:  # made by another process, or long ago
        begun = work.begun
        for _ in _maps(work, target, segments, begun):
            pass
        found = _kept_map(work, begun)
    gathered, maps = evidence(
        work.model,
        work.x,
        target,
        found,
        work.request.options,
        segments=segments,
        report=work.report(),
        answers=work.models.answers_of(work.request),
    )
    for name, values in maps.items():
        work.write(f"{name}.npy", values)
    work.tell(
        state="done",
        evidence=gathered,
        evaluations=gathered.evaluations,
        seconds=gathered.seconds,
    )


def _attack(work: _Work) -> None:
    work.tell()
    path = _path(work)
    for k, image in enumerate(path.images):
        write_bytes(work.folder / f"path_{k}.png", picture_of(image))
    work.tell(state="done", fragility=path.fragility, seconds=path.fragility.seconds)


def _drift(work: _Work) -> None:
    target = _target(work)
    segments = _superpixels(work)
    path = _path(work)
    work.tell(fragility=path.fragility)
    maps = work.begun.maps
    shown = len(maps)  # before this was put off
    for found in drifting(
        work.model,
        path,
        target,
        str(work.request.method),
        work.request.options,
        segments=segments,
        report=work.report(),
        known=work.models.known(work.request),
        maps=maps,
    ):
        last = len(found.epsilons) - 1
        if last + 2 < shown:
            continue
        work.write(f"map_{last}.npy", maps[0 if last == 0 else last + 1].values)
        work.tell(state="coarse", drift=found, evaluations=found.evaluations, seconds=found.seconds)
    work.tell(state="done")


_ANSWERS: dict[str, Callable[[_Work], None]] = {
    "predict": _predict,
    "explain": _explain,
    "evidence": _evidence,
    "attack": _attack,
    "drift": _drift,
}


# Their parts


def _target(work: _Work) -> int:
    """Return the class explained, and tell its name."""
    target = target_index(work.model, work.request.target, int(work.logits.argmax()))
    work.tell(target=work.model.labels.names[target])
    return target


def _superpixels(work: _Work) -> NDArray[np.int32]:
    """Return the superpixels (H, W) of the image, and write them down."""
    segments, numbers = work.models.superpixels(work.request, work.model, work.image)
    work.write("segments.npy", segments)
    work.write("superpixels.npy", numbers)
    return segments


def _path(work: _Work) -> AdversarialPath:
    return work.models.paths.get(
        path_identity(work.request),
        lambda: adversarial_path(work.model, work.x, report=work.report()),
    )


def _maps(
    work: _Work, target: int, segments: NDArray[np.int32], begun: Begun
) -> Iterator[Attribution]:
    """Yield maps, each better than the one before, and keep the last of them in `begun`."""
    begun.report = work.report()
    if begun.refinement is None:
        begun.refinement = refined(
            work.model,
            work.x,
            target,
            str(work.request.method),
            work.request.options,
            segments=segments,
            report=begun.tell,
            known=work.models.known(work.request),
        )
    while True:
        started = time.perf_counter()
        try:
            found = next(begun.refinement, None)
        except BaseException:  # a generator that was interrupted inside is over
            begun.refinement = None
            raise
        finally:
            begun.seconds += time.perf_counter() - started
        if found is None:
            return
        if begun.found is not None and found.evaluations <= begun.found.evaluations:
            continue  # made again after an interruption
        begun.found = replace(found, seconds=begun.seconds)
        yield begun.found


def _kept_map(work: _Work, begun: Begun) -> Attribution:
    """Return the best map, and keep it for questions about it."""
    found = begun.found
    if found is None:
        raise ValueError("a refinement yields one map at least")
    work.models.maps.put(map_identity(work.request), lambda: found)
    return found


def _show(work: _Work, found: Attribution, state: State) -> None:
    work.write("map.npy", found.values)
    work.tell(
        state=state,
        r2=found.r2 if state == "done" else None,  # of few samples it flatters any model
        effective_samples=found.effective_samples,
        additivity_gap=found.additivity_gap,
        convergence=found.convergence,
        stability=found.stability,
        precision=found.precision,
        evaluations=found.evaluations,
        seconds=found.seconds,
        output=found.output,
        base=found.base,
        unit=found.unit,
        done=found.evaluations,
        total=max(found.evaluations, work.request.options.evaluations),
    )


def _finite(logits: Tensor) -> Tensor:
    if not torch.isfinite(logits).all():
        raise ExplanationError(
            "The model should answer with finite numbers, but gives NaN or infinity on this "
            "image. Check its weights, or choose another model."
        )
    return logits
