"""`usable.assess` of three backbones beside a fair notebook that measures the same with packages.

    python -m benchmarks.notebook [--rounds 3] [--limit 500]

The backbones are the two that come with Usable, which saw a part of these digits in training, and
its transformer, fine-tuned here on other digits, which is not timed. Both sides begin in a new
process with nothing known, and their processor time counts from there, imports included; the two
take turns, one thread each. The notebook is `benchmarks/_notebook.py`. The aim is at least four
times its speed, with the same numbers.

The same on both sides: examples, budgets, FGSM and PGD of 20 steps, corruptions and severities,
images explained and evaluations of a map. Not like with like: PGD starts elsewhere and ours looks
for the smallest budget that breaks an image, where the notebook attacks at each one those that
still stand; the corruptions of `imagecorruptions` have ImageNet-C's constants at every size, ours
those of CIFAR-C where pictures are small; `lime` and `shap` draw their own samples, and hide behind
other pictures. What the notebook leaves out is printed with the table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.torch import save_file

from benchmarks._notebook_tables import CHECKS, Answer, numbers, times
from benchmarks._timing import conditions

if TYPE_CHECKING:
    from usable_core.evaluations.result import Measured
    from usable_core.models.model import Model

SEED = 0
BUNDLED = ("vgg_digits", "resnet_digits")
TRANSFORMER = "vit_digits"
REQUIRE = (
    "accuracy >= 90 %",
    "worst_class >= 70 %",
    "ece <= 10 %",
    "mean_corruption_accuracy >= 60 %",
    "robust_accuracy at 1/255 >= 50 %",
    "faithfulness at lime >= 0",
    "faithfulness at partition_shap >= 0",
)
PACKAGES = ("torchvision", "torchattacks", "imagecorruptions", "lime", "shap", "sklearn", "scipy")
HERE = Path(__file__).parent


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

        seconds: dict[str, float] = {}
        timing_parts(seconds)
        result = usable.assess(references(folder), folder / "pictures", require=REQUIRE)
        used = time.process_time()  # since the process began
        runs = RunStore().list(limit=100)
        found: dict[str, dict[str, Any]] = {}
        for run in reversed(runs):  # the oldest first
            if run.parent is not None:
                answer = RunStore().load(run.id)
                found.setdefault(answer.config.model.reference, {})[run.task] = told(answer)
        models = list(found.values())
        return {"models": models, "seconds": seconds, "sentence": result.sentence, "used": used}


def timing_parts(seconds: dict[str, float]) -> None:
    """Let each evaluation of an assessment add the processor time it takes to its part."""
    from usable_core import jobs

    run_here = jobs.run_here

    def timed(config: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        began = time.process_time()
        try:
            return run_here(config, *given, **named)
        finally:
            task = type(config).__name__.removesuffix("Config").lower()
            seconds[task] = seconds.get(task, 0.0) + time.process_time() - began

    jobs.run_here = timed


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


if __name__ == "__main__":
    main()
