"""How far the measurement itself is to be believed: what speaks for it and against it.

A pure function of the candidates' answers: the checks of the attack, the maps' own checks, and what
the records say of the data.
"""

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import cast

import numpy as np

from usable_core.catalog.checks import CHECKS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.robustness_texts import still_read
from usable_core.metrics.intervals import CONFIDENCE, wilson
from usable_core.verdicts.findings import Remark, Tone
from usable_core.verdicts.label_doubts import agreed_labels, unlikely_labels
from usable_core.verdicts.pretraining import pretraining

Answers = Mapping[str, Mapping[str, Measured]]  # by the candidate's name, then by task

FEW_EXAMPLES = 10  # of a class: its recall is then known to a third at best
UNEVEN = 0.9  # of the largest possible entropy of the classes: 0.9 is some 3 to 1 of two classes
POWER = 0.8
DISCORDANT = 0.1  # of the examples, on which two similar backbones usually differ
MOST_IDS = 50
SAME_SAID = 0.5  # of the broken texts: fewer that still say the same, and the curve is of others


def trust(answers: Answers, *, seed: int = 0) -> tuple[Remark, ...]:
    """Return what is to be said of the measurements of several candidates.

    Args:
        answers: What was measured of each.
        seed: Of all randomness.
    """
    measured = {name: of["accuracy"] for name, of in answers.items() if "accuracy" in of}
    accuracies = cast(dict[str, AccuracyResult], measured)
    found = [*_attacks(answers), *_judged(answers), *_maps(answers), *_leaks(answers)]
    if accuracies:
        found += [
            *_duplicates(next(iter(accuracies.values()))),
            *_labels(accuracies),
            *_balance(next(iter(accuracies.values()))),
        ]
    results = [next(iter(of.values())) for of in answers.values() if of]
    found += [
        Remark("Seen in pre-training", "unknown", sentence)
        for sentence in dict.fromkeys(pretraining(result) for result in results)
    ]
    found.append(
        Remark(
            "Seeds",
            "unknown",
            f"One seed ({seed}) and one set of weights of each model: how much another training or "
            "another draw of attack and noise would change the numbers is not known.",
        )
    )
    return tuple(found + ([_power(accuracies)] if accuracies else []))


def _attacks(answers: Answers) -> Iterator[Remark]:
    title, good = "Checks of the attack", []
    for name, of in answers.items():
        result = of.get("robustness")
        if not isinstance(result, RobustnessResult) or not result.checks:
            continue
        failed = [check for check in result.checks if check.verdict == "red"]
        open_ = [check for check in result.checks if check.verdict == "amber"]
        told = "; ".join(f"{CHECKS[c.name].title}: {c.sentence}" for c in failed or open_)
        if failed:
            yield Remark(
                title,
                "bad",
                f"{name}: {len(failed)} of {len(result.checks)} failed, so robust accuracy is an "
                f"upper bound only ({told.rstrip('.')}).",
            )
        elif open_:
            yield Remark(
                title,
                "doubt",
                f"{name}: {len(open_)} of {len(result.checks)} decide nothing "
                f"({told.rstrip('.')}).",
            )
        else:
            good.append(f"{name} ({len(result.checks)})")
    if good:
        yield Remark(title, "good", f"All passed: {', '.join(good)}.")


def _judged(answers: Answers) -> Iterator[Remark]:
    """Yield of how many broken texts a judge reads what it read before: others say another thing.

    The curve counts them all, so where many say another thing, it says too little of the model.
    """
    for name, of in answers.items():
        result = of.get("robustness")
        if not isinstance(result, RobustnessResult) or result.config.judge is None:
            continue
        read = [pair for pair in zip(result.epsilons, still_read(result), strict=True) if pair[1].n]
        told = ", ".join(
            f"{100 * one.value:.0f} % of {one.n:,} at {epsilon_label(e, 'words')}"
            for e, one in read
        )
        judge = result.config.judge.reference
        yield Remark(
            "What broken texts still say",
            "doubt" if any(one.value < SAME_SAID for _, one in read) else "good",
            f"{judge} reads as before, of the texts that break {name}: {told}."
            if told
            else f"No text breaks {name}, so {judge} had none to judge.",
        )


def _maps(answers: Answers) -> Iterator[Remark]:
    for name, of in answers.items():
        result = of.get("explanation")
        if not isinstance(result, ExplanationResult):
            continue
        for row in result.per_method.to_dict("records"):
            count, doubtful = int(row["n"]), round(row["doubtful"] * row["n"])
            said = f"{doubtful} of {count} maps by {EXPLAINERS[row['method']].title} of {name}"
            worst = result.worst(1)["reason"].iloc[0]
            tail = f" give a reason to doubt them, the worst: {worst}." if doubtful else None
            tone: Tone = "doubt" if doubtful else "good"
            yield Remark("Checks of the maps", tone, said + (tail or " give a reason to doubt."))


def _leaks(answers: Answers) -> Iterator[Remark]:
    title, clean = "Known from training", []
    for name, of in answers.items():
        result = of.get("accuracy")
        if result is None:
            continue
        leaked = result.provenance.leaked
        if not leaked:
            clean.append(name)
            continue
        yield Remark(
            title,
            "bad",
            f"{len(leaked):,} of the {result.n:,} {result.kind}s are known from the training of "
            f"{name}, or nearly so: its numbers are too good.",
            leaked[:MOST_IDS],
        )
    if clean:
        what = next(of["accuracy"].kind for of in answers.values() if "accuracy" in of)
        sentence = f"No evaluated {what} is in a train part of these data"
        yield Remark(title, "good", f"{sentence} ({', '.join(clean)}).")


