import json
import os
from dataclasses import replace

import pandas as pd
from shown import links, texts

from usable_core.catalog.architectures import ARCHITECTURES, BUNDLED
from usable_core.images import gallery
from usable_core.metrics.intervals import Estimate
from usable_core.verdicts.assessment import AssessmentResult, row_of
from usable_core.verdicts.checking import Checked
from usable_core.verdicts.demo import demo
from usable_core.verdicts.requirements import requirement


def test_overview_is_not_empty_before_anything_was_run(open_page):
    app = open_page("overview")

    shown = texts(app)
    assert all(row.title in shown for row in BUNDLED.values())
    assert "None yet" in shown
    assert len(app.get("image")) == len(gallery()) + 1  # and the strip of digits
    assert links(app)["Cat"] == "explain?image=cat"


def test_overview_says_where_own_things_go_and_what_the_attack_was(open_page):
    app = open_page("overview")

    ways = {"a picture or a text": "explain?", "a model": "models?", "data": "data?"}
    assert ways.items() <= links(app).items()
    labels = [metric.label for metric in app.metric]
    pictures = [r for r in BUNDLED.values() if ARCHITECTURES[r.architecture].kind == "picture"]
    assert labels.count("Attack, ε 8/255") == len(pictures)
    assert "Under attack" not in labels


def test_overview_shows_what_a_card_says_with_its_interval(open_page, tmp_path, monkeypatch):
    accuracy = {"value": 0.8642, "low": 0.84, "high": 0.885, "n": 1000}
    (tmp_path / "models").mkdir()
    card = json.dumps({"measured": {"accuracy": accuracy}})
    (tmp_path / "models" / "resnet.json").write_text(card)
    monkeypatch.setattr("usable_core.settings.assets", lambda: tmp_path)

    app = open_page("overview")

    assert [(m.label, m.value) for m in app.metric] == [("Accuracy", "86.4 %")]
    assert "84.0–88.5 %, n = 1,000" in texts(app).replace("\u00a0", " ")
    assert texts(app).count("Not in this installation.") == len(BUNDLED) - 1


def test_the_demo_button_starts_the_assessment_and_leads_to_it(open_page, started):
    app = open_page("overview")

    app.button(key="overview_demo").click().run()

    assert started == [demo()]
    assert "Is it fit for use?" in [title.value for title in app.title]


def test_a_running_demo_is_led_to_and_not_started_twice(open_page, store, started):
    run = store.create(demo())
    store.start(run.id, os.getpid())
    store.progress(run.id, 1, 8, "Corruptions of VGG")

    app = open_page("overview")
    assert links(app)["**See the demo**"] == f"assess?run={run.id}"
    assert "Corruptions of VGG" in texts(app)
    app.button(key="overview_demo").click().run()

    assert started == []


def test_a_finished_demo_shows_its_verdict(open_page, store):
    run = store.create(demo())
    store.start(run.id, os.getpid())
    rows = [
        {"model": f"bundled/{name}", "name": name, "run": "", **row_of(checked)}
        for name in ("vgg_digits", "resnet_digits")
        for checked in [
            Checked(requirement("accuracy >= 90 %"), Estimate(0.95, 0.93, 0.97, 400), "met")
        ]
    ]
    store.finish(run.id, AssessmentResult(demo(), pd.DataFrame(rows)))

    app = open_page("overview")

    assert "are fit for this use" in texts(app)
    assert links(app)["**See the demo**"] == f"assess?run={run.id}"


def test_an_assessment_of_something_else_is_no_demo(open_page, store):
    store.create(replace(demo(), preset="standard"))

    assert "**See the demo**" not in links(open_page("overview"))


def test_a_failed_demo_says_why_and_can_be_started_again(open_page, store):
    run = store.create(demo())
    store.fail(run.id, "The disk is full.")

    app = open_page("overview")

    assert "The disk is full." in texts(app)
    assert not app.button(key="overview_demo").disabled


def test_names_of_unknown_origin_are_shown_as_they_are(open_page, store):
    run = store.create(demo(), title="**bold** [x](http://e.org)")
    store.fail(run.id, "no *file* <b>")

    app = open_page("overview")

    assert r"no \*file\* \<b\>" in texts(app)
    assert r"\*\*bold\*\* \[x\]\(http\://e.org\)" in " ".join(links(app))


def test_a_bundled_model_is_explained_on_what_it_takes(open_page):
    app = open_page("overview")
    ways = [
        link.proto.query_string for link in app.get("page_link") if link.proto.label == "Explain"
    ]
    assert "explain_kind=text&text_models=bundled%2Fbert" in ways
    assert "models=bundled%2Fresnet" in ways
