import json

import runs_at_hand
from shown import figures, links, texts

from usable_core.catalog.models import BUNDLED
from usable_core.evaluations.demo import DemoConfig
from usable_core.images import gallery
from usable_core.runs.run import Status


def test_overview_is_not_empty_before_anything_was_run(open_page):
    app = open_page("overview")

    shown = texts(app)
    assert all(row.title in shown for row in BUNDLED.values())
    assert "None yet" in shown
    assert len(app.get("image")) == len(gallery()) + 1  # and the strip of digits
    assert links(app)["Cat"] == "explain?image=cat"


def test_overview_shows_what_a_card_says_with_its_interval(open_page, tmp_path, monkeypatch):
    accuracy = {"value": 0.8642, "low": 0.84, "high": 0.885, "n": 1000}
    (tmp_path / "models").mkdir()
    card = json.dumps({"measured": {"accuracy": accuracy}})
    (tmp_path / "models" / "resnet.json").write_text(card)
    monkeypatch.setattr("usable_core.settings.assets", lambda: tmp_path)

    app = open_page("overview")

    assert [(m.label, m.value) for m in app.metric] == [("Accuracy", "86.4 %")]
    assert "84.0–88.5 %, n = 1,000" in texts(app)
    assert texts(app).count("Not in this installation.") == len(BUNDLED) - 1


def test_the_demo_button_starts_the_demo_and_shows_its_run(open_page, started):
    app = open_page("overview")

    app.button(key="overview_demo").click().run()

    assert started == [DemoConfig()]
    assert ":gray-badge[… queued] **Demo**" in texts(app)
    assert app.button(key="overview_demo").disabled


def test_a_running_demo_shows_its_parts_with_their_live_curves(open_page, store):
    demo = store.create(DemoConfig())
    store.start(demo.id, 1)
    store.progress(demo.id, 1, 8, "Fine-tuning")
    runs_at_hand.done(store, parent=demo.id)
    runs_at_hand.running(store, parent=demo.id, epochs=2)

    app = open_page("overview")

    assert "2 of 3" in texts(app)
    assert [len(f["data"][0]["x"]["bdata"]) > 0 for f in figures(app)] == [True, True]
    assert "Compare the two backbones" not in str(links(app))


def test_a_finished_demo_leads_to_the_comparison_of_its_parts(open_page, store, monkeypatch):
    demo = store.create(DemoConfig())
    monkeypatch.setattr(type(demo.status), "is_over", property(lambda s: s is not Status.QUEUED))
    store.start(demo.id, 1)
    store._end(demo.id, Status.DONE, summary={})

    app = open_page("overview")

    assert links(app)["**Compare the two backbones**"] == f"compare?parent={demo.id}"


def test_a_failed_demo_says_why_and_can_be_started_again(open_page, store):
    demo = store.create(DemoConfig())
    store.fail(demo.id, "The disk is full.")

    app = open_page("overview")

    assert [e.value for e in app.error] == ["The disk is full."]
    assert not app.button(key="overview_demo").disabled


def test_names_of_unknown_origin_are_shown_as_they_are(open_page, store):
    run = store.create(DemoConfig(), title="**bold** [x](http://e.org)")
    store.fail(run.id, "no *file* <b>")

    app = open_page("overview")

    assert r"\*\*bold\*\* \[x\]\(http\://e.org\)" in texts(app)
    assert app.error[0].value == r"no \*file\* \<b\>"
