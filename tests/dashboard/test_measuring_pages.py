"""Accuracy, Robustness and Compare: each of their states, and what they ask and show."""

import json
import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from lane_answers import read_pictures
from made_pictures import png
from made_results import accuracy_result, robustness_result
from shown import links

from dashboard.components.measure.wrong_pictures import choose_bin, choose_class
from usable_core.catalog.attacks import AttackSpec
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.robustness import L2_EPSILONS, RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive
from usable_core.records import from_json
from usable_core.verdicts.assessment import AssessmentResult
from usable_core.verdicts.demo import demo

LABELS = np.array([0] * 50 + [1] * 30 + [2] * 20)
GRID = (0.0, 1 / 255, 4 / 255)
MODEL, OTHER = "bundled/vgg_digits", "bundled/vgg"
NAME = "VGG · digits"


def _predictions(right):
    return np.where(np.arange(100) < right, LABELS, (LABELS + 1) % 3)


def _accuracy(right=80, model=MODEL, **settings):
    return accuracy_result(LABELS, _predictions(right), model=model, **settings)


def _robust(rights=(80, 60, 10), model=MODEL, **settings):
    attacked = [_predictions(right) for right in rights]
    return robustness_result(
        LABELS, attacked[0], attacked, [attacked[0]] * 3, epsilons=GRID, model=model, **settings
    )


def _done(store, result, **run):
    made = store.create(result.config, **run)
    store.start(made.id, os.getpid())
    store.finish(made.id, result)
    return made.id


def _running(store, config):
    made = store.create(config)
    store.start(made.id, os.getpid())
    store.progress(made.id, 40, 100, "Attacking")
    return made.id


def _texts(app):
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error, app.subheader)
    return "\n".join(str(e.value) for kind in kinds for e in kind).replace("\u00a0", " ")


def _metrics(app):
    return {(m.label, m.value) for m in app.metric}


