"""What a ladder of attacks on words does to each text at each share of changed words."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.attacks.losses import log_odds
from usable_core.catalog.text_attacks import KNOWN, kind_of
from usable_core.datasets.dataset import Dataset
from usable_core.errors import ConfigError
from usable_core.evaluations.epsilon import most_words
from usable_core.evaluations.robustness import Cost, RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import Report
from usable_core.games.words import Text
from usable_core.measuring.provenance import without_leaked
from usable_core.measuring.robustness_records import records_of
from usable_core.measuring.shards import Place, Step
from usable_core.measuring.streaming import Examples, Kind, Objects, measured
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.randomness import example_seeds
from usable_core.texts import cleaned
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.noise import random_swaps
from usable_core.word_attacks.search import Attacked, Success, search, swaps_of
from usable_core.word_attacks.written import Written

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
    model: Model, dataset: Dataset, config: RobustnessConfig, report: Report, folder: Path | None
) -> RobustnessResult:
    """Return the outcome of every text at every share; arguments as of `robustness.measure`."""
    kind = Kind(steps, outcomes=_PARTS)
    examples, table, source = measured(model, dataset, config, kind, report, folder)
    records = records_of(table, examples, config, {})
    cost = Cost(
        forward=int(table["forward"].sum()),
        backward=int(table["backward"].sum()),
        seconds=float(table["seconds"].sum()),
    )
    clean = records.drop_duplicates("index")
    is_right = (clean["clean_prediction"] == clean["label"]).to_numpy()
    source = without_leaked(source, clean["id"], is_right)
    return RobustnessResult(config, source, records, (), cost)


def steps(objects: Objects, config: RobustnessConfig, place: Place) -> Iterator[Step]:
    """Yield what is found of the texts from a place on, a quarter of those read ahead at a time."""
    oracle, progress = objects.oracle, objects.progress
    size = max(objects.batch // _PARTS, 1)
    for x, indices, batch in objects.batches(place):
        starts = range(0, len(x), size)
        for number in range(batch.step, len(starts)):
            rows = slice(starts[number], starts[number] + size)
            progress.message = "Attacking"
            progress.tell()
            passes, began = replace(oracle.passes), time.perf_counter()
            table = _attacked(objects, config, indices[rows])
            spent = {
                "forward": oracle.passes.forward - passes.forward,
                "backward": oracle.passes.backward - passes.backward,
                "seconds": time.perf_counter() - began,
            }
            for name, value in spent.items():  # on the first row, so that sums are the whole cost
                table[name] = np.where(np.arange(len(table)) == 0, value, 0)
            is_last = number == len(starts) - 1
            stop = objects.after(batch) if is_last else Place(batch.example, number + 1)
            progress.add(_PARTS * len(table))
            yield Step(table, stop)


@dataclass(frozen=True, eq=False)
class Read:
    """Texts as a model reads them.

    Attributes:
        written: They (N,).
        labels: Their classes (N,) int64.
        logits: The answers (N, classes).
        seeds: Of their draws (N,).
        is_cut: Of which the model reads only the beginning (N,).
    """

    written: list[Written]
    labels: Tensor
    logits: Tensor
    seeds: list[int]
    is_cut: list[bool]

    @property
    def is_right(self) -> Tensor:
        """Which are answered rightly (N,)."""
        return self.logits.argmax(1) == self.labels

    @property
    def words(self) -> np.ndarray:
        """How many words each has (N,)."""
        return np.array([len(written.words) for written in self.written], dtype=np.int64)

    def attacked(self, rows: Sequence[int]) -> list[Attacked]:
        """Return some of them to be attacked."""
        losses = log_odds(self.logits, self.labels, self.labels).tolist()
        return [
            Attacked(self.written[row], int(self.labels[row]), losses[row], self.seeds[row])
            for row in rows
        ]


def read(asking: Asking, examples: Examples, config: RobustnessConfig, indices: Indices) -> Read:
    """Return some texts (N,) as a model reads and answers them."""
    texts = [cleaned(examples.dataset[int(index)][0]) for index in indices]
    return Read(
        [Written.of(Text(text, asking.takes)) for text in texts],
        torch.from_numpy(examples.labels[indices]),
        asking.logits(texts),
        example_seeds([examples.dataset.ids[i] for i in indices], config.seed).tolist(),
        [asking.takes.is_cut(text) for text in texts],
    )


def worst_of(
    asking: Asking, config: RobustnessConfig, found: Read
) -> tuple[list[Success | None], list[str]]:
    """Return the success on each text with the fewest changed words, and which attack found it.

    Each attack of the ladder looks only for fewer words than those before it needed.
    """
    most = most_words(max(config.epsilons), found.words)
    most[~found.is_right.numpy()] = 0
    best: list[Success | None] = [None] * len(most)
    names = [""] * len(most)
    for spec in config.attacks:
        rows = np.flatnonzero(most > 0).tolist()
        attacked = found.attacked(rows)
        for row, success in zip(
            rows, search(asking, spec, attacked, most[rows].tolist()), strict=True
        ):
            if success is not None:
                best[row], names[row] = success, spec.title
                most[row] = success.changed - 1
    return best, names


def _attacked(objects: Objects, config: RobustnessConfig, indices: Indices) -> pd.DataFrame:
    """Return the rows of some texts (N,)."""
    asking, progress = Asking(objects.oracle), objects.progress
    found = read(asking, objects.examples, config, indices)
    right = found.is_right.numpy()
    progress.add(0, clean_accuracy=(int(right.sum()), len(right)))
    best, names = worst_of(asking, config, found)
    above = [epsilon for epsilon in config.epsilons if epsilon > 0]
    budgets = np.stack([most_words(e, found.words) for e in above], 1) if above else None
    clean = found.logits.argmax(1).numpy()
    answers = [c if b is None else b.prediction for c, b in zip(clean, best, strict=True)]
    changed = np.array([b.changed if b else 0 for b in best], dtype=np.int32)
    level = np.full(len(best), len(above), dtype=np.int16)
    if budgets is not None:
        level = (budgets < np.where(changed, changed, 2**31)[:, None]).sum(1).astype(np.int16)
    level[~right] = -1
    progress.add(0, robust_accuracy=(int((level == len(above)).sum()), len(right)))
    table = pd.DataFrame(
        {
            "index": indices.astype(np.int32),
            "label": found.labels.numpy().astype(np.int32),
            "clean_prediction": clean.astype(np.int32),
            "step": np.array([b.asked if b else 0 for b in best], dtype=np.int32),
            "level": level,
            "attack": names,
            "adversarial": np.array(answers, dtype=np.int32),
            "words": found.words.astype(np.int32),
            "changed": changed,
            "text": [written.read for written in found.written],
            "adversarial_text": [b.written.read if b else "" for b in best],
            "is_cut": found.is_cut,
        }
    )
    if budgets is not None:
        swaps = swaps_of(config.attacks[0])
        noisy = random_swaps(asking, swaps, found.written, found.seeds, budgets)
        for number, column in enumerate(noisy.T):
            table[f"noise_{number}"] = column
    return table
