"""A store with an answer of every kind, made by hand: pages have something to show at once."""

import os

import numpy as np
import pandas as pd
from made_corruptions import corruption_result
from made_results import accuracy_result, provenance, robustness_result

from usable_core.evaluations.accuracy import WRONG_FOLDER
from usable_core.evaluations.cost import CostConfig, CostResult, Facts
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.images import encode_png
from usable_core.runs.store import RunStore
from usable_core.verdicts.assessment import AssessmentResult, row_of
from usable_core.verdicts.checking import check
from usable_core.verdicts.demo import demo
from usable_core.verdicts.requirements import requirement

MODELS = ("bundled/vgg_digits", "bundled/resnet_digits")
NAMES = tuple("0123456789")
LABELS = np.arange(40) % 10
WRONG = (3, 17)  # the examples that each model gets wrong


def fill(store: RunStore) -> dict[str, str]:
    """Put answers into a store and return the address of each page that shows them."""
    runs = {kind: [_done(store, make(m)) for m in MODELS] for kind, make in _MAKE.items()}
    for run in runs["accuracy"]:
        folder = store.folder(run) / WRONG_FOLDER
        folder.mkdir(parents=True)
        for index in WRONG:
            (folder / f"{index}.png").write_bytes(encode_png(np.full((8, 8, 3), 90, np.uint8)))
    pages = {kind: f"{kind}?" + "&".join(f"run={run}" for run in of) for kind, of in runs.items()}
    pages["compare"] = pages["accuracy"].replace("accuracy", "compare")
    pages["assess"] = f"assess?run={_done(store, _assessed(runs['accuracy']))}"
    pages["runs"] = f"runs?run={runs['accuracy'][0]}"
    pages["models"] = f"models?shelf_model={MODELS[0]}"
    pages["explain"] = f"explain?models={MODELS[0]}&models=timm/mobilenetv3_large_100.ra_in1k"
    empty = ("", "fine_tune", "data")
    return {**pages, **{name: name for name in empty}}


def _done(store: RunStore, result) -> str:
    run = store.create(result.config).id
    store.start(run, os.getpid())
    store.finish(run, result)
    return run


def _wrong(count=2):
    predictions = LABELS.copy()
    places = [*WRONG, *range(20, 40)][:count]
    predictions[places] = (LABELS[places] + 1) % 10
    return predictions


def _accuracy(model):
    return accuracy_result(LABELS, _wrong(), model=model, names=NAMES)


def _robustness(model):
    grid = (0.0, 1 / 255, 4 / 255, 8 / 255)
    attacked = [_wrong(count) for count in (2, 4, 12, 20)]
    return robustness_result(
        LABELS, attacked[0], attacked, [_wrong()] * len(grid), epsilons=grid, model=model
    )


def _corruption(model):
    corrupted = np.repeat(_wrong(8), 4).reshape(40, 2, 2)
    return corruption_result(LABELS, _wrong(), corrupted, model=model)


def _explanation(model):
    rows = [
        {"index": i, "id": f"image{i}", "label": i % 3, "prediction": 1, "target": 1}
        | {"method": method, "r2": 0.9, "additivity_gap": np.nan, "evaluations": 100}
        | {"seconds": 0.5, "deletion_gain": 0.2 + i / 100, "insertion_gain": 0.1}
        for i in range(3)
        for method in ("lime", "saliency")
    ]
    config = ExplanationConfig(ModelSpec(model), DatasetSpec("digits"), ("lime", "saliency"))
    return ExplanationResult(config, provenance(model), pd.DataFrame(rows))


def _cost(model):
    records = pd.DataFrame(
        {
            "batch": batch,
            "place": k,
            "decode": 0.001,
            "preprocess": 0.001,
            "forward": 0.01 + k / 1e4,
        }
        for batch in (1, 16)
        for k in range(100)
    )
    memory = {"1": 2.9e6, "16": 6.1e6}
    facts = Facts(
        662_914,
        24_559_104.0,
        2_660_000,
        "file",
        memory,
        "counting",
        float("nan"),
        "no meter",
        (8, 8),
    )
    here = Machine("aaaaaaaa", "A processor", 2, 2, 2, "A processor", "Linux", 0.1, 0.0)
    config = CostConfig(ModelSpec(model), DatasetSpec("digits"))
    return CostResult(config, provenance(model), here, facts, records)


def _assessed(runs):
    """The demo's question, answered as far as accuracies go."""
    asked = demo()
    rows = [
        {"model": model, "name": model.removeprefix("bundled/"), "run": run}
        | row_of(check(requirement(text), [_accuracy(model)]))
        for model, run in zip(MODELS, runs, strict=True)
        for text in asked.require
    ]
    return AssessmentResult(asked, pd.DataFrame(rows))


_MAKE = {
    "accuracy": _accuracy,
    "robustness": _robustness,
    "corruption": _corruption,
    "explanation": _explanation,
    "cost": _cost,
}