def _figures(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


QUESTIONS = {
    "accuracy": AccuracyConfig(ModelSpec(MODEL), DatasetSpec("digits")),
    "robustness": RobustnessConfig(ModelSpec(MODEL), DatasetSpec("digits")),
    "corruption": CorruptionConfig(ModelSpec(MODEL), DatasetSpec("digits")),
}
EACH = pytest.mark.parametrize("page", QUESTIONS)


@EACH
def test_an_empty_page_says_why_and_what_to_do(open_page, page):
    app = open_page(page)

    assert "have not been" in _texts(app)
    assert app.button(key=f"{page}_start").label == "Evaluate"
    assert not app.metric


@EACH
def test_a_running_run_shows_how_far_it_is_and_can_be_cancelled(open_page, store, page):
    run = _running(store, QUESTIONS[page])

    app = open_page(page, run=run)

    assert "Attacking" in _texts(app)
    assert app.button(key=f"cancel_{run}").label == "Cancel"
    assert not app.metric


@EACH
def test_a_running_run_of_the_chosen_model_is_found_without_its_address(open_page, store, page):
    run = _running(store, QUESTIONS[page])

    assert open_page(page).button(key=f"cancel_{run}")


def test_a_warning_says_which_model_it_is_about_unless_it_is_about_all(open_page, store):
    def warned(result, *sentences):
        return replace(result, provenance=replace(result.provenance, warnings=sentences))

    first = warned(_accuracy(), "Both are old.", "Its attack was weak.")
    runs = [_done(store, first), _done(store, warned(_accuracy(90, OTHER), "Both are old."))]

    said = [one.value for one in open_page("accuracy", run=runs).warning]

    assert "Both are old." in said
    assert f"**{NAME}**: Its attack was weak." in said
    assert sum("old" in one for one in said) == 1


@EACH
def test_a_failed_run_shows_its_sentence(open_page, store, page):
    run = store.create(QUESTIONS[page]).id
    store.fail(run, "The data set is empty. Choose another.")

    app = open_page(page, run=run)

    assert "The data set is empty" in _texts(app)
    assert not app.metric


@EACH
def test_an_unknown_run_is_said_to_be_unknown(open_page, page):
    assert "There is no run nonsense" in _texts(open_page(page, run="nonsense"))


def test_a_run_of_another_page_is_not_shown_as_if_it_were_of_this_one(open_page, store):
    run = _done(store, _robust())

    app = open_page("accuracy", run=run)

    assert "is not of this page" in _texts(app)
    assert not app.metric


def test_a_run_whose_files_are_gone_says_so(open_page, store):
    run = _done(store, _accuracy())
    (store.folder(run) / "records.parquet").unlink()

    assert "are gone" in _texts(open_page("accuracy", run=run))


def test_finished_accuracies_stand_side_by_side_with_interval_and_formula(open_page, store):
    runs = [_done(store, _accuracy()), _done(store, _accuracy(90, OTHER))]

    app = open_page("accuracy", run=runs)

    assert {("Accuracy", "80.0 %"), ("Accuracy", "90.0 %")} <= _metrics(app)
    assert "95 % interval 71.1–86.7 %, n = 100" in _texts(app)
    assert all("$" in m.help for m in app.metric if m.label == "Accuracy")
    titles = [figure["layout"]["xaxis"]["title"]["text"] for figure in _figures(app)]
    assert any("mean confidence" in title for title in titles)
    names = {trace.get("name") for figure in _figures(app) for trace in figure["data"]}
    assert {NAME, "VGG"} <= names

    app.session_state["accuracy_tab"] = "Classes"
    app.run()

    titles = [figure["layout"]["xaxis"]["title"]["text"] for figure in _figures(app)]
    assert any("predicted class" in title for title in titles)
    assert any("class_name" in table.value for table in app.dataframe)


def test_the_newest_run_of_the_chosen_model_is_shown_without_an_address(open_page, store):
    _done(store, _accuracy(50))
    _done(store, _accuracy(80))

    assert ("Accuracy", "80.0 %") in _metrics(open_page("accuracy"))


def test_a_model_that_was_never_measured_is_not_dropped_for_what_another_was_asked(
    open_page, store
):
    asked = AccuracyConfig(ModelSpec(MODEL), DatasetSpec("digits", limit=100))
    _done(store, replace(_accuracy(50), config=asked))
    both = [MODEL, "bundled/resnet_digits"]

    app = open_page("accuracy", models=both, data="digits")

    assert app.multiselect(key="models").value == both
    assert "Measured before, asked otherwise" in str(links(app))
    alone = open_page("accuracy", models=MODEL, data="digits")
    assert ("Accuracy", "50.0 %") in _metrics(alone)


def test_the_newest_runs_can_be_shown_instead_of_those_of_the_address(open_page, store):
    old = _done(store, _accuracy(50))
    _done(store, _accuracy(80))
    app = open_page("accuracy", run=old)
    assert ("Accuracy", "50.0 %") in _metrics(app)

    app.button(key="newest_runs").click().run()

    assert ("Accuracy", "80.0 %") in _metrics(app)


def test_evaluate_starts_one_run_per_model_and_shows_them(open_page, started):
    models = ["bundled/resnet", "bundled/vgg"]
    app = open_page("accuracy", models=models)

    app.button(key="accuracy_start").click().run()

    assert [c.model.reference for c in started] == models
    assert {c.dataset for c in started} == {DatasetSpec("cifar10")}
    assert len([b for b in app.button if b.label == "Cancel"]) == 2


def test_an_answer_from_the_store_is_said_to_be_one(open_page, store):
    first = _done(store, _accuracy())
    again = store.create(QUESTIONS["accuracy"]).id
    store.start(again, os.getpid())
    store.answered_by(again, store.get(first))

    app = open_page("accuracy", run=again)

    assert "Answered from the store" in _texts(app)
    assert ("Accuracy", "80.0 %") in _metrics(app)


def test_the_attack_that_was_set_is_the_one_that_is_asked_for(open_page, started):
    app = open_page("robustness")

    app.get("button_group")[0].set_value("single").run()
    app.selectbox(key="robustness_norm").select("l2")
    app.number_input(key="robustness_steps").set_value(5)
    app.selectbox(key="robustness_loss").select("targeted_dlr")
    app.button(key="robustness_start").click().run()

    asked = started[0]
    assert asked.attacks == (AttackSpec("pgd", steps=5, loss="targeted_dlr", targets=9),)
    assert (asked.norm, asked.preset) == ("l2", None)
    assert asked.epsilons == L2_EPSILONS
    assert asked.dataset.limit == 64


def test_typed_budgets_are_understood_and_nonsense_is_one_sentence(open_page, started):
    app = open_page("robustness")

    app.text_input(key="robustness_epsilons").input("8/255, 0, 0.01")
    app.button(key="robustness_start").click().run()
    assert started[0].epsilons == (0.0, 0.01, 8 / 255)

    for text, sentence in (
        ("eight", "number or a fraction"),
        ("2", "between 0 and 1"),
        ("nan", "between 0 and 1"),
        ("-1/255", "between 0 and 1"),
    ):
        app.text_input(key="robustness_epsilons").input(text).run()
        assert not app.exception
        assert sentence in _texts(app)
        assert app.button(key="robustness_start").disabled
    assert len(started) == 1


def test_finished_robustness_shows_curve_score_and_cards_at_one_epsilon(open_page, store):
    runs = [_done(store, _robust()), _done(store, _robust((90, 80, 70), OTHER))]

    app = open_page("robustness", run=runs)

    assert app.select_slider(key="robustness_at").value == 1 / 255
    assert {
        ("Clean accuracy", "80.0 %"),
        ("Under attack", "60.0 %"),
        ("Robustness score", "−20.0"),
        ("Attack success", "25.0 %"),
        ("Robustness score", "−10.0"),
    } <= _metrics(app)
    assert "points; 95 % interval" in _texts(app)
    names = {trace.get("name") for figure in _figures(app) for trace in figure["data"]}
    assert {NAME, f"{NAME}, random noise", "VGG"} <= names
    app.select_slider(key="robustness_at").set_value(4 / 255).run()
    assert ("Robustness score", "−70.0") in _metrics(app)


def test_runs_in_different_norms_share_no_figure_and_that_is_said(open_page, store):
    runs = [_done(store, _robust()), _done(store, _robust(model=OTHER, norm="l2"))]

    app = open_page("robustness", run=runs)

    assert "1 run, measured otherwise, is left out" in _texts(app)
    assert len([m for m in app.metric if m.label == "Clean accuracy"]) == 1


def test_compare_without_runs_leads_to_the_demo(open_page):
    assert "Nothing has been measured yet" in _texts(open_page("compare"))


def test_compare_shows_a_running_demo(open_page, store):
    run = _running(store, demo())

    app = open_page("compare", parent=run)

    assert app.button(key=f"cancel_{run}")
    assert not app.multiselect


def test_compare_shows_why_a_demo_failed(open_page, store):
    run = store.create(demo()).id
    store.fail(run, "The disk is full.")

    assert "The disk is full" in _texts(open_page("compare", parent=run))


def test_compare_says_when_there_is_no_such_demo(open_page):
    assert "There is no run nonsense" in _texts(open_page("compare", parent="nonsense"))


def test_compare_begins_with_the_newest_run_of_each_model_on_the_same_data(open_page, store):
    _done(store, _accuracy(10))
    newest = [_done(store, _accuracy(60)), _done(store, _accuracy(90, OTHER))]

    app = open_page("compare")

    assert set(app.multiselect(key="compare_runs").value) == set(newest)
    assert "difference 30.0 points" in _texts(app)


def test_compare_says_who_is_better_by_how_much_and_on_which_images(open_page, store):
    runs = [_done(store, _accuracy(60)), _done(store, _accuracy(90, OTHER))]

    app = open_page("compare", run=runs)

    assert "is better than" in _texts(app)
    assert "difference 30.0 points" in _texts(app)
    forest = next(f for f in _figures(app) if "difference" in f["layout"]["xaxis"]["title"]["text"])
    assert forest["data"][0]["y"] == ["VGG − VGG · digits"]
    assert "VGG is better than VGG · digits" in _texts(app)
    assert "30 images are right for some and wrong for others" in _texts(app)
    groups = next(t.value for t in app.dataframe if "group" in t.value)
    assert groups[["model", "group", "accuracy"]].to_numpy().tolist() == [
        ["VGG", "A", "90.0 %"],
        ["VGG · digits", "B", "60.0 %"],
    ]


def test_compare_shows_the_images_that_tell_the_models_apart(open_page, store, tmp_path):
    for place in range(6):
        path = tmp_path / "data" / ("cat" if place < 3 else "dog") / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(place))
    ids = load_dataset(tmp_path / "data").ids
    right = {MODEL: [0, 0, 0, 1, 0, 0], OTHER: [0, 0, 1, 1, 1, 1]}  # true: cat x 3, dog x 3
    results = [accuracy_result([0] * 3 + [1] * 3, p, model=m, ids=ids) for m, p in right.items()]
    spec = DatasetSpec(str(tmp_path / "data"))
    results = [replace(r, config=replace(r.config, dataset=spec)) for r in results]
    app = open_page("compare", run=[_done(store, result) for result in results])
    assert "3 images are right for some and wrong for others" in _texts(app)
    assert "Reading the pictures" in _texts(app)

    (request,) = read_pictures()
    app.run()

    assert not app.exception
    assert set(request.examples) == {ids[2], ids[4], ids[5]}
    captions = [c.value for c in app.caption if "right\\:" in c.value]
    assert captions == [
        "cat  \nright\\: VGG · digits  \nwrong\\: VGG",
        "dog  \nright\\: VGG  \nwrong\\: VGG · digits",
        "dog  \nright\\: VGG  \nwrong\\: VGG · digits",
    ]
    assert [b.label for b in app.button if b.key and b.key.startswith("apart_")] == ["Explain"] * 3


