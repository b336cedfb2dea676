"""Each text under the worst of a ladder of attacks on words: what parts of a measurement hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.losses import log_odds
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.epsilon import most_words
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.games.words import Text
from usable_core.measuring.examples import Examples
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import ready
from usable_core.metrics.arrays import Indices
from usable_core.models.model import Model
from usable_core.randomness import example_seeds
from usable_core.texts import cleaned
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.judges import judged
from usable_core.word_attacks.noise import random_swaps
from usable_core.word_attacks.search import Attacked, Success, search, swaps_of
from usable_core.word_attacks.written import Written

_UNKNOWN = -2  # of a judge's class that the model does not have; the next ones are below


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


@dataclass(frozen=True, eq=False)
class Reader:
    """A judge, and its classes as the attacked model numbers them.

    Attributes:
        oracle: It.
        classes: The attacked model's index of each of its classes (C,); below -1 where that has
            none such.
    """

    oracle: Oracle
    classes: Indices

    @classmethod
    def of(cls, judge: Model, model: Model, dataset: Dataset) -> "Reader":
        """Return a judge of a model's texts.

        Raises:
            IncompatibleLabels: it does not know the data set's classes.
        """
        classes, ours = _UNKNOWN - np.arange(len(judge.labels)), list(model.labels.names)
        if judge.labels.is_named and model.labels.is_named:  # some may be no class of the data
            shared = [i for i, name in enumerate(judge.labels.names) if name in ours]
            classes[shared] = [ours.index(judge.labels.names[i]) for i in shared]
        classes[target_indices(judge, dataset)] = target_indices(model, dataset)
        return cls(Oracle(ready(judge)), classes)

    def columns(self, texts: Sequence[str], broken: Sequence[str]) -> pd.DataFrame:
        """Return what the judge says of texts (N,) that became others (N,)."""
        found = judged(self.oracle, texts, broken)
        return pd.DataFrame(
            {
                "judge_clean_prediction": self.classes[found.before].astype(np.int32),
                "judge_prediction": self.classes[found.after].astype(np.int32),
                "similarity": found.similarity,
            }
        )


def table_of(
    found: Read, indices: Indices, best: Sequence[Success | None], names: Sequence[str], levels: int
) -> pd.DataFrame:
    """Return the rows of texts (N,) but for what depends on the budgets.

    Args:
        found: The texts.
        indices: Which they are (N,).
        best: What broke them (N,).
        names: By which attack (N,).
        levels: How many epsilons above 0 there are.
    """
    clean = found.logits.argmax(1).numpy()
    answers = [c if b is None else b.prediction for c, b in zip(clean, best, strict=True)]
    return pd.DataFrame(
        {
            "index": indices.astype(np.int32),
            "label": found.labels.numpy().astype(np.int32),
            "clean_prediction": clean.astype(np.int32),
            "step": np.array([b.asked if b else 0 for b in best], dtype=np.int32),
            "level": np.where(found.is_right.numpy(), levels, -1).astype(np.int16),
            "attack": list(names),
            "adversarial": np.array(answers, dtype=np.int32),
            "words": found.words.astype(np.int32),
            "changed": np.array([b.changed if b else 0 for b in best], dtype=np.int32),
            "text": [written.read for written in found.written],
            "adversarial_text": [b.written.read if b else "" for b in best],
            "is_cut": found.is_cut,
            "judge_clean_prediction": np.full(len(best), -1, dtype=np.int32),
            "judge_prediction": np.full(len(best), -1, dtype=np.int32),
            "similarity": np.full(len(best), np.nan, dtype=np.float32),
        }
    )


def attacked(
    asking: Asking,
    examples: Examples,
    config: RobustnessConfig,
    indices: Indices,
    reader: Reader | None,
) -> pd.DataFrame:
    """Return the rows of some texts (N,): what breaks them, and the answers to random swaps."""
    found = read(asking, examples, config, indices)
    best, names = worst_of(asking, config, found)
    above = [epsilon for epsilon in config.epsilons if epsilon > 0]
    table = table_of(found, indices, best, names, len(above))
    is_broken = (table["changed"] > 0).to_numpy()
    if reader is not None and is_broken.any():
        pairs = [(t.text, b.written.text) for t, b in zip(found.written, best, strict=True) if b]
        said = reader.columns(*zip(*pairs, strict=True))
        for name in said:
            table.loc[is_broken, name] = said[name].to_numpy()
    if not above:
        return table
    budgets = np.stack([most_words(epsilon, found.words) for epsilon in above], 1)
    broken_at = (budgets < table["changed"].to_numpy()[:, None]).sum(1)
    table.loc[is_broken, "level"] = broken_at[is_broken].astype(np.int16)
    swaps = swaps_of(config.attacks[0])
    noisy = random_swaps(asking, swaps, found.written, found.seeds, budgets)
    return table.assign(**{f"noise_{number}": column for number, column in enumerate(noisy.T)})
