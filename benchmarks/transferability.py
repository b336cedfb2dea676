"""How well hints before tuning predict what comes of it: rank correlations over backbones, digits.

    python -m benchmarks.transferability --model timm/mobilenetv2_100 --weights FILE

The bundled backbones that never saw digits, others that are named, and a copy of each with random
weights: LogME, nearest neighbours and linear probe on 20 labels a class, beside the accuracy on the
test split after fine-tuning on the same examples. Kendall's tau-b, with its p-value.
"""

import argparse
import copy
from dataclasses import replace

import numpy as np
import torch
from scipy.stats import kendalltau

import usable_core as usable
from benchmarks._timing import clock
from usable_core.catalog.metrics import METRICS
from usable_core.training.initial import forget

BACKBONES = ("resnet", "vgg", "vit", "resnet_robust")
# Of backbones that are named: digits of 8 x 8 pixels need no 224, which cost 12 times as much.
SMALL = {"resize": "64", "crop": "64"}
RANDOM = ", random"  # ends what a control is called
TASK = usable.DatasetSpec("digits", limit=200)  # 20 of each class


def contenders(asked: argparse.Namespace) -> list[usable.Model]:
    """Return every backbone, each followed by its control."""
    pairs = list(zip(asked.model, asked.weights, strict=True))
    loaded = [usable.load_model(f"bundled/{name}") for name in asked.backbones]
    loaded += [
        usable.load_model(name, weights=path, arch_options=options_of(path), preprocessing=SMALL)
        for name, path in pairs
    ]
    every = [one for model in loaded for one in (model, control(model))]
    return list(
        {one.fingerprint: one for one in every}.values()
    )  # two of one form have one control


def options_of(path: str) -> dict[str, str]:
    """Return what weights of TensorFlow need, which their file's name says."""
    return {"pad_type": "same"} if "_same." in path else {}


def control(model: usable.Model) -> usable.Model:
    """Return a copy of a model with random weights."""
    torch.manual_seed(0)
    network = copy.deepcopy(model.network)
    forget(network)
    return usable.Model(model.name + RANDOM, network, model.input, model.labels, model.card)


def tuned(model: usable.Model, asked: argparse.Namespace) -> float:
    """Return the accuracy on the test split after fine-tuning, as a mean over seeds."""
    found = []
    for seed in asked.seeds:
        schedule = usable.Schedule(epochs=asked.epochs, seed=seed, precision="float32")
        learnt, _ = usable.fine_tune(model, replace(TASK, limit=asked.limit), schedule=schedule)
        result = usable.evaluate_accuracy(learnt, usable.DatasetSpec("digits", "test"))
        found.append(result.accuracy.value)
    return float(np.mean(found))


def main() -> None:
    """Print a row for each backbone and one for each hint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="*", default=BACKBONES)
    parser.add_argument("--model", action="append", default=[], help="Another, with --weights.")
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--limit", type=int, default=TASK.limit)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    asked = parser.parse_args()
    rows: list[dict[str, float]] = []
    models = contenders(asked)
    names = [model.name for model in models]
    for model in models:
        began = clock()
        hint = usable.evaluate_transferability(model, TASK, limit=asked.limit)
        between = clock()
        scores = {number.metric: number.found.value for number in hint.numbers()}
        if not rows:
            titles = [METRICS[name].title for name in scores]
            print(f"| backbone | {' | '.join(titles)} | tuned | hint, s | tuning, s |")
            print("|---|" + "---:|" * (len(titles) + 3))
        rows.append({**scores, "tuned": tuned(model, asked)})
        taken = between - began, (clock() - between) / len(asked.seeds)
        cells = [f"{value:.3f}" for value in rows[-1].values()] + [f"{s:.1f}" for s in taken]
        print(f"| {model.name} | {' | '.join(cells)} |", flush=True)
    reached = [row["tuned"] for row in rows]
    own = [place for place, name in enumerate(names) if not name.endswith(RANDOM)]
    print("\n| hint | Kendall's tau | p | of pretrained ones alone |\n|---|---:|---:|---:|")
    for name in scores:
        values = [row[name] for row in rows]
        every = kendalltau(values, reached)
        pretrained = kendalltau([values[i] for i in own], [reached[i] for i in own])
        cells = [f"{v:.2g}" for v in (every.statistic, every.pvalue, pretrained.statistic)]
        print(f"| {METRICS[name].title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
