"""The Corruptions page: what it asks, what it shows, and mCE beside a reference."""

import math
import os
from dataclasses import replace

import numpy as np
from made_corruptions import corruption_result
from made_texts import save_classifier
from shown import figures, texts

from dashboard.components.shared.formats import interval_text
from usable_core.catalog.corruptions import COMMON
from usable_core.catalog.text_corruptions import TEXT_CORRUPTIONS
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

LABELS = np.array([0] * 40)
MODEL, OTHER = "bundled/vgg_digits", "bundled/vgg"


def done(store, model, share):
    """A finished run of a model that `share` of the corrupted images are right for."""
    cells = np.zeros((40, len(COMMON), len(SEVERITIES)), int)
    cells[: int(40 * (1 - share))] = 1
    made = corruption_result(
        LABELS, LABELS, cells, corruptions=COMMON, severities=SEVERITIES, model=model
    )
    config = CorruptionConfig(ModelSpec(model), DatasetSpec("digits"))
    run = store.create(config)
    store.start(run.id, os.getpid())
    store.finish(run.id, replace(made, config=config))
    return run.id


def group(app, key):
    return next(g for g in app.get("button_group") if key in g.proto.id)


def test_it_asks_what_was_chosen(open_page, started):
    app = open_page("corruption")
    group(app, "corruption_names").set_value(["snow", "fog"])
    group(app, "corruption_severities").set_value([5, 1])

    app.button(key="corruption_start").click().run()

    (asked,) = started
    assert asked == CorruptionConfig(
        ModelSpec(MODEL), DatasetSpec("digits"), asked.corruptions, severities=(1, 5)
    )
    assert set(asked.corruptions) == {"fog", "snow"}


def test_a_model_of_texts_is_asked_of_corruptions_of_texts(open_page, started, tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    model, data = f"hf/{tmp_path / 'bert'}", str(tmp_path / "reviews.csv")
    (tmp_path / "reviews.csv").write_text("text,label\nfine,calm\nhow dare you,angry\n")
    app = open_page("corruption", models=model, data=data)
    while opening := [button for button in app.button if "Open what" in button.label]:
        opening[0].click().run()

    app.button(key="corruption_start").click().run()

    (asked,) = started
    assert set(asked.corruptions) == set(TEXT_CORRUPTIONS)
    assert asked.model.reference == model
    assert asked.dataset.reference == data


def test_pictures_and_texts_are_not_asked_together(open_page, tmp_path):
    save_classifier(tmp_path / "bert", "bert")
    app = open_page("corruption", models=[MODEL, f"hf/{tmp_path / 'bert'}"], data="digits")
    next(button for button in app.button if "Open what" in button.label).click().run()

    assert "Some of these models take pictures, others texts" in app.warning[0].value
    assert app.button(key="corruption_start").disabled


def test_without_a_severity_nothing_can_be_asked(open_page):
    app = open_page("corruption")

    group(app, "corruption_severities").set_value([]).run()

    assert app.button(key="corruption_start").disabled


def test_models_stand_side_by_side_with_mce_relative_to_the_first(open_page, store):
    app = open_page("corruption", run=[done(store, MODEL, 0.5), done(store, OTHER, 0.75)])

    metrics = [(m.label, m.value) for m in app.metric]
    assert [value for label, value in metrics if label == "Under corruptions"] == [
        "50.0 %",
        "75.0 %",
    ]
    assert [value for label, value in metrics if label.startswith("mCE")] == ["50.0 %"]
    heat = next(f for f in figures(app) if f["data"][0].get("type") == "heatmap")
    assert len(heat["layout"]["yaxis"]["ticktext"]) == len(COMMON)
    assert "Under one corruption" in set(app.dataframe[0].value["metric"])


def test_beside_a_reference_without_errors_there_is_no_mce_and_it_is_said(open_page, store):
    app = open_page("corruption", run=[done(store, MODEL, 1.0), done(store, OTHER, 0.75)])

    assert not [m for m in app.metric if m.label.startswith("mCE")]
    assert "No mCE: it divides by the errors of VGG · digits" in texts(app)
    assert "nan" not in texts(app).replace("\u00a0", " ").split()


def test_a_number_without_an_interval_says_so():
    assert interval_text({"low": math.nan, "high": math.nan, "n": 1}) == "no interval, n\u00a0= 1"


def test_compare_has_a_section_of_corruptions(open_page, store):
    app = open_page("compare", run=[done(store, MODEL, 0.25), done(store, OTHER, 1.0)])

    assert "mCE" in texts(app)
    app.select_slider(key="compare_at_corruption").set_value(0).run()
    assert "is better than" in texts(app)
