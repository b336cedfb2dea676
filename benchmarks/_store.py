"""A store as large as one gets: many models measured on many examples, and thousands of runs."""

import contextlib
import io
import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.comparison import SHARED, _alike
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.corruption import CORRUPTION_COLUMNS
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.cost import COST_COLUMNS, CostResult, Facts
from usable_core.evaluations.explanation import COLUMNS, FIGURES, ExplanationResult
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness import Check
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.jobs.assessment import Candidate, _findings, _records, _side_by_side
from usable_core.runs import RunStore
from usable_core.runs.database import forget
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.plan import questions

_NAMES = (
    "resnet18 resnet34 resnet50 vgg16 vgg19 densenet121 mobilenet_v2 mobilenet_v3_large "
    "efficientnet_b0 convnext_tiny vit_b_16 swin_t"
)
NAMES = tuple(_NAMES.split())
_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
CLASSES = tuple(_CLASSES.split())
MACHINE = Machine("0badcafe", "Processor", 2, 2, 2, "cpu", "Linux")


def picture(index: int) -> bytes:
    """Return a small PNG that differs from all others."""
    buffer = io.BytesIO()
    pixels = np.full((8, 8, 3), index % 251, np.uint8)
    pixels[0, 0] = index // 65536, index // 256 % 256, index % 256
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def pictures(folder: Path, count: int) -> Path:
    """Write a data set of so many pictures and return its file."""
    path = folder / "pictures.parquet"
    table = {
        "image": [{"bytes": picture(index), "path": f"{index:05}.png"} for index in range(count)],
        "label": [CLASSES[index % len(CLASSES)] for index in range(count)],
    }
    pq.write_table(pa.table(table), path)
    return path


