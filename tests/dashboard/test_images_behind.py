"""Images behind every figure: a click, or a choice by name, opens tiles; a tile opens Explain."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from lane_answers import read_pictures
from made_corruptions import corruption_result
from made_pictures import png
from made_results import accuracy_result, robustness_result
from shown import texts
from test_explanation_page import done as explained
from test_explanation_page import result as explanation_of

from dashboard.components.assess.remark_pictures import of_ids
from dashboard.components.shared import behind
from usable_core.files import write_json
from usable_core.runs import uploads

MODEL, OTHER = "bundled/resnet", "bundled/vgg"
LABELS = np.arange(40) % 2
WRONG = (LABELS + 1) % 2


def done(store, result, **of):
    run = store.create(result.config, **of).id
    store.start(run, os.getpid())
    store.finish(run, result)
    return run


def tiles_of(app):
    return [c.value for c in app.caption if ", called *" in c.value]


def behind_figure(app, key, place):
    """Choose a place of a figure by name."""
    app.selectbox(key=f"{key}_behind").set_value(place).run()
    assert not app.exception, app.exception


def corrupted():
    """Of 40 images fog at 5 breaks the first 20, of which two are wrong when clean."""
    clean = np.where(np.arange(40) < 2, WRONG, LABELS)
    cells = np.repeat(LABELS, 4).reshape(40, 2, 2).copy()
    cells[:20, 0, 1] = WRONG[:20]
    return replace_seed(corruption_result(LABELS, clean, cells, model=MODEL), 7)


def replace_seed(result, seed):
    return replace(result, config=replace(result.config, seed=seed))


def test_a_cell_of_the_corruptions_opens_the_images_that_it_breaks_as_they_were_seen(
    open_page, store
):
    app = open_page("corruption", run=done(store, corrupted()))
    assert not tiles_of(app)

    behind_figure(app, "corruption_map", "fog 5")

    assert "18 of 40 images break" in texts(app)
    assert "2 are wrong when clean" in texts(app)
    (asked,) = read_pictures()
    assert (asked.corruption, asked.severity, asked.options.seed) == ("fog", 5, 7)
    assert asked.examples == tuple(f"image{i}" for i in range(2, 14))
    app.run()
    assert len(app.get("image")) == len(tiles_of(app)) == 12
    more = next(b for b in app.button if b.key and b.key.endswith("_more"))
    assert more.label == "6 more of 6"

    more.click().run()

    assert len(tiles_of(app)) == 18
    (rest,) = read_pictures(without=("image15",))
    assert rest.examples == tuple(f"image{i}" for i in range(14, 20))
    assert "no longer has this picture" in texts(app.run())
    assert len(app.get("image")) == 17
    behind_figure(app, "corruption_map", "clean")
    assert "2 of 40 images are wrong when clean" in texts(app)
    assert read_pictures()[0].corruption == ""


def test_a_tile_opens_explain_with_its_picture(open_page, store):
    app = open_page("corruption", run=done(store, corrupted()))
    behind_figure(app, "corruption_map", "fog 5")
    read_pictures()
    app.run()

    next(b for b in app.button if b.label == "Explain").click().run()

    assert [upload.name for upload in uploads.listed()] == ["cat, called dog.png"]


def attacked(model=MODEL):
    """Cats 4 to 8 break at 0.01, all cats at 0.03; dogs never; image 0 is wrong when clean."""
    clean = np.where(np.arange(40) < 1, WRONG, LABELS)
    first = np.where(np.isin(np.arange(40), (0, 4, 6, 8)), WRONG, LABELS)
    return robustness_result(
        LABELS, clean, [clean, first, np.ones(40, int)], epsilons=(0.0, 0.01, 0.03), model=model
    )


def keep_attacked(store, run, index, epsilon):
    folder = store.folder(run) / "gallery"
    folder.mkdir()
    (folder / f"{index}_1.png").write_bytes(png(index, (8, 8)))
    entry = {"file": f"{index}_1.png", "index": index, "epsilon": epsilon, "prediction": 1}
    write_json(folder / "gallery.json", {"entries": [{**entry, "saved_prediction": 1}], "kept": {}})


def test_a_class_at_an_epsilon_opens_the_images_of_it_that_break(open_page, store):
    run = done(store, attacked())
    keep_attacked(store, run, 6, 0.01)
    app = open_page("robustness", run=run)
    app.session_state["robustness_tab"] = "By class"
    app.run()

    behind_figure(app, "per_class", "0 1")

    assert "3 of 20 break" in texts(app)
    (asked,) = read_pictures()
    assert asked.examples == ("image4", "image8"), "image 6 was kept, attacked"
    shown = tiles_of(app.run())
    assert [("attacked" in one, "unchanged" in one) for one in shown] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    behind_figure(app, "per_class", "1 2")
    assert "0 of 20 break" in texts(app)
    assert not tiles_of(app)


def test_a_pair_opens_the_images_of_either_side(open_page, store):
    right = {MODEL: np.arange(40) < 30, OTHER: (np.arange(40) >= 5) & (np.arange(40) < 37)}
    called = {model: np.where(is_right, LABELS, WRONG) for model, is_right in right.items()}
    results = [accuracy_result(LABELS, of, model=model) for model, of in called.items()]
    app = open_page("compare", run=[done(store, result) for result in results])
    assert "12 images are right for some" in texts(app)
    (pair,) = app.selectbox(key="forest_accuracy_behind").options

    behind_figure(app, "forest_accuracy", pair)

    choice = next(g for g in app.get("button_group") if "flips_accuracy" in g.proto.id)
    assert [o.content for o in choice.proto.options] == [
        "All that differ: 12",
        "Only VGG is right: 7",
        "Only ResNet is right: 5",
    ]
    choice.set_value(OTHER).run()
    asked = [one.examples for one in read_pictures()]  # of two readings either may come last
    assert tuple(f"image{i}" for i in range(30, 37)) in asked


@pytest.mark.parametrize(("each", "charts"), [(1, 1), (6, 2)])
def test_many_classes_of_hardly_any_images_are_not_ranked(open_page, store, each, charts):
    labels = np.repeat(np.arange(40), each)
    names = tuple(f"c{i:02}" for i in range(40))
    wrong = np.where(labels == 7, 8, labels)

    app = open_page("accuracy", run=done(store, accuracy_result(labels, wrong, names=names)))

    assert len(app.get("plotly_chart")) == charts
    assert ("of the 40 classes have fewer than 5 images" in texts(app)) is (charts == 1)


@pytest.mark.parametrize("classes", [3, 500])
def test_a_cell_of_the_confusion_matrix_opens_its_errors(open_page, store, classes):
    names = tuple(f"class {i}" for i in range(classes))
    labels = np.arange(2000) % classes
    predictions = labels.copy()
    predictions[labels == 2] = 1
    predictions[1000:1040] = (labels[1000:1040] + 1) % classes
    app = open_page("accuracy", run=done(store, accuracy_result(labels, predictions, names=names)))
    app.session_state["accuracy_tab"] = "Classes"
    app.run()

    behind_figure(app, "accuracy_cells", "2 1")

    expected = int(((labels == 2) & (predictions == 1)).sum())
    assert tiles_of(app) == ["**class 2**, called *class 1* · 80.0 %"] * min(expected, 12)


def test_a_marker_of_explanation_quality_opens_the_worst_maps_of_its_method(open_page, store):
    app = open_page("explanation", run=explained(store, explanation_of()))
    assert "Worst explained" in texts(app)

    behind_figure(app, "quality", "0 lime")

    assert "The 3 maps by LIME of ResNet" in texts(app)
    assert "Worst explained" not in texts(app)
    assert len(app.get("image")) == 3


def test_a_click_chooses_the_place_of_its_point_and_another_click_elsewhere_none(monkeypatch):
    session = {}
    monkeypatch.setattr(st, "session_state", session)

    def click(*about):
        point = {"customdata": dict(enumerate(about))}
        session["figure"] = {"selection": {"points": [point]}}
        behind._take("figure", {"fog 5": "Fog, severity 5"})

    click("Fog: 3 %", "snow 5")
    assert behind.chosen_key("figure") not in session
    click("Fog: 3 %", "fog 5")
    assert session[behind.chosen_key("figure")] == "fog 5"


def test_a_place_of_another_model_is_let_go_of(open_page, store):
    cells = np.repeat(LABELS, 2).reshape(40, 1, 2)
    few = corruption_result(LABELS, LABELS, cells, corruptions=("snow",))
    app = open_page("corruption", run=done(store, corrupted()))
    behind_figure(app, "corruption_map", "fog 5")

    app.query_params["run"] = done(store, few)
    app.run()

    assert not app.exception
    assert app.selectbox(key="corruption_map_behind").value is None


def test_what_a_picture_is_like_stands_before_it():
    records = pd.DataFrame(
        {"index": [0, 1, 2, 3], "id": list("abcd"), "alike": [0, 1, 0, 1], "label": 0}
    )
    assert list(of_ids(records, ["d", "c", "gone"])["id"]) == ["b", "d", "a", "c"]
    assert list(of_ids(records.drop(columns="alike"), ["d", "c"])["id"]) == ["d", "c"]
