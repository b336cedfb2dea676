"""The checks beside the curve of attacked texts, on a sample of those that are right when clean.

What each asks and why stands in `catalog.checks`. A step of words is no step along a gradient, so
what is asked there of losses and of single steps has no counterpart here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from usable_core.asking.oracle import Oracle
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import BLIND, KNOWN, TEXT_ATTACKS
from usable_core.datasets.draws import stratified_sample
from usable_core.evaluations.epsilon import most_words
from usable_core.evaluations.robustness import Check, RobustnessConfig, Verdict
from usable_core.measuring.checks import BLIND as FEW_BLIND
from usable_core.measuring.checks import SAME
from usable_core.measuring.examples import Examples
from usable_core.measuring.rival_checks import by_share, rises
from usable_core.measuring.worst_texts import Read, read, worst_of
from usable_core.models.model import Model
from usable_core.models.outputs import are_probabilities
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.search import search, swaps_of

_WIDER = 4  # times as many swaps
_FEW, _MANY = 0.1, 0.5  # shares of texts that nothing can be done to


@dataclass(frozen=True, eq=False)
class Sample:
    """Texts whose every share is attacked by itself.

    Attributes:
        asking: The model; it remembers what it was asked.
        config: The question.
        found: The texts (N,).
        indices: Which they are (N,).
        level: Place of the smallest epsilon above 0 that the measurement found for each (N,); as
            many as there are where none breaks it.
        clean: The model's answers in the measurement (N,).
        broken: Whether each epsilon, attacked by itself, breaks each (N, E).
    """

    asking: Asking
    config: RobustnessConfig
    found: Read
    indices: np.ndarray
    level: np.ndarray
    clean: np.ndarray
    broken: np.ndarray

    @property
    def raw(self) -> dict[str, list[int]]:
        """Which epsilons (0 or 1 each) break a text, by its index as a word."""
        rows = zip(self.indices.tolist(), self.broken.astype(int).tolist(), strict=True)
        return {str(index): row for index, row in rows}

    @property
    def spec(self) -> AttackSpec:
        """The attack that checks are made with: the ladder's first."""
        return self.config.attacks[0]

    @property
    def survivors(self) -> list[int]:
        """Which withstand the largest epsilon."""
        return np.flatnonzero(~self.broken[:, -1]).tolist()

    def fallen(self, spec: AttackSpec, rows: list[int], epsilon: float) -> list[int]:
        """Return which of some texts an attack breaks at an epsilon."""
        most = most_words(epsilon, self.found.words[rows]).tolist()
        broken = search(self.asking, spec, self.found.attacked(rows), most)
        return [row for row, success in zip(rows, broken, strict=True) if success is not None]


def drawn_sample(
    model: Model, examples: Examples, config: RobustnessConfig, table: pd.DataFrame
) -> Sample | None:
    """Return texts that were right when clean, attacked at every epsilon by itself.

    Drawn stratified by class. None where none is asked for, or nothing was right or attacked.
    """
    above = [epsilon for epsilon in config.epsilons if epsilon > 0]
    right = table[table["level"] >= 0].sort_values("index")
    wanted = min(config.sample_size, len(right))
    if not wanted or not above:
        return None
    own = right.iloc[stratified_sample(right["label"].to_numpy(), wanted, 0)]
    with Oracle(model, fixed_size=config.batch_size) as oracle:
        asking, indices = Asking(oracle), own["index"].to_numpy()
        found = read(asking, examples, config, indices)
        columns = []
        for epsilon in above:
            best, _ = worst_of(asking, replace(config, epsilons=(0.0, epsilon)), found)
            columns.append([success is not None for success in best])
    clean, level = own["clean_prediction"].to_numpy(), own["level"].to_numpy()
    return Sample(asking, config, found, indices, level, clean, np.array(columns).T)


def all_of(sample: Sample | None, table: pd.DataFrame) -> tuple[Check, ...]:
    """Return every check that the sample allows."""
    if sample is None:
        return ()
    with sample.asking.oracle:
        found = [check(sample) for check in OF_THE_SAMPLE]
    return (*found, truncation(table))


def epsilon_zero(sample: Sample) -> Check:
    """Write each text anew from its words, none of them swapped, and ask."""
    written = [text.text for text in sample.found.written]
    answers = Asking(sample.asking.oracle).logits(written).argmax(1).numpy()
    n, wrong = len(written), int((answers != sample.clean).sum())
    return Check(
        "epsilon_zero",
        "green" if wrong == 0 else "red",
        f"{wrong} of {n} clean answers change when the text is written by the attack at ε = 0.",
        {"n": n, "changed": wrong},
    )


def deterministic(sample: Sample) -> Check:
    """Ask each text alone and in company."""
    written = [text.text for text in sample.found.written]
    together = Asking(sample.asking.oracle).logits(written)
    alone = torch.cat([Asking(sample.asking.oracle).logits([text]) for text in written])
    scale = float(together.abs().max().clamp_min(1e-12))
    difference = float((together - alone).abs().max()) / scale
    return Check(
        "deterministic",
        "green" if difference <= SAME else "red",
        f"Largest relative difference of an answer alone and in company: {difference:.1e}.",
        {"difference": difference},
    )


def logits(sample: Sample) -> Check:
    """Look whether outputs are probabilities."""
    is_bounded = are_probabilities(sample.found.logits)
    said = "probabilities" if is_bounded else "no probabilities"
    return Check(
        "logits",
        "red" if is_bounded else "green",
        f"The outputs are {said}.",
        {"softmax": float(is_bounded)},
    )


