"""Explanation quality: each of its states, what it asks and what it shows."""

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import provenance
from made_texts import save_classifier
from shown import figures, texts

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.images import encode_png

MODEL, OTHER = "bundled/resnet", "bundled/vgg"
METHODS = ("lime", "saliency")


def result(model=MODEL, gains=(0.5, -0.2)):
    """Two methods on three images; the second method's gain is the second of `gains`."""
    rows = [
        {
            "index": i,
            "id": f"image{i}",
            "label": i % 3,
            "prediction": 1,
            "target": 1,
            "method": method,
            "r2": 0.9 if method == "lime" else np.nan,
            "additivity_gap": np.nan,
            "evaluations": 100,
            "seconds": 0.5,
            "deletion_gain": gain + i / 100,
            "insertion_gain": gain,
        }
        for i in range(3)
        for method, gain in zip(METHODS, gains, strict=True)
    ]
    config = ExplanationConfig(ModelSpec(model), DatasetSpec("digits"), METHODS)
    return ExplanationResult(config, provenance(model), pd.DataFrame(rows))


def done(store, answer, *, with_pictures=True):
    run = store.create(answer.config).id
    store.start(run, os.getpid())
    store.finish(run, answer)
    if with_pictures:
        folder = store.folder(run)
        (folder / "images").mkdir(parents=True)
        for i in range(3):
            png = encode_png(np.full((8, 8, 3), 50 * i, np.uint8))
            (folder / "images" / f"{i}.png").write_bytes(png)
        maps = {f"{i}_{m}": np.ones((8, 8), np.float32) for i in range(3) for m in METHODS}
        np.savez(folder / "maps.npz", **maps)
    return run


def test_an_empty_page_says_why_and_what_to_do(open_page):
    app = open_page("explanation")

    assert "No maps of these models have been measured" in texts(app)
    assert app.button(key="explanation_start").label == "Evaluate"


def test_it_asks_what_was_chosen(open_page, started):
    app = open_page("explanation", models=[MODEL, OTHER])
    app.selectbox(key="explanation_target").select("true")
    app.select_slider(key="explanation_evaluations").set_value("100")

    app.button(key="explanation_start").click().run()

    assert [config.model.reference for config in started] == [MODEL, OTHER]
    assert {config.target for config in started} == {"true"}
    assert started[0].options == ExplainerOptions(evaluations=100)
    assert started[0].dataset.limit == 20


def test_without_a_method_nothing_can_be_asked(open_page):
    app = open_page("explanation")
    group = next(g for g in app.get("button_group") if "explanation_methods" in g.proto.id)

    group.set_value([]).run()

    assert app.button(key="explanation_start").disabled


def test_a_running_run_shows_how_far_it_is(open_page, store):
    run = store.create(result().config).id
    store.start(run, os.getpid())
    store.progress(run, 3, 10, "Explaining: map 3 of 10")

    app = open_page("explanation", run=run)

    assert "map 3 of 10" in texts(app)
    assert app.button(key=f"cancel_{run}")


def test_a_failed_run_shows_its_sentence(open_page, store):
    run = store.create(result().config).id
    store.fail(run, "There is nothing to explain. Choose another part.")

    assert "There is nothing to explain" in texts(open_page("explanation", run=run))


def test_methods_and_backbones_stand_in_one_figure_with_intervals(open_page, store):
    runs = [done(store, result()), done(store, result(OTHER, (0.1, 0.3)))]
    app = open_page("explanation", run=runs)
    group = next(g for g in app.get("button_group") if "explanation_metric" in g.proto.id)

    group.set_value("deletion_gain").run()

    (figure,) = figures(app)
    assert [trace["y"] for trace in figure["data"]] == [["LIME", "Saliency"]] * 2
    assert figure["data"][0]["x"] == pytest.approx([0.51, -0.19])
    assert figure["data"][0]["error_x"]["array"] == pytest.approx([0.01, 0.01])
    table = app.dataframe[0].value.set_index(["metric", "of"])
    assert len(table.columns) == 2
    assert table.loc[("Deletion gain", "LIME")].iloc[0] == "0.510 (0.500 to 0.520)"
    assert ("Local R²", "Saliency") not in table.index


def test_the_worst_explained_come_first_with_the_reason(open_page, store):
    app = open_page("explanation", run=done(store, result()))

    said = texts(app)
    assert "**cat** · Saliency, for *dog*" in said
    assert "nothing speaks against it" not in said.lower()
    assert "no better than chance (-0.20)" in said.replace("\\", "")