def test_compare_folds_away_sentences_but_keeps_the_first(open_page, store):
    runs = [_done(store, _accuracy(right, f"timm/m{right}")) for right in (10, 30, 50, 70, 90)]

    app = open_page("compare", run=runs)

    assert "m90 is better than m70" in _texts(app)
    assert "4 more pairs" in [e.label for e in app.expander]


def test_compare_shows_the_parts_of_a_demo_only(open_page, store):
    parent = store.create(demo()).id
    parts = [
        _done(store, _accuracy(60), parent=parent),
        _done(store, _robust(model=OTHER), parent=parent),
    ]
    store.start(parent, os.getpid())
    store.finish(parent, AssessmentResult(demo(), pd.DataFrame({"name": []})))
    _done(store, _accuracy(10))

    app = open_page("compare", parent=parent)

    assert set(app.multiselect(key="compare_runs").value) == set(parts)


def test_compare_of_robustness_is_at_one_epsilon(open_page, store):
    runs = [_done(store, _robust()), _done(store, _robust((80, 60, 70), OTHER))]

    app = open_page("compare", run=runs)
    assert "not shown to differ" in _texts(app)

    app.select_slider(key="compare_at_robustness").set_value(2).run()
    assert "difference 60.0 points" in _texts(app)


def test_compare_refuses_different_data_with_a_sentence(open_page, store):
    runs = [_done(store, _accuracy()), _done(store, _accuracy(model=OTHER, data="elsewhere"))]

    assert "needs one data set" in _texts(open_page("compare", run=runs))


