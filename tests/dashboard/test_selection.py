"""One selection: slice, ε and picture hold on every page, stand in the address, and are saved."""

import os
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result
from shown import texts

from usable_core import saved_slices

N = 40
LABELS = np.arange(N) % 2
DARK = np.arange(N) < 16
TEXT = "class dog and brightness below 0.2"  # 8 of 40


@pytest.fixture
def measured(store):
    """Accuracy and robustness of one model: all dark dogs are wrong."""
    wrong = DARK & (LABELS == 1)
    answers = {
        "accuracy": accuracy_result(LABELS, np.where(wrong, 0, LABELS)),
        "robustness": robustness_result(
            LABELS, np.where(wrong, 0, LABELS), [np.where(wrong, 0, LABELS)] * 3
        ),
    }
    looks = {"width": 9, "height": 9, "contrast": 0.1, "brightness": np.where(DARK, 0.1, 0.6)}
    one = answers["accuracy"]
    answers["accuracy"] = replace(one, records=one.records.assign(**looks))
    runs = {}
    for task, answer in answers.items():
        run = store.create(answer.config)
        store.start(run.id, os.getpid())
        store.finish(run.id, answer)
        runs[task] = run.id
    return runs


@pytest.mark.parametrize("task", ["accuracy", "robustness"])
def test_a_page_shows_the_numbers_of_the_slice_that_the_address_names(open_page, measured, task):
    app = open_page(task, run=measured[task], slice=TEXT)

    assert "8 of 40 examples" in texts(app)
    assert {metric.value for metric in app.metric} >= {"0.0 %"}
    assert app.query_params["slice"] == TEXT
    assert "n = 8" in texts(app) or "of 8" in texts(app)


def test_the_slice_is_chosen_saved_used_on_another_page_and_deleted(open_page, measured):
    app = open_page("accuracy", run=measured["accuracy"])
    assert "examples" not in "".join(box.value for box in app.info)

    app = open_page("accuracy", run=measured["accuracy"], slice=TEXT)
    assert "8 of 40" in texts(app)
    app.text_input("slice_name").set_value("dark dogs").run()
    app.button("slice_save").click().run()
    assert saved_slices.saved()[0].text == TEXT
    app.switch_page("app_pages/compare.py").run()
    assert app.selectbox("slice").value == TEXT
    assert "8 of 40" in texts(app)
    assert app.query_params["slice"] == TEXT
    app.button("slice_delete").click().run()
    assert saved_slices.saved() == []


def test_what_is_no_slice_or_not_known_is_a_sentence(open_page, measured):
    app = open_page("robustness", run=measured["robustness"], slice="colour is red")
    assert "is left out: colour is not recorded" in texts(app)

    app = open_page("robustness", run=measured["robustness"], slice="nonsense")

    assert "A slice is written like" in texts(app)
    assert not app.exception


def test_the_epsilon_of_the_sidebar_is_that_of_the_page(open_page, measured):
    app = open_page("robustness", run=measured["robustness"], epsilon="0.03")
    assert app.select_slider("robustness_at").value == 0.03

    app.selectbox("epsilon").set_value("2/255").run()

    assert app.select_slider("robustness_at").value == 0.01
    assert "was not measured here" in texts(app)
    app.select_slider("robustness_at").set_value(0.0).run()
    assert app.select_slider("robustness_at").value == 0.0


def test_a_verdict_is_recomputed_on_the_slice_beside_itself(open_page, store, measured):
    from test_assess_page import done, row

    rows = [
        row("accuracy >= 50 %", "met", 0.8, run=measured["accuracy"]),
        row("robust_accuracy at 0.01 >= 50 %", "met", 0.8, run=measured["robustness"]),
    ]
    run = done(store, ("resnet", rows), require=tuple(one["requirement"] for one in rows))

    app = open_page("assess", run=run, slice=TEXT)

    shown = texts(app)
    assert "On the selection" in shown
    accuracy, robust = shown.partition("| required | found (95 %) | n | |")[2].splitlines()[2:4]
    assert "0.0 %" in accuracy
    assert "| 8 | not met |" in accuracy
    assert "| 8 | not met |" in robust


def test_the_picture_that_explain_shows_stays_the_one(open_page):
    app = open_page("explain", image="cat")
    app.switch_page("app_pages/models.py")
    app.query_params.clear()
    app.run()

    app.switch_page("app_pages/explain.py").run()

    assert app.query_params["image"] in ("cat", ["cat"])


def test_a_long_job_that_ends_is_told_on_whichever_page_one_is(open_page, store, monkeypatch):
    monkeypatch.setattr("dashboard.components.shared.ended.LONG", 0.0)
    answer = accuracy_result(LABELS, LABELS)
    run = store.create(answer.config)
    store.start(run.id, os.getpid())
    app = open_page("models")
    assert not app.toast

    store.finish(run.id, answer)
    app.run()

    (said,) = app.toast
    assert said.value.startswith("✓")
    assert "is done" in said.value
    app.run()
    assert not app.toast


def test_a_short_job_is_not_told(open_page, store):
    answer = accuracy_result(LABELS, LABELS)
    run = store.create(answer.config)
    store.start(run.id, os.getpid())
    app = open_page("models")
    store.finish(run.id, answer)

    assert not app.run().toast


@pytest.mark.parametrize("picture", ["cat", "0" * 32])
def test_every_page_is_whole_whatever_picture_explain_showed(open_page, picture):
    app = open_page("explain", image=picture)
    app.switch_page("app_pages/models.py").run()

    assert not app.exception
    assert not [one.value for one in app.error]
    assert "free" in " ".join(one.value for one in app.sidebar.caption)