class Answers:
    """Answers about one model of several, whose outcomes hang together as real ones do."""

    def __init__(self, data: Path, models: int, examples: int) -> None:
        from usable_core.datasets import load_dataset

        self.whole = load_dataset(str(data))
        self.generator = np.random.default_rng(0)
        accuracies = np.linspace(0.86, 0.94, models)
        self.right = _alike(self.generator, examples, accuracies, SHARED)

    def of(self, place: int, config: AssessmentConfig) -> dict[str, Measured]:
        """Return every answer about the model at a place of the assessment's."""
        asked = questions(config.models[place], config)
        makers = {
            "accuracy": self.accuracy,
            "cost": self.cost,
            "corruption": self.corruption,
            "robustness": self.robustness,
            "explanation": self.explanation,
        }
        return {task: makers[task](place, question) for task, question in asked.items()}

    def examples(self, place: int, count: int | None) -> tuple[pd.DataFrame, np.ndarray]:
        """Return index, id and label of the first examples, and whether the model is right."""
        right = self.right[:count, place]
        index = np.arange(len(right))
        labels = self.whole.targets[: len(right)]
        ids = list(self.whole.ids[: len(right)])
        return pd.DataFrame({"index": index, "id": ids, "label": labels}), right

    def said(self, labels: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return predictions."""
        other = self.generator.integers(1, len(CLASSES), labels.shape)
        return np.where(right, labels, (labels + other) % len(CLASSES))

    def source(self, model: ModelSpec, refused: tuple[str, ...] = ()) -> Provenance:
        """Return where an answer comes from."""
        return Provenance(
            model.reference,
            f"print-{model.reference}",
            self.whole.name,
            self.whole.fingerprint,
            "all",
            CLASSES,
            warnings=refused,
            seconds=10.0,
        )

    def accuracy(self, place: int, config: AccuracyConfig) -> Measured:
        """Return the outcome of every example."""
        frame, right = self.examples(place, None)
        confidence = np.clip(self.generator.normal(0.9, 0.08, len(frame)), 0.11, 1)
        frame["prediction"] = self.said(frame["label"].to_numpy(), right)
        frame["rank"] = (~right).astype(int)
        frame["confidence"], frame["nll"] = confidence, -np.log(confidence)
        frame["brier"] = (1 - confidence) ** 2
        return AccuracyResult(config, self.source(config.model), frame)

    def robustness(self, place: int, config: object) -> Measured:
        """Return the outcome of every example at every budget."""
        frame, right = self.examples(place, config.dataset.limit)
        clean = self.said(frame["label"].to_numpy(), right)
        breaks = self.generator.integers(1, len(config.epsilons) + 1, len(frame))
        parts = []
        for step, epsilon in enumerate(config.epsilons):
            is_right = right & (step < breaks)
            after = self.said(frame["label"].to_numpy(), is_right)
            found = np.where(
                is_right, np.nan, np.asarray(config.epsilons)[np.minimum(breaks, step)]
            )
            parts.append(
                frame.assign(
                    epsilon=epsilon,
                    clean_prediction=clean,
                    prediction=after,
                    found_epsilon=found,
                    noise_prediction=clean,
                )
            )
        checks = (Check("noise", "green", "Largest excess: 0.", {"n": 1.0, "excess": 0.0}),)
        records = pd.concat(parts, ignore_index=True)
        return RobustnessResult(config, self.source(config.model), records, checks)

    def corruption(self, place: int, config: object) -> Measured:
        """Return the outcome of every example under every corruption and severity."""
        frame, right = self.examples(place, config.dataset.limit)
        clean = self.said(frame["label"].to_numpy(), right)
        parts = []
        for name in config.corruptions:
            for severity in config.severities:
                is_right = right & (self.generator.random(len(right)) > 0.06 * severity)
                parts.append(
                    frame.assign(
                        corruption=name,
                        severity=severity,
                        clean_prediction=clean,
                        clean_confidence=0.9,
                        prediction=self.said(frame["label"].to_numpy(), is_right),
                        confidence=0.8,
                        nll=0.3,
                        height=32,
                        width=32,
                    )
                )
        records = pd.concat(parts, ignore_index=True)[list(CORRUPTION_COLUMNS)]
        return CorruptionResult(config, self.source(config.model), records)

    def explanation(self, place: int, config: object) -> Measured:
        """Return the figures of every map."""
        frame, right = self.examples(place, config.dataset.limit)
        said = self.said(frame["label"].to_numpy(), right)
        parts = []
        for method in config.methods:
            figures = {name: self.generator.random(len(frame)) for name in FIGURES}
            facts = {"prediction": said, "target": said, "method": method, "evaluations": 150}
            parts.append(frame.assign(**facts, seconds=0.5, is_stable=1, **figures))
        records = pd.concat(parts, ignore_index=True).reindex(columns=list(COLUMNS))
        return ExplanationResult(config, self.source(config.model), records)

    def cost(self, place: int, config: object) -> Measured:
        """Return the timings of single pictures."""
        count = config.timings
        seconds = self.generator.gamma(50, 0.01 / 50 * (1 + place), count)
        frame = pd.DataFrame({"batch": 1, "place": np.arange(count), "forward": seconds})
        frame["decode"] = frame["preprocess"] = 0.001
        facts = Facts(1_000_000, 1e8, 4_000_000, "file", {"1": 1e7}, "counting tensors", 0.1, "–")
        records = frame[list(COST_COLUMNS)]
        return CostResult(config, self.source(config.model), MACHINE, facts, records)


def fill(home: Path, *, models: int, examples: int, runs: int) -> tuple[str, list[str]]:
    """Fill a store and return its assessment and the accuracy runs.

    The models are assessed by the standard preset on a data set of so many pictures; the other runs
    are earlier ones that asked the same.
    """
    data = pictures(home, examples)
    specs = tuple(ModelSpec(f"torchvision/{name}") for name in NAMES[:models])
    config = AssessmentConfig(specs, DatasetSpec(str(data)), preset="standard")
    answers = Answers(data, models, examples)
    store = RunStore()
    whole = store.create(config)
    store.start(whole.id, os.getpid())
    candidates = [Candidate(spec) for spec in specs]
    for place, candidate in enumerate(candidates):
        for task, result in answers.of(place, config).items():
            run = store.create(result.config, parent=whole.id)
            store.start(run.id, os.getpid())
            store.finish(run.id, result)
            candidate.results[task], candidate.runs[task] = result, run.id
    records = _records(candidates, config)
    found = _findings(candidates, records, config.seed)
    several = _side_by_side(candidates, records, config)
    store.finish(whole.id, AssessmentResult(config, records, findings=found, candidates=several))
    forget()  # all is in one file
    earlier(home / "runs.sqlite", runs)
    return whole.id, [candidate.runs["accuracy"] for candidate in candidates]


def earlier(database: Path, count: int) -> None:
    """Add runs that were answered by those that are there, until there are so many."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        own = {"id": "id || '-' || i", "created": "created - 60 * i", "answered_by": "id"}
        own["parent"] = "NULL"
        columns = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(own.get(name, f'"{name}"') for name in names)
        there = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        connection.execute(
            "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ?) "
            f"INSERT INTO runs ({columns}) SELECT {values} FROM runs, k LIMIT ?",
            (max(1, -(-count // there)), max(0, count - there)),
        )