def test_compare_of_nothing_asks_for_a_choice(open_page, store):
    _done(store, _accuracy())
    app = open_page("compare")

    app.multiselect(key="compare_runs").set_value([]).run()

    assert "Choose two or more runs" in _texts(app)


def _with_pictures(store, run, result):
    folder = store.folder(run) / "wrong"
    folder.mkdir()
    for index in result.wrong()["index"]:
        (folder / f"{index}.png").write_bytes(png(int(index), (32, 32)))


def test_wrong_answers_are_shown_as_pictures_the_surest_first(open_page, store):
    result = _accuracy(97)
    run = _done(store, result)
    _with_pictures(store, run, result)

    app = open_page("accuracy", run=run)

    names, surest = result.provenance.class_names, result.wrong().to_dict("records")
    tiles = [c.value for c in app.caption if ", called *" in c.value]
    assert tiles == [
        f"**{names[row['label']]}**, called *{names[row['prediction']]}* · "
        f"{100 * row['confidence']:.1f} %"
        for row in surest
    ]
    assert len(tiles) == len(app.get("image")) == 3
    assert "3 of 100 images." in _texts(app)


CLICKS = [
    (choose_class, "accuracy_recall", [30, 1], ("<dog>", "any", (0.0, 100.0))),
    (choose_bin, "accuracy_bins", [9, 14 / 15, 1.0], ("any", "any", (93.3, 100.0))),
]