def _duplicates(result: AccuracyResult) -> Iterator[Remark]:
    title, what = f"{result.kind.capitalize()}s that are alike", f"{result.kind}s"
    if "alike" not in result.records:
        yield Remark(title, "unknown", "The run was measured before these were looked for.")
        return
    again = result.records[result.records["alike"] != result.records["index"]]
    if again.empty:
        some = f"No two of the {result.n:,} {what} are"
        some = some if result.n > 1 else f"No other {result.kind} is"
        yield Remark(title, "good", f"{some} nearly equal.")
        return
    yield Remark(
        title,
        "doubt",
        f"{len(again):,} of the {result.n:,} {what} are equal to another of them, or nearly so: "
        f"the numbers rest on {result.n - len(again):,} different ones, and intervals are wider "
        "than they seem.",
        tuple(again["id"])[:MOST_IDS],
    )


def _labels(accuracies: Mapping[str, AccuracyResult]) -> Iterator[Remark]:
    best = max(accuracies, key=lambda name: accuracies[name].accuracy.value)
    unlikely = unlikely_labels(accuracies[best])
    n, what = accuracies[best].n, accuracies[best].kind
    if len(unlikely):
        yield Remark(
            "Labels of low probability",
            "doubt",
            f"{best} calls {len(unlikely):,} of {n:,} {what}s another class, as surely as it is "
            "of that class elsewhere: look whether their labels are right.",
            tuple(unlikely["id"])[:MOST_IDS],
        )
    else:
        yield Remark("Labels of low probability", "good", f"None of {n:,}, by {best}.")
    if len(accuracies) > 1:
        agreed = agreed_labels(list(accuracies.values()))
        all_ = "Both models" if len(accuracies) == 2 else f"All {len(accuracies)} models"
        yield Remark(
            "Labels that all models contradict",
            "doubt" if len(agreed) else "good",
            f"{all_} call {len(agreed):,} of {n:,} {what}s by the same "
            "other class: look whether their labels are right."
            if len(agreed)
            else f"No {what} is called by the same other class by {all_.lower()}.",
            tuple(agreed["id"])[:MOST_IDS],
        )


def _balance(result: AccuracyResult) -> Iterator[Remark]:
    counts = result.records["label"].value_counts()
    names = result.provenance.class_names
    rare = counts[counts < FEW_EXAMPLES]
    parts = counts.to_numpy() / max(1, counts.sum())
    evenness = float(-(parts * np.log(parts)).sum() / math.log(len(parts))) if len(parts) > 1 else 0
    said = [f"{len(counts):,} of {len(names):,} classes occur"]
    if len(counts):
        least, most = counts.iloc[-1], counts.iloc[0]
        smallest, largest = (names[counts.index[at]] for at in (-1, 0))
        said.append(
            f"each with {most:,}"
            if least == most
            else f"from {least:,} examples (class {smallest}) to {most:,} (class {largest})"
            if least > 1
            else f"from one example (class {smallest}) to {most:,} (class {largest})"
        )
    if len(rare):
        words = "class has" if len(rare) == 1 else "classes have"
        said.append(
            f"{len(rare):,} {words} fewer than {FEW_EXAMPLES} examples, too few to judge alone"
        )
    tone: Tone = "good" if evenness >= UNEVEN and not len(rare) else "doubt"
    yield Remark("Balance of the classes", tone, f"{', '.join(said)} (evenness {evenness:.2f}).")


def _power(accuracies: Mapping[str, AccuracyResult]) -> Remark:
    results = list(accuracies.values())
    n = min(result.n for result in results)
    best = max(result.accuracy.value for result in results)
    near = wilson(round(best * n), n) if n else None
    half = 100 * (near.high - near.low) / 2 if near else math.nan
    some = f"{n:,} examples" if n != 1 else "One example"
    sentence = f"{some}: an accuracy near {100 * best:.0f} % is known to ± {half:.1f} points"
    if len(results) > 1:
        seen = discordant(results)
        smallest = smallest_difference(n, seen)
        sentence += (
            f"; two models that differ on {100 * seen:.1f} % of them are told apart from "
            f"{100 * smallest:.1f} points on (in 80 % of cases)"
            if not math.isnan(smallest)
            else "; no two models can be told apart with so few"
        )
    return Remark("Power", "good" if half <= 2.5 else "doubt", f"{sentence}.")


def discordant(results: list[AccuracyResult]) -> float:
    """Return the largest share of examples on which one of two models is right; 10 % if unknown."""
    right = [r.to_frame().drop_duplicates("id").set_index("id")["correct"] for r in results]
    shares = []
    for place, one in enumerate(right):
        for other in right[place + 1 :]:
            both = one.index.intersection(other.index)
            if len(both):
                shares.append(float((one[both] != other[both]).mean()))
    return max(shares, default=0.0) or DISCORDANT


def smallest_difference(n: int, flips: float) -> float:
    """Return the difference of two accuracies that n examples show in 80 % of cases; NaN if none.

    Args:
        n: Examples.
        flips: Share of them on which one of the two models is right and the other wrong.

    Reference: Connor 1987, Biometrics 43:207-211, solved for the difference.
    """
    normal = NormalDist()
    z, power = normal.inv_cdf(0.5 + CONFIDENCE / 2), normal.inv_cdf(POWER)

    def shows(difference: float) -> bool:
        needed = z * math.sqrt(flips) + power * math.sqrt(max(0.0, flips - difference**2))
        return math.sqrt(n) * difference >= needed

    if not shows(flips):
        return math.nan
    low, high = 0.0, flips
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high
