"""The page "Is it fit?": requirements become a question, and the answer begins with the verdict."""

import os

import pandas as pd
import pytest
from shown import figures, texts

from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.metrics.intervals import Proportion
from usable_core.verdicts.assessment import USUAL, AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.checking import Checked
from usable_core.verdicts.requirements import requirement

MODEL = "bundled/vgg_digits"


def row(text, outcome, value=None, reason="", run=""):
    found = None if value is None else Proportion(value, value - 0.1, min(1, value + 0.1), 50)
    checked = Checked(
        requirement(text), found, outcome, reason, 120 if outcome == "undecided" else None
    )
    return {**row_of(checked), "run": run}


def done(store, *candidates, require=("accuracy >= 50 %", "ece <= 5 %")):
    """A finished assessment; a candidate is a name and its rows."""
    models = tuple(ModelSpec(f"bundled/{name}") for name, _ in candidates)
    config = AssessmentConfig(models, DatasetSpec("digits", limit=50), require)
    rows = [
        {"model": f"bundled/{name}", "name": name, **one}
        for name, found in candidates
        for one in found
    ]
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.finish(run.id, AssessmentResult(config, pd.DataFrame(rows)))
    return run.id


def test_it_asks_the_usual_requirements_of_the_chosen_models(open_page, started):
    app = open_page("assess")
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert asked == AssessmentConfig((ModelSpec(MODEL),), DatasetSpec("digits"), USUAL)


def test_fields_and_lines_become_requirements(open_page, started):
    app = open_page("assess")
    app.number_input(key="assess_accuracy").set_value(95.0)
    app.number_input(key="assess_ece").set_value(None)
    app.text_input(key="assess_epsilon").set_value("2/255")
    app.text_area(key="assess_more").set_value(
        "top5 >= 99 %\n\n corruption_accuracy at Fog >= 0.7 "
    )
    app.run()
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert asked.require == (
        "accuracy >= 95 %",
        "worst_class >= 70 %",
        "mean_corruption_accuracy >= 60 %",
        "robust_accuracy at 2/255 >= 50 %",
        "faithfulness at lime >= 0",
        "top5 >= 99 %",
        "corruption_accuracy at fog >= 70 %",
    )


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("assess_more", "acuracy >= 1 %", "Unknown requirement"),
        ("assess_more", "x", "written like"),
    ],
)
def test_a_line_that_is_none_is_told_and_cannot_be_asked(open_page, key, text, said):
    app = open_page("assess")
    app.text_area(key=key).set_value(text).run()
    assert said in app.error[0].value
    assert app.button(key="assess_start").disabled


def test_a_budget_that_is_none_is_told(open_page):
    app = open_page("assess")
    app.text_input(key="assess_epsilon").set_value("a lot").run()
    assert "a number or a fraction" in app.error[0].value
    assert app.button(key="assess_start").disabled


def test_the_fit_come_first_with_every_requirement_and_the_way_to_its_page(open_page, store):
    bad = [row("accuracy >= 50 %", "not met", 0.2, run="r1"), row("ece <= 5 %", "met", 0.01)]
    good = [row("accuracy >= 50 %", "met", 0.9, run="r2"), row("ece <= 5 %", "met", 0.01)]
    app = open_page("assess", run=done(store, ("vgg", bad), ("resnet", good)))
    assert not app.exception
    assert "resnet is fit for this use" in app.success[0].value
    assert "vgg is not fit for this use" in app.error[0].value
    assert "at least 50 % is required" in app.error[0].value
    said = texts(app)
    assert "not met" in said
    assert len(figures(app)) == 2


def test_an_undecided_one_says_why_and_how_many_would_decide(open_page, store):
    rows = [
        row("accuracy >= 50 %", "undecided", 0.52),
        row("ece <= 5 %", "undecided", None, "it was not measured: there is none."),
    ]
    app = open_page("assess", run=done(store, ("vgg_digits", rows)))
    said = texts(app)
    assert "is not shown to be fit" in app.warning[0].value
    assert "about 120" in said
    assert "there is none" in said


def test_a_link_restores_the_question(open_page, store, started):
    rows = [row("ece <= 3 %", "met", 0.01), row("top5 >= 90 %", "met", 0.99)]
    require = ("ece <= 3 %", "top5 >= 90 %", "robust_accuracy at 4/255 >= 25 %")
    app = open_page("assess", run=done(store, ("vgg_digits", rows), require=require))
    assert app.number_input(key="assess_accuracy").value is None
    assert app.number_input(key="assess_ece").value == 3
    assert app.text_input(key="assess_epsilon").value == "4/255"
    app.button(key="assess_start").click().run()
    (asked,) = started
    assert set(asked.require) == set(require)
    assert asked.dataset.limit == 50
    assert asked.models == (ModelSpec(MODEL),)
