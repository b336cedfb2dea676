"""Answers about one image: predictions at once, a coarse map in seconds, then better ones.

And how far to trust that map, how small a change breaks the prediction, and how the map moves along
that change. And about no image: how long a model takes, for estimates before long work.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL.Image import Image
from torch import nn

from usable_core.asking.batch_size import seconds_per_image
from usable_core.asking.oracle import Oracle
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import TRIAL_TEXT, Answer, ImageRequest, State
from usable_core.evaluations.specs import Report
from usable_core.explainers.attribution import attribute
from usable_core.files import write_bytes
from usable_core.games.pictures import Picture
from usable_core.images import encode_png
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.measuring.drift import Drifting
from usable_core.measuring.evidence import with_evidence
from usable_core.measuring.example_pictures import save_asked
from usable_core.measuring.exports import save_export
from usable_core.measuring.fragility import AdversarialPath, adversarial_path
from usable_core.measuring.hiding import without
from usable_core.measuring.instances import Instance, seen
from usable_core.measuring.memory import ModelCache, Session, map_identity, path_identity
from usable_core.measuring.refinement import Refinement
from usable_core.models.model import Model
from usable_core.models.seen import known, loaded

__all__ = ["ModelCache", "answer", "warm_up"]

Publish = Callable[[Answer], None]
_PUBLISH_SECONDS = 0.25
# A method is used by one thread at a time, the warm-up's or the one that answers: its first use
# imports for seconds, in which the one that waits still tells that it lives.
_LOCKS = {method: threading.Lock() for method in EXPLAINERS}


@dataclass(eq=False)
class _Question:
    """A question under way.

    Attributes:
        request: What is asked.
        models: What the process remembers.
        image: The upright RGB picture; None of a text.
        instance: What the model sees of it and said.
        folder: Where files go.
        publish: Told every new answer.
        answer: The answer so far.
    """

    request: ImageRequest
    models: ModelCache
    image: Image | None
    instance: Instance
    folder: Path
    publish: Publish
    answer: Answer

    @property
    def session(self) -> Session:
        """Return what can be gone on from."""
        return self.models.sessions.get(self.folder, Session)

    @property
    def method(self) -> str:
        """Return the method asked for."""
        return str(self.request.method)

    @property
    def options(self) -> ExplainerOptions:
        """Return how maps are made, words hidden by what the text's own is."""
        return self.instance.options(self.request.options)

    def tell(self, state: State, explanation: Explanation | None = None, **progress: int) -> None:
        """Publish what has come to be known; an explanation is saved first."""
        if explanation is not None:
            explanation.save(self.folder)
            self.answer = replace(self.answer, explanation=explanation)
        self.answer = replace(self.answer, state=state, **progress)  # type: ignore[arg-type]
        self.publish(self.answer)

    def report(self) -> Report:
        """Return what publishes progress, about four times a second and at once."""
        last = 0.0

        def report(done: int, total: int, message: str, **metrics: float) -> None:
            nonlocal last
            if time.monotonic() - last >= _PUBLISH_SECONDS:
                self.publish(replace(self.answer, done=done, total=total))
                last = time.monotonic()

        return report


def answer(
    request: ImageRequest, models: ModelCache, image: Image | None, folder: Path, publish: Publish
) -> None:
    """Answer a request, publishing what is known as it grows; the last answer is `done`.

    Args:
        request: What is asked.
        models: Loads or remembers the model, and what it said.
        image: The upright RGB picture; None where it is about none.
        folder: Where the files go that `evaluations.interactive` lists, each written as one step.
        publish: Told every new answer, about four times a second while working; may raise
            `Cancelled`.

    Raises:
        UsableError: the model cannot be loaded, the class is unknown, or there is no explanation.
            The caller publishes the sentence.
        Cancelled: through `publish`.
    """
    method = request.method
    publish(Answer("working", Explanation(method=method)))
    if request.kind == "examples":
        publish(Answer("done", Explanation(method=save_asked(request, models.get, folder))))
        return
    if request.kind == "known":
        publish(Answer("done", passport=known(request.model)))
        return
    if request.kind == "export":
        publish(Answer("done", exported=save_export(request, models.get, folder, publish)))
        return
    model = models.get(request.model)
    if request.kind == "time":
        forward, gradient = (seconds_per_image(model, needs_gradient=g) for g in (False, True))
        publish(Answer("done", forward_seconds=forward, gradient_seconds=gradient))
        return
    try:
        with Oracle(model):
            text = request.text
            if request.kind == "trial" and model.kind == "text":  # whatever picture came with it
                text, image = TRIAL_TEXT, None
            background = request.options.background
            instance = seen(model, image, text, background, request.hidden)
            start = Answer("working", replace(instance.start, method=method))
            question = _Question(request, models, image, instance, folder, publish, start)
            with nullcontext() if method is None else _waiting_for(_LOCKS[method], question):
                _ANSWERS[request.kind](question)
        models.sessions.drop(folder)
    finally:
        models.answers.trim()


