"""What a ladder of attacks on words does to each text at each share of changed words."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from usable_core.catalog.text_attacks import KNOWN, kind_of
from usable_core.datasets.dataset import Dataset
from usable_core.errors import ConfigError
from usable_core.evaluations.epsilon import epsilon_label, most_words
from usable_core.evaluations.robustness import Cost, RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.robustness_texts import MOST_SHORT
from usable_core.evaluations.specs import Report
from usable_core.measuring import text_checks
from usable_core.measuring.provenance import without_leaked
from usable_core.measuring.robustness_records import failures, noise_check, records_of
from usable_core.measuring.streaming import Kind, Objects, measured
from usable_core.measuring.work import Place, Step
from usable_core.measuring.worst_texts import Reader, attacked
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.word_attacks.asking import Asking

_PARTS = 4  # of the texts that are read ahead: as much work as a kill may lose
_SAID = {
    "text": "an attack on texts (--preset synonym, typo, homoglyph or any)",
    "picture": "an attack on pictures (--preset glance, standard or benchmark)",
}


def check_kind(model: Model, config: RobustnessConfig) -> None:
    """Check that attacks are on what a model takes.

    Raises:
        ConfigError: they are not.
    """
    for spec in config.attacks:
        if kind_of(spec.name) != model.kind:
            raise ConfigError(
                f"{model.name} takes {model.kind}s, and {KNOWN[spec.name].title} is an attack on "
                f"{kind_of(spec.name)}s. Choose {_SAID[model.kind]}."
            )


def measure(
    model: Model,
    dataset: Dataset,
    config: RobustnessConfig,
    report: Report,
    folder: Path | None,
    judge: Model | None,
) -> RobustnessResult:
    """Return the outcome of every text at every share; arguments as of `robustness.measure`."""
    if judge is not None:
        Reader.of(judge, model, dataset)  # it may not know the classes
    kind = Kind(steps, _outcomes, _pieces)
    examples, table, source = measured(model, dataset, config, kind, report, folder, judge)
    began, sample = time.perf_counter(), text_checks.drawn_sample(model, examples, config, table)
    found = (*text_checks.all_of(sample, table), noise_check(table))
    cost = Cost(
        forward=int(table["forward"].sum()),
        backward=int(table["backward"].sum()),
        checks=sample.asking.oracle.passes.total if sample else 0,
        seconds=float(table["seconds"].sum()),
        check_seconds=time.perf_counter() - began if sample else 0.0,
    )
    records = records_of(table, examples, config, sample.raw if sample else {})
    clean = records.drop_duplicates("index")
    is_right = (clean["clean_prediction"] == clean["label"]).to_numpy()
    source = without_leaked(source, clean["id"].to_numpy(), is_right)
    said = (*_too_short(config, table), *_remarks(judge, table))
    warnings = (*failures(found), *said, *source.warnings)
    return RobustnessResult(config, replace(source, warnings=warnings), records, found, cost)


def _too_short(config: RobustnessConfig, table: pd.DataFrame) -> tuple[str, ...]:
    """Return at which shares most texts are too short for one word, so that little was attacked."""
    words = table["words"].to_numpy()
    short = {e: float((most_words(e, words) == 0).mean()) for e in config.epsilons if e > 0}
    most = [e for e, share in short.items() if share > MOST_SHORT]
    if not most:
        return ()
    largest = max(most)
    return (
        f"{100 * short[largest]:.0f} % of the texts are too short for one word to be changed at "
        f"ε = {epsilon_label(largest, 'words')}, and more below: up to there the curve says little "
        "of them. Ask for larger shares.",
    )


def _remarks(judge: Model | None, table: pd.DataFrame) -> tuple[str, ...]:
    """Return a sentence on what is not known of the broken texts."""
    if judge is not None or not (table["changed"] > 0).any():
        return ()
    return (
        "No judge reads what broke the model, so how many of the broken texts still say the same "
        "is not known: name another model of texts (--judge).",
    )


def _outcomes(config: RobustnessConfig) -> int:
    return _PARTS


def _pieces(config: RobustnessConfig, batch: int) -> int:
    """Return how many steps the texts take that are read ahead."""
    return -(-batch // _size(batch))


def _size(batch: int) -> int:
    """Return how many texts of those that are read ahead are attacked in a step."""
    return max(batch // _PARTS, 1)


def steps(objects: Objects, config: RobustnessConfig, place: Place) -> Iterator[Step]:
    """Yield what is found of the texts from a place on, a quarter of those read ahead at a time."""
    oracle, progress, judge = objects.oracle, objects.progress, objects.judge
    data = objects.examples.dataset
    reader = None if judge is None else Reader.of(judge, oracle.model, data)
    size, levels = _size(objects.batch), sum(e > 0 for e in config.epsilons)
    for _, indices, batch in objects.batches(place):
        starts = range(0, objects.batch, size)  # the last of few texts have none
        for number in range(batch.step, len(starts)):
            progress.message = "Attacking"
            progress.tell()
            rows = slice(starts[number], starts[number] + size)
            table = _attacked(objects, config, indices[rows], reader)
            is_last = number == len(starts) - 1
            stop = objects.after(batch) if is_last else Place(batch.example, number + 1)
            if len(table):
                right, withstood = (int((table["level"] >= k).sum()) for k in (0, levels))
                progress.add(
                    _PARTS * len(table),
                    clean_accuracy=(right, len(table)),
                    robust_accuracy=(withstood, len(table)),
                )
            yield Step(table, stop)


def _attacked(
    objects: Objects, config: RobustnessConfig, indices: Indices, reader: Reader | None
) -> pd.DataFrame:
    """Return what is found of texts, one row each, and on the first what it cost."""
    if not len(indices):
        return pd.DataFrame()
    oracle = objects.oracle
    passes, began = replace(oracle.passes), time.perf_counter()
    table = attacked(Asking(oracle), objects.examples, config, indices, reader)
    spent = {
        "forward": oracle.passes.forward - passes.forward,
        "backward": oracle.passes.backward - passes.backward,
        "seconds": time.perf_counter() - began,
    }
    for name, value in spent.items():  # on the first row, so that sums are the whole cost
        table[name] = np.where(np.arange(len(table)) == 0, value, 0)
    return table
