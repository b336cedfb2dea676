"""Several candidates: whether what is said of them is right as often as it claims.

    python -m benchmarks.candidates [--trials 1000] [--models 1000] [--part best first checks …]

Models whose true accuracies are known answer simulated examples, of which they find the same ones
hard. Best: how often the set of the best holds the best, and how large it is. First: how often the
model that is said to be first with a chance of .85 to .95 is the best, shrunken and not. Checks:
how often a requirement is wrongly met or not met. Peers: the statistics beside scipy's and
statsmodels'. Speed: 12 candidates on 10,000 examples.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from scipy import stats

from benchmarks._arguments import one_of
from benchmarks._timing import conditions
from benchmarks.comparison import SHARED, _alike, results_of
from usable_core.comparison.standings import errors_together, standing
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import exact, wilson
from usable_core.metrics.paired import holm, mcnemar_exact
from usable_core.metrics.shrinkage import chances, possible_values
from usable_core.verdicts.checking import deciding, outcome
from usable_core.verdicts.comparing import candidates_of
from usable_core.verdicts.requirements import requirement

SPREADS = (0.3, 1.0, 3.0)  # points
SIZES = (200, 2000)
COUNTS = (2, 4, 12)
MIDDLE = 0.8
SAID = (0.85, 0.95)
PARTS = ("best", "first", "checks", "peers", "speed")


def simulated(
    count: int, n: int, spread: float, trial: int, *, is_even: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return true accuracies (K,) and outcomes (N, K).

    Args:
        count: Models.
        n: Examples.
        spread: Of the true accuracies in points: from lowest to highest in even steps, or the
            standard deviation of a normal draw.
        trial: Seed.
        is_even: Which of the two.
    """
    generator = np.random.default_rng([trial, count, n])
    apart = np.linspace(-0.5, 0.5, count) if is_even else generator.standard_normal(count)
    true = np.clip(MIDDLE + spread / 100 * apart, 0.01, 0.99)
    return true, _alike(generator, n, true, SHARED)


def chance_of_each(right: np.ndarray, *, is_shrunken: bool) -> np.ndarray:
    """Return how likely each model is first (K,): shrunken, or the plain share of resamples."""
    values = right.astype(float)
    errors = errors_together([(values, np.arange(len(values)))])
    if is_shrunken:
        return chances(possible_values(values.mean(axis=0)[None], errors)[:, 0])
    drawn = np.random.default_rng(0).multivariate_normal(values.mean(axis=0), errors, 4096)
    return chances(drawn)


def best(trials: int) -> Iterator[str]:
    """Yield how often the set of the best holds the best, and its mean size."""
    yield "| models | n | spread | holds the best, even | size | holds the best, normal | size |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for count in COUNTS:
        for n in SIZES:
            for spread in SPREADS:
                cells = []
                for is_even in (True, False):
                    found = []
                    for trial in range(trials):
                        true, right = simulated(count, n, spread, trial, is_even=is_even)
                        own = [share(column) for column in right.T]
                        said = standing(right.astype(float), own).best
                        found.append((int(true.argmax()) in said, len(said)))
                    held, size = np.mean(found, axis=0)
                    cells.append(f"{100 * held:.1f} % | {size:.1f}")
                yield f"| {count} | {n:,} | {spread} | {' | '.join(cells)} |"


def first(trials: int) -> Iterator[str]:
    """Yield how often the first is the best where its chance is said to be .85 to .95."""
    yield "| spread | true accuracies | shrunken: right | of | plain: right | of |"
    yield "|---:|---|---:|---:|---:|---:|"
    for spread in SPREADS:
        for is_even in (True, False):
            cells = []
            for is_shrunken in (True, False):
                found = []
                for count in COUNTS:
                    for n in SIZES:
                        for trial in range(trials):
                            true, right = simulated(count, n, spread, trial, is_even=is_even)
                            chance = chance_of_each(right, is_shrunken=is_shrunken)
                            if SAID[0] <= chance.max() <= SAID[1]:
                                found.append(chance.argmax() == true.argmax())
                right_share = f"{np.mean(found):.2f}" if found else "–"
                cells.append(f"{right_share} | {len(found)}")
            words = "even steps" if is_even else "normal"
            yield f"| {spread} | {words} | {' | '.join(cells)} |"