def test_where_nothing_speaks_against_any_map_none_is_called_the_worst(open_page, store):
    good = result()
    records = good.records[good.records["method"] == "lime"]
    app = open_page("explanation", run=done(store, replace(good, records=records)))

    assert "Nothing that was measured speaks against a map" in texts(app)
    assert not app.get("image")


def test_a_worst_example_opens_on_the_explain_page(open_page, store, monkeypatch):
    from usable_core.evaluations.interactive import Answer
    from usable_core.jobs import interactive

    asked = []
    monkeypatch.setattr(interactive, "submit", lambda request: asked.append(request) or "key")
    monkeypatch.setattr(interactive, "poll", lambda key: Answer("waiting"))
    run = done(store, result())
    app = open_page("explanation", run=run)

    app.button(key=f"worst_{run}_0_saliency").click().run()

    assert not app.exception
    assert app.title[0].value == "Explain"
    assert {(r.model.reference, r.method) for r in asked if r.kind == "explain"} == {
        (MODEL, "saliency")
    }
    assert "cat (true class)" in app.selectbox(key="explain_target").options


def test_a_run_without_pictures_still_tells_which_are_worst(open_page, store):
    app = open_page("explanation", run=done(store, result(), with_pictures=False))

    assert "This run kept no picture of it" in texts(app).replace("\\", "")


def test_the_runs_page_leads_to_it(open_page, store):
    run = done(store, result())

    app = open_page("runs", run=run)

    links = {e.proto.label: e.proto for e in app.get("page_link")}
    assert links["Show its result"].page == "explanation"


def test_worst_maps_of_texts_show_their_words_coloured_and_open_on_explain(open_page, store):
    text = "not <b>good</b> at all"
    records = (
        result()
        .records.drop_duplicates("index")
        .assign(method="kernel_shap", text=text, words=4, deletion_gain=-0.5)
    )
    config = ExplanationConfig(ModelSpec("hf/toy"), DatasetSpec("texts.csv"), ("kernel_shap",))
    run = done(store, ExplanationResult(config, provenance("hf/toy"), records), with_pictures=False)
    spans = [(0, 3), (7, 11), (16, 18), (19, 22)]
    maps = {f"{i}_kernel_shap": np.array([[-1, 2, 0, 0]], np.float32) for i in range(3)}
    maps |= {f"{i}_text": np.array(text) for i in range(3)}
    maps |= {f"{i}_spans": np.array(spans, np.int32) for i in range(3)}
    store.folder(run).mkdir(parents=True, exist_ok=True)
    np.savez(store.folder(run) / "maps.npz", **maps)

    app = open_page("explanation", run=run)

    chips = [html.proto.body for html in app.get("html") if "span title" in html.proto.body]
    assert len(chips) == 3
    assert 'title="+2"' in chips[0]
    assert "&lt;" in chips[0]
    assert "no better than chance (-0.50)" in texts(app).replace("\\", "")
    assert app.button(key=f"worst_{run}_0_kernel_shap").label == "Explain it"


def test_a_run_of_texts_lists_the_methods_of_texts(open_page, store, tmp_path):
    save_classifier(tmp_path / "calm", "bert")
    model = f"hf/{tmp_path / 'calm'}"
    records = result().records.drop_duplicates("index")
    records = records.assign(method="kernel_shap", text="a b", words=2)
    config = ExplanationConfig(ModelSpec(model), DatasetSpec("texts.csv"), ("kernel_shap",))
    run = done(store, ExplanationResult(config, provenance(model), records), with_pictures=False)

    app = open_page("explanation", run=run)

    of_texts = [row.title for row in EXPLAINERS.values() if row.of_texts]
    group = app.get("button_group")
    methods = next(one for one in group if one.key == "explanation_methods")
    assert [option.content for option in methods.proto.options] == of_texts
    assert methods.value == ["kernel_shap"]


def test_a_method_of_pictures_is_let_go_where_a_model_of_texts_is_chosen(open_page, tmp_path):
    save_classifier(tmp_path / "calm", "bert")
    app = open_page("explanation", models=[MODEL])
    app.session_state["explanation_methods"] = ["kernel_shap", "grad_cam"]

    app.multiselect(key="models").set_value([f"hf/{tmp_path / 'calm'}"]).run()

    assert not app.exception
    assert app.session_state["explanation_methods"] == ["kernel_shap"]
