"""How long `usable verify` works out a large verdict anew, and whether it sees changed bytes.

    python -m benchmarks.verify_evidence [--models 12] [--examples 10000] [--flips 100]

Made answers, accuracy and attack of each model, are stored, assessed and saved as an evidence
file. Timed is `verify` without asking the models again: hashes, records, numbers, page and views.
Then single bits are flipped, in turn over the files, at places drawn by a seed.
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._timing import clock, conditions
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance
from usable_core.runs import RunStore
from usable_core.verdict_files import verify
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.checking import check
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.requirements import requirement

RULES = (
    "accuracy >= 80 %",
    "worst_class >= 70 %",
    "ece <= 5 %",
    "robust_accuracy at 4/255 >= 40 %",
)
EPSILONS = (0.0, 1 / 255, 4 / 255)
CLASSES = 10
DATA = DatasetSpec("digits")


def answers(name: str, n: int, seed: int) -> dict[str, Measured]:
    """Return an accuracy and an attack of one made model."""
    generator = np.random.default_rng(seed)
    labels, other = generator.integers(0, CLASSES, n), generator.integers(0, CLASSES, n)
    index, ids = np.arange(n), [f"{i:016x}" for i in range(n)]
    confidence = generator.uniform(0.3, 1, n)
    said = np.where(generator.uniform(size=n) < confidence, labels, other)
    where = Provenance(name, f"f{seed}", "digits", "data", "test", tuple("abcdefghij"))
    shared = {"index": index, "id": ids, "label": labels}
    clean = pd.DataFrame(
        shared
        | {
            "prediction": said,
            "rank": (said != labels).astype(int),
            "confidence": confidence,
            "nll": -np.log(confidence),
            "brier": 2 * (1 - confidence) ** 2,
        }
    )
    levels = []
    for epsilon in EPSILONS:
        broken = generator.uniform(size=n) < 12 * epsilon
        after = np.where(broken, (labels + 1) % CLASSES, said)
        row = {"epsilon": epsilon, "clean_prediction": said, "prediction": after}
        found = np.where(after != labels, epsilon, np.nan)
        levels.append(pd.DataFrame(shared | row).assign(found_epsilon=found, noise_prediction=said))
    spec = ModelSpec(name)
    attack = RobustnessConfig(spec, DATA, epsilons=EPSILONS)
    return {
        "accuracy": AccuracyResult(AccuracyConfig(spec, DATA), where, clean),
        "robustness": RobustnessResult(attack, where, pd.concat(levels, ignore_index=True)),
    }


def kept(result: Measured) -> str:
    """Store an answer and return its run."""
    store = RunStore()
    run = store.create(result.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return run.id


def assessed(models: int, examples: int) -> AssessmentResult:
    """Return the verdict of made models, whose runs are in the store."""
    names, rows, measured = [f"made/{k}" for k in range(models)], [], {}
    for seed, name in enumerate(names):
        found = measured[name] = answers(name, examples, seed)
        runs = {task: kept(answer) for task, answer in found.items()}
        for text in RULES:
            task = requirement(text).row.task
            checked = check(requirement(text), [found[task]], candidates=models)
            rows.append({"model": name, "name": name, **row_of(checked), "run": runs[task]})
    config = AssessmentConfig(tuple(map(ModelSpec, names)), DATA, RULES)
    return AssessmentResult(config, pd.DataFrame(rows), findings=findings_of(measured, {}, {}))


def unseen(folder: Path, flips: int) -> int:
    """Return how many flipped bits `verify` does not name the file's part of."""
    draw, lost = random.Random(0), 0
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for turn in range(flips):
        path = paths[turn % len(paths)]
        whole = path.read_bytes()
        data = bytearray(whole)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(data)
        first = path.relative_to(folder).parts[0]
        part = "requirements" if first == "usable.toml" else first
        found = verify(folder, sample=Sample(count=0)).problems
        lost += not any(part in name for name, _ in found)
        path.write_bytes(whole)
    return lost


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = str(Path(home) / "home")
        folder = Path(home) / "evidence"
        began = clock()
        assessed(asked.models, asked.examples).save(folder)
        print(f"\nMade and saved in {clock() - began:.1f} s.")
        taken = []
        for _ in range(asked.rounds):
            began = clock()
            found = verify(folder, sample=Sample(count=0))
            taken.append(clock() - began)
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20
        print(
            f"{asked.models} models × {asked.examples:,} examples ({size:.0f} MB): verified in "
            f"{np.median(taken):.1f} s (median of {asked.rounds}), equal: {found.is_equal}."
        )
        small = Path(home) / "small"
        assessed(2, 50).save(small)
        print(f"{asked.flips} flipped bits: {unseen(small, asked.flips)} not named.")


if __name__ == "__main__":
    main()
