"""Several candidates on the page of the verdict and on Compare."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
from made_results import accuracy_result, robustness_result
from shown import figures, texts
from test_assess_page import row

from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.comparing import candidates_of

LABELS = np.zeros(200, int)
MODELS = {"bundled/vgg": 190, "bundled/resnet": 120}


def plain(text):
    """A sentence without the marks that keep Markdown off it."""
    return text.replace("\\", "")


def answers(model, right):
    predictions = (np.arange(200) >= right).astype(int)
    attacked = (np.arange(200) >= right - 40).astype(int)
    grid = (0.0, 4 / 255)
    return {
        "accuracy": accuracy_result(LABELS, predictions, model=model),
        "robustness": robustness_result(
            LABELS, predictions, [predictions, attacked], epsilons=grid, model=model
        ),
    }


def finished(store, config, result):
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return run.id


def assessed(store):
    require = ("accuracy >= 50 %",)
    config = AssessmentConfig(
        tuple(map(ModelSpec, MODELS)), DatasetSpec("digits", limit=50), require
    )
    rows = [{"model": m, "name": m, **row(require[0], "met", 0.9)} for m in MODELS]
    side_by_side = candidates_of([answers(*item) for item in MODELS.items()], ["VGG", "ResNet"])
    return finished(
        store, config, AssessmentResult(config, pd.DataFrame(rows), candidates=side_by_side)
    )


def test_the_verdict_says_which_is_best_and_weights_turn_the_chances(open_page, store):
    app = open_page("assess", run=assessed(store))

    assert "The best in accuracy is VGG (95 %, n = 200)" in plain(app.info[0].value)
    app.session_state["assess_tab"] = "Side by side"
    app.run()
    numbers = next(f for f in figures(app) if "higher is better" in str(f["layout"]))
    vgg = numbers["data"][0]
    assert (vgg["name"], vgg["y"][0]) == ("VGG", 95.0)
    assert len(vgg["error_y"]["array"]) == 3
    assert min(vgg["error_y"]["array"]) > 0
    table = next(f.value for f in app.dataframe if "on all axes" in f.value)
    assert table["model"].tolist() == ["VGG", "ResNet"]
    assert "with these weights: VGG over 99 %" in plain(texts(app))

    for name in ("accuracy", "robustness", "calibration"):
        app.slider(key=f"assess_weight_{name}").set_value(10 * (name == "calibration"))
    app.run()
    assert not app.exception
    assert "with these weights: VGG over 99 %" not in plain(texts(app))
    app.slider(key="assess_weight_calibration").set_value(0).run()
    assert "Give at least one of them a weight" in plain(texts(app))


def test_an_assessment_of_one_says_nothing_of_others(open_page, store):
    require = ("accuracy >= 50 %",)
    config = AssessmentConfig((ModelSpec("bundled/vgg"),), DatasetSpec("digits"), require)
    rows = [{"model": "bundled/vgg", "name": "VGG", **row(require[0], "met", 0.9)}]
    app = open_page(
        "assess", run=finished(store, config, AssessmentResult(config, pd.DataFrame(rows)))
    )

    assert not app.info
    assert "Side by side" not in plain(texts(app))


def test_compare_puts_kinds_together_by_model(open_page, store):
    runs = []
    for model, right in MODELS.items():
        for one in answers(model, right).values():
            where = replace(one.provenance, model_fingerprint=model)
            runs.append(finished(store, one.config, replace(one, provenance=where)))

    app = open_page("compare", run=runs)

    assert not app.exception
    assert app.tabs[0].label == "Side by side"
    assert "The best in accuracy is VGG (95 %, n = 200)" in plain(app.info[0].value)
    table = next(f.value for f in app.dataframe if "on all axes" in f.value)
    assert table["on all axes"][1].startswith("behind VGG")
    app.session_state["compare_tab"] = "Robustness"
    app.run()
    assert "The best in robust accuracy at ε = 4/255" in plain(app.info[0].value)
