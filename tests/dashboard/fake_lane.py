"""Stands for the worker of the interactive lane, for tests of the Explain page."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from usable_core.errors import Cancelled
from usable_core.evaluations.evidence import (
    Drift,
    Evidence,
    Fragility,
    PerturbationCurve,
    Sanity,
    Stability,
    Without,
)
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.evaluations.interactive import Answer
from usable_core.images import encode_png

PREDICTIONS = (Prediction(3, "cat", 0.9), Prediction(5, "dog", 0.1))
EPSILONS = (0.0, 1 / 255, 4 / 255)
FRAGILITY = Fragility(
    "linf",
    "PGD",
    EPSILONS,
    ("cat", "cat", "dog"),
    (0.9, 0.6, 0.1),
    (True, True, False),
    4 / 255,
    2.0,
)
DRIFT = Drift(
    EPSILONS, (0.9, 0.7, 0.1), (1.0, 0.8, 0.2), (True, True, False), (0.9, 0.6, 0.1), 900, 3.0
)


def curve(kind, background="blur", outputs=(0.9, 0.2, 0.1)):
    return PerturbationCurve(
        kind,
        background,
        (0.0, 0.5, 1.0),
        outputs,
        (0.9, 0.5, 0.1),
        (0.9, 0.4, 0.1),
        (0.9, 0.6, 0.1),
        (0.9, 0.45, 0.1),
    )


SOUND = Sanity(0.1, -0.2, "dog")


def evidence(sanity=SOUND):
    curves = [
        curve("deletion"),
        curve("deletion", "black"),
        curve("insertion", outputs=(0.1, 0.8, 0.9)),
        curve("insertion", "black", (0.1, 0.8, 0.9)),
        curve("road", "noise"),
    ]
    return Evidence(tuple(curves), sanity, 500, 4.0)


def stability(share=0.03, *, is_stable=True, settled=64):
    """An interval of each of 64 superpixels, the first `settled` of which exclude 0."""
    values = np.linspace(-1, 1, 64)
    wide = np.where(np.arange(64) < settled, 0.001, 5.0)
    return Stability(tuple(values), tuple(values - wide), tuple(values + wide), share, 8, is_stable)


def done(**known):
    return Answer("done", Explanation(**known))


class FakeLane:
    """Stands for the worker: remembers what it is asked; a test says how the answers look."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.requests = {}  # key -> request
        self.cancelled = []
        self.values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
        self.map = Explanation(predictions=PREDICTIONS, r2=0.8, evaluations=300, seconds=2.5)
        self.map_state, self.map_progress = "done", (0, 0)
        self.answers = {}  # reference -> answer that replaces the usual one
        self.predictions, self.familiarity, self.classes = PREDICTIONS, None, ()
        self.targets = {}  # reference -> class explained, if not the one asked for
        self.superpixels = {}  # reference -> what it sees, if not all
        self.by_evaluations = {}
        self.strengths = {}  # key -> what its map is multiplied by
        self.others = {
            "attack": done(fragility=FRAGILITY),
            "evidence": done(evidence=evidence()),
            "drift": done(drift=DRIFT),
            "hide": done(without=Without((3, 7), 0.9, 0.4)),
        }

    def submit(self, request):
        key = f"key{len(self.requests)}"
        self.requests[key] = request
        return key

    def poll(self, key):
        answer = self._answer(key)
        if key not in self.cancelled or answer.state in ("done", "failed"):
            return answer
        return replace(answer, state="failed", error=str(Cancelled()))

    def _answer(self, key):
        request = self.requests[key]
        if request.model.reference in self.answers:
            return self.answers[request.model.reference]
        if request.kind == "predict":
            return done(
                predictions=self.predictions, familiarity=self.familiarity, classes=self.classes
            )
        if request.kind == "time":
            return Answer("done", forward_seconds=0.01, gradient_seconds=0.02)
        if request.options.evaluations in self.by_evaluations:
            return self.by_evaluations[request.options.evaluations]
        if request.kind in self.others:
            return self._other(request)
        target = self.targets.get(request.model.reference, request.target or "cat")
        explanation = replace(self.map, method=request.method, target=target)
        return Answer(self.map_state, explanation, *self.map_progress)

    def _other(self, request):
        """Evidence and drift are of a map, an attack is of the picture."""
        found = self.others[request.kind]
        facts = {"predictions": self.predictions}
        if request.kind != "attack":
            facts |= {"method": request.method, "target": request.target or "cat"}
        if request.kind == "hide":
            facts["predictions"] = Prediction(5, "dog", 0.6), Prediction(3, "cat", 0.4)
        if request.kind == "drift":
            facts["fragility"] = FRAGILITY
        return replace(found, explanation=replace(found.explanation, **facts))

    def files(self, key):
        folder = self.folder / key
        folder.mkdir(parents=True, exist_ok=True)
        numbers = self.superpixels.get(self.requests[key].model.reference, np.arange(64))
        rows = len(numbers) // 8
        replace(
            self.poll(key).explanation,
            method=self.requests[key].method,
            values=self.strengths.get(key, 1) * self.values[-rows:],
            segments=np.arange(8 * rows, dtype=np.int32).reshape(rows, 8),
            superpixels=numbers,
            x=np.zeros((rows, 8, 3), np.uint8),
            compared={"randomised": self.values, "other_class": self.values},
            drift_maps=(self.values,) * len(EPSILONS),
        ).save(folder)
        for k in range(len(EPSILONS)):
            (folder / f"path_{k}.png").write_bytes(encode_png(np.zeros((rows, 8, 3), np.uint8)))
        return folder

    def cancel(self, key):
        self.cancelled.append(key)

    def ensure_worker(self):
        self.has_worker = True

    def wanted(self):
        """What was asked, as (reference, method)."""
        return [(r.model.reference, r.method) for r in self.asked("predict", "explain")]

    def asked(self, *kinds):
        return [r for r in self.requests.values() if r.kind in kinds]
