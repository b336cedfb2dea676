"""Comparisons: sentences against their intervals, coverage of all intervals together, and speed.

    python -m benchmarks.comparison [--tables 10000] [--trials 1000] [--models 12]

Sentences: random tables of outcomes (2 to 12 models, 20 to 2,000 examples, accuracies 0 to 1,
copies of a model, single flips); each sentence is read as a person reads it, by its printed
numbers. Coverage: how often the intervals of all pairs hold the true differences together, for
models whose outcomes correlate as those of real networks do. Speed: beside the bootstrap that
draws examples one by one.
"""

import argparse
import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import NormalDist

import numpy as np
import pandas as pd

from benchmarks._timing import conditions, interleave
from usable_core.comparison import compare
from usable_core.comparison.pairs import judged, measured
from usable_core.comparison.simultaneous import critical_value, paired_interval
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance

ACCURACIES = (0.5, 0.8, 0.95, 0.99)
SIZES = (50, 200, 2000)
MODELS = (2, 4, 12)
SHARED = 0.6  # correlation of what makes an image hard, about that of the bundled backbones
FEW_DRAWS, DOUBT = 1000, 0.3  # of a first critical value, and six standard errors of it
SPREAD = 0.04  # accuracies lie this far around their middle; a fifth of it at 99 %
NUMBER = r"(−?\d+\.\d+)"
SAID = re.compile(
    rf"{NUMBER} % against {NUMBER} %, difference {NUMBER} points "
    rf"\(95 % simultaneous {NUMBER} to {NUMBER}\), n = [\d,]+"
)
PAIR = re.compile(
    r"(m\d+) (is better than|and) (m\d+)"
    r"( are not shown to differ| are equal within 1 point|, less than 1 point|)"
)


def results_of(right: np.ndarray) -> list[AccuracyResult]:
    """Return answers in which model k is right as column k of (N, K) says."""
    n = len(right)
    shared = {"index": np.arange(n), "id": [f"{i:x}" for i in range(n)], "label": 0}
    empty = {"rank": 0, "confidence": 0.5, "nll": 0.1, "brier": 0.1}
    data = DatasetSpec("digits")
    found = []
    for k, column in enumerate(right.T):
        name = f"folder//models/run {k}/network"
        where = Provenance(name, f"print{k}", "digits", "data", "test", ("cat", "dog"))
        records = pd.DataFrame({**shared, "prediction": np.where(column, 0, 1), **empty})
        found.append(AccuracyResult(AccuracyConfig(ModelSpec(name), data), where, records))
    return found


def random_table(generator: np.random.Generator) -> np.ndarray:
    """Return outcomes (N, K) as nasty as they come."""
    count, n = int(generator.integers(2, 13)), int(np.exp(generator.uniform(*np.log((20, 2000)))))
    accuracies = generator.choice((0, 0.02, 0.5, 0.8, 0.95, 0.99, 1), count)
    accuracies = np.clip(accuracies + generator.normal(0, 0.03, count) * (accuracies % 1 > 0), 0, 1)
    return _alike(generator, n, accuracies, float(generator.uniform(0, 0.95)), copies=True)


def _alike(
    generator: np.random.Generator,
    n: int,
    accuracies: np.ndarray,
    shared: float,
    *,
    copies: bool = False,
) -> np.ndarray:
    """Return correlated outcomes (N, K); some models copies of the first but for 0 or 1 image."""
    latent = np.sqrt(shared) * generator.standard_normal((n, 1))
    latent = latent + np.sqrt(1 - shared) * generator.standard_normal((n, len(accuracies)))
    limits = [
        NormalDist().inv_cdf(a) if 0 < a < 1 else (np.inf if a else -np.inf) for a in accuracies
    ]
    right = latent < np.asarray(limits)
    for k in range(1, len(accuracies)):
        if copies and generator.random() < 0.25:
            right[:, k] = right[:, 0]
            if generator.random() < 0.5:
                right[generator.integers(n), k] ^= True
    return right