def swappable(sample: Sample) -> Check:
    """Count texts of which no word can be swapped at all, as of a language without synonyms."""
    swaps, takes = swaps_of(sample.spec), sample.asking.takes
    texts = sample.found.written
    none = sum(not any(swaps(word, takes) for word in text.words) for text in texts)
    n, share, row = len(texts), none / len(texts), KNOWN[sample.spec.name]
    verdict: Verdict = "green" if share <= _FEW else "amber" if share <= _MANY else "red"
    advice = "" if verdict == "green" else " Choose other swaps, such as the preset typo."
    return Check(
        "swappable",
        verdict,
        f"{none} of {n} texts have no word that {row.title.lower()} are known for.{advice}",
        {"n": n, "none": none},
    )


def gradient(sample: Sample) -> Check:
    """Count texts whose gradient at the embeddings of their words is zero."""
    if not KNOWN[sample.spec.name].is_gradient_based:
        return _not_run("gradient", sample, "follows no gradient")
    found = sample.asking.word_gradients(sample.found.written, sample.found.labels)
    lengths = torch.tensor([float(one.norm()) for one in found])
    n, blind = len(lengths), int((lengths == 0).sum())
    return Check(
        "gradient",
        "green" if blind == 0 else "amber" if blind <= FEW_BLIND * n else "red",
        f"Zero or not finite for {blind} of {n} texts; median length {lengths.median():.2g}.",
        {"n": n, "blind": blind, "median_length": float(lengths.median())},
    )


def white_box(sample: Sample) -> Check:
    """Try what needs no gradient on the texts that the gradient did not break."""
    blind = f"{sample.spec.name}{BLIND}"
    if not KNOWN[sample.spec.name].is_gradient_based or blind not in TEXT_ATTACKS:
        return _not_run("white_box", sample, "has no search without gradients beside it")
    n, epsilon = len(sample.broken), sample.config.epsilons[-1]
    white = sample.fallen(sample.spec, list(range(n)), epsilon)
    left = [row for row in range(n) if row not in white]
    black = len(sample.fallen(AttackSpec(blind, steps=sample.spec.steps), left, epsilon))
    return Check(
        "white_box",
        by_share(black / n, least=1 / n),
        f"{n - len(left)} of {n} texts break under {sample.spec.title}; of the others, as wide a "
        f"search without gradients breaks {black}.",
        {"n": n, "white_box": n - len(left), "black_box": black},
    )


def unbounded(sample: Sample) -> Check:
    """Let all words be swapped of those that withstand."""
    rows, n = sample.survivors, len(sample.broken)
    left = (len(rows) - len(sample.fallen(sample.spec, rows, 1.0))) / n
    chance = 1 / sample.found.logits.shape[1]
    swaps = KNOWN[sample.spec.name].title.lower()
    said = "" if left <= chance else f" Some words have no {swaps}, so this need not be weakness."
    return Check(
        "unbounded",
        "green" if left <= chance else "amber",
        f"{100 * left:.0f} % of {n} texts withstand swaps of all words; chance is "
        f"{100 * chance:.3g} %.{said}",
        {"n": n, "left": left, "chance": chance},
    )


def more_steps(sample: Sample) -> Check:
    """Try more swaps for each word on those that withstand."""
    rows, n = sample.survivors, len(sample.broken)
    wider = replace(sample.spec, steps=_WIDER * sample.spec.steps)
    fallen = len(sample.fallen(wider, rows, sample.config.epsilons[-1]))
    return Check(
        "more_steps",
        by_share(fallen / n, least=1 / n),
        f"{wider.steps} swaps a step instead of {sample.spec.steps} break {fallen} of {len(rows)} "
        f"survivors: {100 * fallen / n:.0f} points of accuracy.",
        {"n": len(rows), "fallen": fallen, "change": fallen / n},
    )


def raw_curve(sample: Sample) -> Check:
    """Look for rises in the curve whose shares are attacked by themselves."""
    return rises(sample.broken.sum(0).tolist(), len(sample.broken), "texts")


def descent(sample: Sample) -> Check:
    """Compare the one search for the whole curve with attacking every share by itself."""
    levels = sample.broken.shape[1]
    by_walk = np.where(sample.broken.any(1), sample.broken.argmax(1), levels)
    n, missed = len(by_walk), int((sample.level > by_walk).sum())
    lower = int((sample.level < by_walk).sum())
    return Check(
        "descent",
        by_share(missed / n),
        f"The one search finds a larger smallest ε for {missed} of {n} texts, and a smaller one "
        f"for {lower}.",
        {"n": n, "missed": missed, "lower": lower},
    )


def truncation(table: pd.DataFrame) -> Check:
    """Count texts of which the model reads only the beginning."""
    n, cut = len(table), int(table["is_cut"].sum())
    return Check(
        "truncation",
        "green" if cut == 0 else "amber",
        f"Of {cut} of {n} texts the model reads the beginning alone.",
        {"n": n, "cut": cut},
    )


OF_THE_SAMPLE: tuple[Callable[[Sample], Check], ...] = (
    epsilon_zero,
    deterministic,
    logits,
    swappable,
    gradient,
    white_box,
    unbounded,
    more_steps,
    raw_curve,
    descent,
)


def _not_run(name: str, sample: Sample, reason: str) -> Check:
    """Return that a check says nothing about this attack."""
    said = f"{KNOWN[sample.spec.name].title} {reason}, so there is nothing to compare."
    return Check(name, "not run", said, {"n": len(sample.broken)})
