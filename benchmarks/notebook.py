"""`usable.assess` of three backbones beside a fair notebook that measures the same with packages.

    python -m benchmarks.notebook [--rounds 3] [--limit 500]

Pictures are held-out digits; the backbones are the two that come with Usable and its transformer,
fine-tuned here on other digits, which is not timed. Both sides begin in a new process with nothing
known, and their processor time counts from there, imports included; the two take turns, one thread
each. The notebook is `benchmarks/_notebook.py`. The aim is at least four times its speed, with the
same numbers.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.torch import save_file

from benchmarks._timing import conditions

if TYPE_CHECKING:
    from usable_core.evaluations.result import Measured
    from usable_core.models.model import Model

AIM = 4.0
SEED = 0
BUNDLED = ("vgg_digits", "resnet_digits")
TRANSFORMER = "vit_digits"
NAMES = ("VGG, digits", "ResNet, digits", "ViT, fine-tuned")
REQUIRE = (
    "accuracy >= 90 %",
    "worst_class >= 70 %",
    "ece <= 10 %",
    "mean_corruption_accuracy >= 60 %",
    "robust_accuracy at 1/255 >= 50 %",
    "faithfulness at lime >= 0",
    "faithfulness at partition_shap >= 0",
)
METHODS = {"lime": "lime", "partition_shap": "shap"}
CHECKS = ("randomised", "other_class")
PACKAGES = ("torchvision", "torchattacks", "imagecorruptions", "lime", "shap", "sklearn", "scipy")
HERE = Path(__file__).parent
LEFT_OUT = (
    "intervals of everything but accuracy; the four examples walked at every ε, margin loss, "
    "gradient, repeat and rising-loss checks of the attack; ROAD and the error of each map; "
    "convergence; multiply-adds, memory, energy and the search for a batch size; duplicates, "
    "suspicious labels, worst slices, paired comparisons, groups, chances; files, store, verdict"
)


@dataclass(frozen=True)
class Answer:
    """What one side said, and its processor time (s) in all and by part."""

    found: dict[str, Any]
    seconds: float

    @property
    def parts(self) -> dict[str, float]:
        """Return the seconds of each part."""
        parts: dict[str, float] = self.found["seconds"]
        return parts


def main() -> None:
    """Run both sides by turns and print times and numbers."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=500, help="Digits, at most 500.")
    parser.add_argument("--epochs", type=int, default=10, help="Of fine-tuning; 0: two backbones.")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours:
        print(json.dumps(assess(asked.ours)))
        return
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        sys.exit(f"The notebook needs {', '.join(missing)}: pip install -e '.[test,bench]'.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, asked.limit, asked.epochs)
        rounds = [in_turn(folder, turn) for turn in range(asked.rounds)]
    print(conditions())
    print(rounds[0][1].found["versions"] + "\n")
    for line in (*times(rounds), "", *numbers(*rounds[-1])):
        print(line)


def prepare(folder: Path, limit: int, epochs: int) -> None:
    """Write digits as class folders and fine-tune the transformer on others."""
    import usable_core as usable

    os.environ["USABLE_HOME"] = str(folder / "training")
    digits = usable.load_dataset("digits")
    chosen = digits.sample(limit, seed=SEED)
    others = digits.take(np.setdiff1d(np.arange(len(digits)), chosen.positions))
    for name, part in (("pictures", chosen), ("others", others)):
        for index in range(len(part)):
            picture, label = part[index]
            path = folder / name / str(label) / f"{Path(part.ids[index]).stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    if epochs:
        schedule = usable.Schedule(epochs, optimizer="adamw", seed=SEED)
        usable.fine_tune("bundled/vit", folder / "others", folder / TRANSFORMER, schedule=schedule)


def in_turn(folder: Path, turn: int) -> tuple[Answer, Answer]:
    """Return the answers of ours and of the notebook, which change places from round to round."""
    ours = ["-m", "benchmarks.notebook", "--ours", str(folder)]
    theirs = [str(HERE / "_notebook.py"), str(folder)]
    if turn % 2:
        second = alone(theirs)
        return alone(ours), second
    first = alone(ours)
    question = folder / "question.json"
    if not question.exists():
        question.write_text(json.dumps(question_of(folder, first.found)), encoding="utf-8")
    return first, alone(theirs)


def alone(words: list[str]) -> Answer:
    """Return what a new Python process prints as JSON, and its processor time."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(HERE.parent)
    done = subprocess.run(
        [sys.executable, *words], check=True, stdout=subprocess.PIPE, env=environment, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return Answer(found, found["used"])


def assess(folder: Path) -> dict[str, Any]:
    """Return what `usable.assess` finds in an empty store."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["USABLE_HOME"] = home
        import usable_core as usable
        from usable_core.runs import RunStore

        result = usable.assess(references(folder), folder / "pictures", require=REQUIRE)
        used = time.process_time()  # since the process began
        runs = RunStore().list(limit=100)
        found: dict[str, dict[str, Any]] = {}
        seconds: dict[str, float] = {}
        for run in reversed(runs):  # the oldest first
            if run.parent is not None:
                answer = RunStore().load(run.id)
                seconds[run.task] = seconds.get(run.task, 0.0) + answer.provenance.seconds
                found.setdefault(answer.config.model.reference, {})[run.task] = told(answer)
        models = list(found.values())
        return {"models": models, "seconds": seconds, "sentence": result.sentence, "used": used}


def told(answer: "Measured") -> dict[str, Any]:
    """Return the numbers and examples of one answer that are compared."""
    task = answer.config.__class__.__name__
    ids = list(dict.fromkeys(answer.records["id"])) if "id" in answer.records else []
    told: dict[str, Any] = {"ids": ids}
    if task == "AccuracyConfig":
        one = answer.accuracy
        told |= {"predictions": answer.records["prediction"].tolist(), "accuracy": one.value}
        told |= {"low": one.low, "high": one.high, "ece": answer.ece().value}
    elif task == "CorruptionConfig":
        told |= {"corruption": answer.mean_corruption_accuracy.value}
        told |= {"corruptions": answer.corruptions, "severities": answer.severities}
    elif task == "RobustnessConfig":
        told |= {"epsilons": answer.epsilons, "robust": [p.value for p in answer.robust_accuracy]}
        told |= {"noise": [p.value for p in answer.noise_accuracy]}
    elif task == "ExplanationConfig":
        told |= {"evaluations": answer.config.options.evaluations}
        told |= {"methods": answer.per_method.set_index("method")[list(CHECKS)].T.to_dict()}
    else:
        told |= {"timings": answer.config.timings}
    return told


def question_of(folder: Path, ours: dict[str, Any]) -> dict[str, Any]:
    """Return what the notebook is asked: the same examples, budgets, corruptions and counts."""
    import usable_core as usable

    first = ours["models"][0]
    whole = usable.load_dataset(str(folder / "pictures"))
    ids = list(whole.ids)
    seen = [ids.index(one) for one in first["accuracy"]["ids"]]
    (folder / "notebook").mkdir()
    for place in seen:
        whole[place][0].save(folder / "notebook" / f"{place}.png")
    models = [usable.load_model(reference) for reference in references(folder)]
    places = {
        name: [seen.index(ids.index(one)) for one in first[task]["ids"]]
        for name, task in (
            ("corrupted", "corruption"),
            ("attacked", "robustness"),
            ("explained", "explanation"),
        )
    }
    return {
        "pictures": [str(folder / "notebook" / f"{place}.png") for place in seen],
        "labels": [int(whole.labels.names[whole.targets[place]]) for place in seen],
        "models": [],
        "epsilons": [epsilon for epsilon in first["robustness"]["epsilons"] if epsilon],
        "corruptions": first["corruption"]["corruptions"],
        "severities": first["corruption"]["severities"],
        "evaluations": first["explanation"]["evaluations"],
        "timings": first["cost"]["timings"],
        "side": models[0].input_size[0],
        **places,
    } | {"models": [network_of(folder, place, model) for place, model in enumerate(models)]}


def references(folder: Path) -> list[str]:
    """Return the backbones."""
    tuned = folder / TRANSFORMER
    return [*(f"bundled/{name}" for name in BUNDLED), *([str(tuned)] if tuned.exists() else [])]


def network_of(folder: Path, place: int, model: "Model") -> dict[str, Any]:
    """Return what the notebook needs to build a network again without Usable."""
    from usable_core.models import architectures

    weights = folder / f"{place}.safetensors"
    save_file(model.network.state_dict(), weights)
    prepared = model.preprocessing
    return {
        "weights": str(weights),
        "code": architectures.__file__,
        "architecture": model.card["architecture"],
        "resize": prepared.resize,
        "crop": list(prepared.crop),
        "mean": list(prepared.mean),
        "std": list(prepared.std),
    }


def times(rounds: list[tuple[Answer, Answer]]) -> Iterator[str]:
    """Yield the processor times of both sides and their ratios."""
    yield "| part | usable, s of its clock | notebook, s |"
    yield "|---|---:|---:|"
    ours, theirs = rounds[-1]
    for part in sorted({*ours.parts, *theirs.parts}):
        cells = (f"{one.parts[part]:.1f}" if part in one.parts else "" for one in (ours, theirs))
        yield f"| {part} | {' | '.join(cells)} |"
    ratios = [second.seconds / first.seconds for first, second in rounds]
    medians = (statistics.median(one.seconds for one in side) for side in zip(*rounds, strict=True))
    yield f"| **all, processor time** | {' | '.join(f'{one:.1f}' for one in medians)} |"
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    yield f"\nTimes as fast: {statistics.median(ratios):.2f} ({spread}); aim: {AIM:g}."
    yield f"The notebook leaves out: {LEFT_OUT}."


def numbers(ours: Answer, theirs: Answer) -> Iterator[str]:
    """Yield what both sides found."""
    yield "| model | number | usable | notebook |"
    yield "|---|---|---:|---:|"
    for reference, mine, other in zip(
        NAMES, ours.found["models"], theirs.found["models"], strict=False
    ):
        own = mine["accuracy"]
        same = sum(a == b for a, b in zip(own["predictions"], other["predictions"], strict=True))
        yield f"| {reference} | same prediction | {same} of {len(own['predictions'])} | |"
        yield f"| | accuracy | {interval(own)} | {interval(other)} |"
        yield f"| | calibration error | {own['ece']:.12f} | {other['ece']:.12f} |"
        yield from robust(mine["robustness"], other)
        both = mine["corruption"]["corruption"], other["corruption"]
        yield f"| | under corruptions | {both[0]:.1%} | {both[1]:.1%} (other severities) |"
        for name, theirs_name in METHODS.items():
            maps = [one for one in other["explanation"] if one["method"] == theirs_name]
            for check in CHECKS:
                value = mine["explanation"]["methods"][name][check]
                median = statistics.median(one[check] for one in maps)
                yield f"| | {name}, {check} | {value:.2f} | {median:.2f} |"


def interval(found: dict[str, float]) -> str:
    """Return an accuracy with its interval."""
    return f"{found['accuracy']:.4%} ({found['low']:.4%} to {found['high']:.4%})"


def robust(mine: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    """Yield the accuracies at each budget above 0, under attack and under noise."""
    for epsilon, *both, noise, noise_other in zip(
        mine["epsilons"][1:],
        mine["robust"][1:],
        other["robust"],
        mine["noise"][1:],
        other["noise"],
        strict=True,
    ):
        pairs = zip(both, (noise, noise_other), strict=True)
        cells = " | ".join(f"{a:.1%} (noise {b:.1%})" for a, b in pairs)
        yield f"| | under attack, ε = {255 * epsilon:g}/255 | {cells} |"


if __name__ == "__main__":
    main()