def warm_up() -> Iterator[None]:
    """Import, in steps, what the first explanations would otherwise wait for."""
    body = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    network, seen = nn.Sequential(*body, nn.Linear(4, 2)), Preprocessing(resize=None, crop=(16, 16))
    model = Model("warm-up", network, seen, LabelSpace.unnamed(2))
    picture = Picture.of(torch.linspace(0, 1, 3 * 16 * 16).view(3, 16, 16), 4)
    adversarial_path(model, picture.x)
    yield
    for method in EXPLAINERS:
        # Explaining by a method that this network cannot be explained by is no failure.
        with _LOCKS[method], suppress(ExplanationError):
            attribute(model, picture, method, 0, ExplainerOptions(evaluations=16, segments=4))
        yield


@contextmanager
def _waiting_for(lock: threading.Lock, question: _Question) -> Iterator[None]:
    """Wait until the warm-up is done with the method asked for; other questions may go first."""
    while not lock.acquire(timeout=_PUBLISH_SECONDS):
        question.tell("working")
    try:
        yield
    finally:
        lock.release()


# One function per kind of question


def _explain(question: _Question) -> None:
    refinement = _refinement(question, _divided(question))
    if refinement.best is not None:  # people saw it before this was put off
        _show(question, refinement.best, "coarse")
    for explanation in refinement:
        _show(question, explanation, "coarse")
    _show(question, _best(question, refinement), "done")


def _evidence(question: _Question) -> None:
    target = _divided(question)
    found = question.models.maps.find(map_identity(question.request))
    if found is None:  # made by another process, or long ago
        refinement = _refinement(question, target)
        for _ in refinement:
            pass
        found = _best(question, refinement)
    options, report = question.options, question.report()
    question.tell("done", with_evidence(question.instance, found, target, options, report))


def _attack(question: _Question) -> None:
    question.tell("working")
    path = _path(question)
    for k, image in enumerate(path.images.permute(0, 2, 3, 1).cpu().numpy()):
        write_bytes(question.folder / f"path_{k}.png", encode_png(image))
    question.tell("done", replace(question.answer.explanation, fragility=path.fragility))


def _trial(question: _Question) -> None:
    question.answer = replace(question.answer, passport=loaded(question.instance.model))
    question.tell("done", question.answer.explanation)


def _hide(question: _Question) -> None:
    target, request = _divided(question), question.request
    explanation = without(question.instance, request.hidden, target, request.options)
    name = question.instance.model.labels.names[target]
    question.tell("done", replace(explanation, target=name))


def _drift(question: _Question) -> None:
    target, session = _divided(question), question.session
    if session.drifting is None:
        session.drifting = Drifting(
            question.instance, _path(question), question.method, target, question.request.options
        )
    drifting = session.drifting
    drifting.report = question.report()
    if drifting.latest is not None:  # people saw it before this was put off
        question.tell("coarse", drifting.latest)
    for explanation in drifting:
        question.tell("coarse", explanation)
    question.tell("done")


_ANSWERS: dict[str, Callable[[_Question], None]] = {
    "predict": lambda question: question.tell("done", question.answer.explanation),
    "explain": _explain,
    "evidence": _evidence,
    "attack": _attack,
    "drift": _drift,
    "hide": _hide,
    "trial": _trial,
}


# Their parts


def _divided(question: _Question) -> int:
    """Divide the image into superpixels, tell what is explained and return its class."""
    models, request, instance = question.models, question.request, question.instance
    target = instance.target(request.target)
    answers = models.answers_of(request)
    if question.image is None:  # words are there already
        question.instance = instance.remembering(answers)
    else:
        segments, numbers = models.superpixels(request, instance.model, question.image)
        question.instance = instance.divided(segments, numbers, answers)
    name = instance.model.labels.names[target]
    question.answer = replace(
        question.answer,
        explanation=replace(question.instance.start, method=request.method, target=name),
    )
    question.tell("working")
    return target


def _path(question: _Question) -> AdversarialPath:
    instance = question.instance
    return question.models.paths.get(
        path_identity(question.request),
        lambda: adversarial_path(instance.model, instance.picture.x, report=question.report()),
    )


def _refinement(question: _Question, target: int) -> Refinement:
    """Return better and better maps, from where they were left."""
    session = question.session
    if session.refinement is None:
        session.refinement = Refinement(
            question.instance, question.method, target, question.options
        )
    session.refinement.report = question.report()
    return session.refinement


def _best(question: _Question, refinement: Refinement) -> Explanation:
    """Return the best map of a refinement that is over, and keep it for questions about it."""
    best = refinement.best
    assert best is not None  # it yields one map at least
    question.models.maps.put(map_identity(question.request), lambda: best)
    return best


def _show(question: _Question, explanation: Explanation, state: State) -> None:
    done, most = explanation.evaluations, question.request.options.evaluations
    if state != "done":  # R² of few samples flatters any model
        explanation = replace(explanation, r2=None)
    question.tell(state, explanation, done=done, total=max(done, most))
