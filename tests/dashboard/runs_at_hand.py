"""Runs in each state, made in the test's store without any process."""

import os

import pandas as pd

from usable_core.catalog.models import CARD_FILE, WEIGHTS_FILE
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.runs.run import Run
from usable_core.runs.store import RunStore

EPOCHS = 3
CONFIG = FineTuningConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"))
PROVENANCE = Provenance(
    "bundled/resnet",
    "modelprint",
    "digits",
    "dataprint",
    "train",
    tuple("0123456789"),
    warnings=("Only a warning.",),
    seconds=1.5,
    batch_size=64,
    versions={"torch": "2"},
)


def running(store: RunStore, *, parent: str | None = None, epochs: int = 2) -> Run:
    """Return a training run that lives (in this process) and has told of some epochs."""
    run = store.create(CONFIG, parent=parent)
    store.start(run.id, os.getpid())
    for epoch in range(1, epochs + 1):
        store.progress(run.id, epoch, EPOCHS, f"Epoch {epoch} of {EPOCHS}", **_figures(epoch))
    return store.get(run.id)


def done(store: RunStore, *, parent: str | None = None) -> Run:
    """Return a training run with its answer."""
    run = running(store, parent=parent, epochs=EPOCHS)
    records = pd.DataFrame([_figures(epoch) for epoch in range(1, EPOCHS + 1)])
    folder = store.folder(run.id)
    for name in (WEIGHTS_FILE, CARD_FILE):
        (folder / name).write_bytes(b"")
    empty = {"source_loss": float("nan"), "task_loss": 0.1, "learning_rate": 0.01, "seconds": 1.0}
    store.finish(run.id, TrainingResult(CONFIG, PROVENANCE, records.assign(**empty), {}))
    return store.get(run.id)


def failed(store: RunStore, sentence: str) -> Run:
    """Return a run that failed by a sentence."""
    run = running(store, epochs=0)
    store.fail(run.id, sentence)
    return store.get(run.id)


def _figures(epoch: int) -> dict[str, float]:
    return {
        "epoch": float(epoch),
        "train_loss": 1 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "validation_loss": 1.2 / epoch,
        "validation_accuracy": 1 - 0.6 / epoch,
    }