def compared(right: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    """Return what `compare` says of outcomes (N, K) that are side by side already, and the names.

    Joining examples takes most of its time, and has no part in the sentences.
    """
    names = [f"m{k}" for k in range(right.shape[1])]
    table = pd.DataFrame(right, columns=names).assign(epsilon=np.nan, index=np.arange(len(right)))
    rows, critical = measured(table, names, ["epsilon"])
    return judged(rows, results_of(right[:1]), {name: name for name in names}, critical), names


def contradictions(right: np.ndarray, pairs: pd.DataFrame, names: list[str]) -> list[str]:
    """Return the sentences whose words their own printed numbers do not bear out."""
    accuracy = dict(zip(names, right.mean(axis=0), strict=True))
    return [sentence for sentence in pairs["verdict"] if not _holds(sentence, accuracy)]


def _holds(sentence: str, accuracy: dict[str, float]) -> bool:
    words, _, numbers = sentence.partition(": ")
    said, models = SAID.search(numbers), PAIR.fullmatch(words)
    if said is None or models is None:
        return False
    ahead, behind, difference, low, high = (float(text.replace("−", "-")) for text in said.groups())
    first, second = accuracy[models[1]], accuracy[models[3]]
    if not (low <= difference <= high and difference >= 0 and ahead >= behind and first >= second):
        return False
    if models[2] == "is better than":
        return low > 0 and difference > 0 and first > second
    return low <= 0 <= high and (models[4] == " are not shown to differ" or -low <= 1 >= high)


def sentences(count: int) -> str:
    """Return how many of the sentences about random tables contradict themselves."""
    generator = np.random.default_rng(0)
    said = wrong = 0
    kinds: dict[str, int] = {}
    for _ in range(count):
        right = random_table(generator)
        pairs, names = compared(right)
        said += len(pairs)
        wrong += len(contradictions(right, pairs, names))
        for kind, times in pairs["status"].value_counts().items():
            kinds[str(kind)] = kinds.get(str(kind), 0) + int(times)
    shown = ", ".join(f"{times:,} {kind}" for kind, times in sorted(kinds.items()))
    return f"{count:,} tables, {said:,} sentences ({shown}): {wrong} contradict their interval."


def covered(n: int, accuracies: np.ndarray, generator: np.random.Generator) -> bool:
    """Tell whether the intervals of one trial hold every true difference.

    Only the pairs whose true difference is not well inside need their interval, and only where they
    are near its end is the critical value drawn as often as `compare` draws it.
    """
    right = _alike(generator, n, accuracies, SHARED)
    pairs = np.array(list(combinations(range(len(accuracies)), 2)))
    both = right.astype(float).T @ right.astype(float)
    first, second = pairs.T
    lost = both[first, first] - both[first, second]
    gained = both[second, second] - both[first, second]
    true = accuracies[second] - accuracies[first]
    away = np.abs(scores(gained, lost, n, true))
    roughly = critical_value(right, pairs.tolist(), draws=FEW_DRAWS)
    if away.max() < roughly - DOUBT:
        return True
    near = away.max() < roughly + DOUBT
    critical = critical_value(right, pairs.tolist()) if near else roughly
    for place in np.flatnonzero(away > critical - 1e-6):
        found = paired_interval(round(lost[place]), round(gained[place]), n, critical)
        if not found.low <= true[place] <= found.high:
            return False
    return True


def scores(gained: np.ndarray, lost: np.ndarray, n: int, delta: np.ndarray) -> np.ndarray:
    """Return Tango's score statistic of true differences, all of one shape; see `intervals`."""
    linear = -gained - lost + (2 * n - gained + lost) * delta
    root = np.sqrt(np.maximum(0, linear**2 + 8 * n * lost * delta * (1 - delta)))
    variance = n * (2 * np.maximum(0, (root - linear) / (4 * n)) + delta * (1 - delta))
    excess = gained - lost - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(excess == 0, 0.0, excess / np.sqrt(np.maximum(variance, 0)))


def coverage(trials: int, counts: Sequence[int]) -> Iterator[str]:
    """Yield a table of how often all intervals hold together, equal models and spread ones.

    Each share with its standard error, for with few trials the lowest of many cells is low by luck.
    """
    yield "| models | n | " + " | ".join(f"{a:.0%} equal | spread" for a in ACCURACIES) + " |"
    yield "|---:|---:|" + "---:|" * 2 * len(ACCURACIES)
    for count in counts:
        for n in SIZES:
            cells = []
            for middle in ACCURACIES:
                for width in (0, SPREAD if middle < 0.97 else SPREAD / 5):
                    generator = np.random.default_rng(n + count)
                    accuracies = middle + width * np.linspace(-1, 1, count)
                    held = sum(covered(n, accuracies, generator) for _ in range(trials))
                    share = held / trials
                    error = np.sqrt(share * (1 - share) / trials)
                    cells.append(f"{100 * share:.1f} ± {100 * error:.1f}")
            yield f"| {count} | {n:,} | " + " | ".join(cells) + " |"


def naive(right: np.ndarray, draws: int) -> float:
    """Return the critical value by drawing examples, one resample after another."""
    generator = np.random.default_rng(0)
    n = len(right)
    pairs = list(combinations(range(right.shape[1]), 2))
    differences = np.stack([right[:, i].astype(float) - right[:, j] for i, j in pairs], axis=1)
    mean, error = differences.mean(axis=0), differences.std(axis=0) / np.sqrt(n)
    largest = [
        np.max(np.abs(differences[generator.integers(0, n, n)].mean(axis=0) - mean) / error)
        for _ in range(draws)
    ]
    return float(np.quantile(largest, 0.95))


def speed(models: int, examples: int, draws: int, rounds: int) -> str:
    """Return what a comparison takes, all of it, beside the critical value alone the naive way."""
    generator = np.random.default_rng(0)
    right = _alike(generator, examples, 0.8 + 0.1 * np.linspace(-1, 1, models), SHARED)
    results = results_of(right)
    timings = interleave(
        {
            "`compare`, 20,000 draws and all sentences": lambda: compare(results),
            f"naive bootstrap, {draws:,} draws, nothing else": lambda: naive(right, draws),
        },
        rounds=rounds,
        warm_up=1,
    )
    lines = ["| contender | s | × ours |", "|---|---:|---:|"]
    lines += [f"| {t.name} | {t.seconds:.2f} | {t.ratio:.1f} |" for t in timings]
    return "\n".join(lines)


def main() -> None:
    """Print the three figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--counts", type=int, nargs="+", default=MODELS, help="Of models.")
    parser.add_argument("--models", type=int, default=12, help="Of the timing.")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--draws", type=int, default=1_000, help="Of the naive bootstrap.")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(conditions())
    if asked.tables:
        print(f"\n{sentences(asked.tables)}")
    if asked.trials:
        print()
        for line in coverage(asked.trials, asked.counts):
            print(line, flush=True)
    if asked.rounds:
        print(f"\n{speed(asked.models, asked.examples, asked.draws, asked.rounds)}")


if __name__ == "__main__":
    main()