@pytest.mark.parametrize(("choose", "key", "about", "asked"), CLICKS)
def test_a_click_on_a_class_or_a_bin_asks_for_its_errors(monkeypatch, choose, key, about, asked):
    session, point = {}, {"x": "&lt;dog&gt;", "customdata": dict(enumerate(about))}
    monkeypatch.setattr(st, "session_state", session)
    monkeypatch.setattr(st, "toast", lambda *_, **__: None)
    choose()
    assert session == {}  # nothing is clicked

    session[key] = {"selection": {"points": [point]}}
    choose()

    assert tuple(session[f"accuracy_{name}"] for name in ("true", "called", "sure")) == asked


def test_only_the_errors_that_are_asked_for_are_shown(open_page, store):
    result = _accuracy(20, confidence=np.linspace(0.4, 1, 100))
    run = _done(store, result)
    _with_pictures(store, run, result)
    app = open_page("accuracy", run=run)

    app.selectbox(key="accuracy_true").select("dog")
    app.slider(key="accuracy_sure").set_value((80.0, 90.0)).run()

    wrong, sure = result.wrong(), result.wrong()["confidence"]
    count = int(((wrong["label"] == 1) & (sure >= 0.8) & (sure <= 0.9)).sum())
    assert f"{count} of 100 images" in _texts(app)
    tiles = [c.value for c in app.caption if ", called *" in c.value]
    assert len(tiles) == min(count, 12)
    assert all(tile.startswith("**dog**, called *fox*") for tile in tiles)


def test_a_choice_without_errors_says_so(open_page, store):
    app = open_page("accuracy", run=_done(store, _accuracy(97)))  # all of confidence 0.8

    app.selectbox(key="accuracy_true").select("fox")
    app.slider(key="accuracy_sure").set_value((90.0, 100.0)).run()

    assert not app.exception
    assert "None of these answers is wrong." in _texts(app)


def test_pictures_that_a_run_did_not_keep_are_read_from_the_data(open_page, store):
    app = open_page("accuracy", run=_done(store, _accuracy(97)))

    assert "Reading the pictures" in _texts(app)
    (path,) = (interactive.lane() / "requests").glob("*.json")
    request = from_json(ImageRequest, json.loads(path.read_text("utf-8"))["request"])
    assert sorted(request.examples) == ["image97", "image98", "image99"]
    assert request.dataset == "digits"


def test_a_slice_opens_its_errors_and_is_left_again(open_page, store):
    """Only what is dark is wrong: its button shows these errors, and none else."""
    labels = np.arange(200) % 3
    dark, odd = np.arange(200) < 50, np.arange(200) == 150
    predicted = np.where((dark & (np.arange(200) % 5 > 0)) | odd, (labels + 1) % 3, labels)
    result = accuracy_result(labels, predicted, names=("cat", "dog", "fox"))
    looks = {"width": 32.0, "height": 32.0, "contrast": 0.2, "alike": np.arange(200)}
    brightness = np.where(dark, 0.1, 0.6) + np.arange(200) / 10000
    result = replace(result, records=result.records.assign(**looks, brightness=brightness))
    run = _done(store, result)
    _with_pictures(store, run, result)
    app = open_page("accuracy", run=run)
    app.session_state["accuracy_tab"] = "Where it fails"
    app.run()
    assert "brightness below" in _texts(app)
    assert "shown to be worse" in _texts(app)

    app.button(key=f"slice_{run}_0").click().run()

    assert not app.exception
    assert "40 of 200 images" in _texts(app)
    app.button(key="leave_slice").click().run()
    assert "41 of 200 images" in _texts(app)