def checks(models: int) -> Iterator[str]:
    """Yield how often a requirement is wrongly met or not met, within 5 points of its bound."""
    rule = requirement("accuracy >= 90 %")
    yield "| n | models | wrongly met | wrongly not met | undecided |"
    yield "|---:|---:|---:|---:|---:|"
    for n in (50, 200, 500, 2000):
        generator = np.random.default_rng(n)
        true = generator.uniform(0.85, 0.95, models)
        said = [
            outcome(rule, deciding(wilson(int(right), n))) for right in generator.binomial(n, true)
        ]
        pairs = list(zip(true, said, strict=True))
        met = sum(share < rule.bound and answer == "met" for share, answer in pairs)
        failed = sum(share >= rule.bound and answer == "not met" for share, answer in pairs)
        cells = (met, failed, said.count("undecided"))
        shown = " | ".join(f"{100 * count / models:.1f} %" for count in cells)
        yield f"| {n:,} | {models:,} | {shown} |"


def peers(cases: int) -> str:
    """Return the largest difference of each statistic from scipy's or statsmodels', as text."""
    found = sorted(differences_from_peers(cases).items())
    shown = "; ".join(f"{name}: {value:.1e}" for name, value in found)
    return f"Largest differences in {cases:,} cases: {shown}."


def differences_from_peers(cases: int) -> dict[str, float]:
    """Return the largest difference of each statistic from scipy's or statsmodels'."""
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportion_confint

    generator = np.random.default_rng(0)
    apart: dict[str, float] = {}

    def compare(name: str, ours: float, theirs: float) -> None:
        apart[name] = max(apart.get(name, 0.0), abs(float(ours) - float(theirs)))

    for _ in range(cases):
        n = int(generator.integers(1, 3000))
        hits, (lost, gained) = int(generator.integers(0, n + 1)), generator.integers(0, 60, 2)
        for name, found, method in (("Wilson", wilson, "wilson"), ("exact", exact, "beta")):
            ours, theirs = found(hits, n), proportion_confint(hits, n, 0.05, method)
            compare(f"{name} interval (statsmodels)", ours.low, theirs[0])
            compare(f"{name} interval (statsmodels)", ours.high, theirs[1])
        table = [[5, lost], [gained, 7]]
        test = "McNemar, exact (statsmodels)"
        compare(test, mcnemar_exact(int(lost), int(gained)), mcnemar(table).pvalue)
        if lost + gained:
            p = stats.binomtest(int(lost), int(lost + gained)).pvalue
            compare("McNemar, exact (scipy)", mcnemar_exact(int(lost), int(gained)), p)
        p_values = generator.random(int(generator.integers(1, 30))) ** 3
        theirs = multipletests(p_values, method="holm")[1]
        for one, other in zip(holm(list(p_values)), theirs, strict=True):
            compare("Holm (statsmodels)", one, other)
    return apart


def speed(models: int, examples: int) -> str:
    """Return the processor time that candidates take from their answers to all that is shown."""
    generator = np.random.default_rng(0)
    right = _alike(generator, examples, 0.8 + 0.1 * np.linspace(-1, 1, models), SHARED)
    answers = [{"accuracy": result} for result in results_of(right)]
    for of_model in answers:
        of_model["accuracy"].ece()  # known from the measuring
    began = time.process_time()
    found = candidates_of(answers, [f"m{k}" for k in range(models)])
    made = time.process_time() - began
    if found is None:
        raise RuntimeError("there is nothing to compare")
    began = time.process_time()
    found.summary()
    told = time.process_time() - began
    return (
        f"{models} candidates, {examples:,} examples: {made:.2f} s of processor time from the "
        f"answers, {told:.2f} s for draws, chances, front and weights."
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--models", type=int, default=1_000, help="Of the checks.")
    parser.add_argument("--cases", type=int, default=2_000, help="Of the peers.")
    parser.add_argument("--examples", type=int, default=10_000, help="Of the speed.")
    parser.add_argument("--part", type=one_of(PARTS), nargs="+", default=PARTS)
    asked = parser.parse_args()
    print(conditions())
    for part in asked.part:
        print()
        if part == "peers":
            print(peers(asked.cases), flush=True)
        elif part == "speed":
            print(speed(12, asked.examples), flush=True)
        else:
            count = asked.models if part == "checks" else asked.trials
            for line in {"best": best, "first": first, "checks": checks}[part](count):
                print(line, flush=True)


if __name__ == "__main__":
    main()
