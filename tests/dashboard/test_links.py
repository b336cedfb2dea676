"""What a link names on this machine is shown at once, and opened after a click."""

import pytest
from fake_lane import FakeLane
from linked import KINDS, LINKED, OPEN, PAGES, named, paths_opened
from shown import texts

from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.jobs import interactive

# Each page and each kind once; all of them with each other are in tests/faults.
CASES = [*zip(PAGES, KINDS, strict=True), ("explain", "options")]


@pytest.fixture
def lane(monkeypatch, tmp_path, started):
    """What the pages ask of the worker."""
    fake = FakeLane(tmp_path / "lane")
    for name in ("submit", "poll", "files", "cancel"):
        monkeypatch.setattr(interactive, name, getattr(fake, name))
    monkeypatch.setattr("dashboard.visitor.check_names", lambda _: None)
    return fake.requests


def held_back(app):
    """What the page says that it did not open."""
    return app.code[0].value if any(button.key == OPEN for button in app.button) else ""


@pytest.mark.parametrize(("page", "kind"), CASES)
def test_nothing_that_a_link_names_is_opened_before_a_click(open_page, lane, tmp_path, page, kind):
    secret = tmp_path / "secret.pth"
    secret.write_text("secret")
    with paths_opened() as paths:
        app = open_page(page, **named(page, kind, secret))

    assert not [path for path in paths if str(secret) in path]
    assert str(secret) not in str(lane)
    assert str(secret) in held_back(app)


@pytest.mark.parametrize(("page", "kind"), CASES)
def test_a_click_opens_it_and_holds(open_page, lane, started, tmp_path, page, kind):
    secret = tmp_path / "secret.pth"
    app = open_page(page, **named(page, kind, secret))

    app.button(key=OPEN).click().run()
    app.run()

    assert not held_back(app)
    start = f"{page}_start"  # Explain begins by itself where nothing must be fetched
    if any(button.key == start for button in app.button):
        app.button(key=start).click().run()
    assert not app.exception
    assert str(secret) in str(lane) + str(started)


def test_other_pages_of_the_session_ask_too_and_one_click_is_for_all(open_page, lane):
    link = {"models": "folder/model", "data": "pictures", "fine_tune_dataset": "more"}
    app = open_page("accuracy", **link)
    assert [line.split(": ")[1] for line in held_back(app).splitlines()] == [
        "folder/model",
        "pictures",
    ]

    app.button(key=OPEN).click().run()
    app.switch_page("app_pages/fine_tune.py").run()

    assert held_back(app) == "Data: more"


@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\u200b", "\u202e", "\0"])
def test_signs_that_a_browser_may_drop_do_not_make_it_the_users_own(open_page, lane, blank):
    app = open_page("explain", image="cat", models=f"folder/x{blank}")

    app.session_state["models"] = ["folder/x"]  # as a browser sends the chip back
    app.run()

    assert "folder/x" in held_back(app)
    assert not lane


def test_what_is_typed_or_named_plainly_asks_for_no_click(open_page, lane, tmp_path):
    plain = ["bundled/vgg_digits", "torchvision/resnet18", "timm/resnet10t", "run/none"]
    app = open_page("explain", image="cat", models=plain)
    assert not held_back(app)

    app.session_state["models_timm/resnet10t"] = True  # the box of its weights is opened
    app.run()
    app.text_input(key="models_weights_timm/resnet10t").set_value("/mine.pth").run()
    app.button(key="explain_start").click().run()

    assert not held_back(app)
    assert "/mine.pth" in str(lane)


def test_a_value_changed_by_hand_is_the_users_own(open_page, lane):
    app = open_page("explain", image="cat", models="timm/resnet10t", **LINKED)
    assert "/evil.pth" in held_back(app)
    assert not lane

    app.text_input(key="models_weights_timm/resnet10t").set_value("/mine.pth").run()

    assert not held_back(app)
    assert "/mine.pth" in str(lane)
    assert "/evil.pth" not in str(lane)


def test_a_link_to_a_run_asks_for_no_click_but_what_stands_beside_it_does(open_page, store):
    model = ModelSpec("timm/resnet10t", "/own.pth", (("num_classes", "5"),))
    run = store.create(AccuracyConfig(model, DatasetSpec("/own/data"))).id
    same = {"models": "timm/resnet10t", "models_weights_timm/resnet10t": "/own.pth"}

    assert not held_back(open_page("accuracy", run=run, **same))
    assert "labels.txt" in held_back(
        open_page("accuracy", run=run, **{"models_labels_timm/resnet10t": "labels.txt"})
    )


def test_a_link_gives_no_trust(open_page, lane):
    program = "file//tmp/program.pt2"
    app = open_page("explain", image="cat", models=program, **{f"models_trust_{program}": "true"})
    app.button(key=OPEN).click().run()

    assert not app.checkbox(key=f"models_trust_{program}").value
    assert program in str(lane)
    assert "trust=True" not in str(lane)


def test_nothing_hides_in_what_is_shown(open_page, lane):
    app = open_page("accuracy", data="a\u202eb\x00c" + "x" * 1000 + "](javascript:1)")

    assert held_back(app).startswith("Data: a\\u202eb\\u0000cxxx")
    assert held_back(app).endswith("signs)")
    assert "javascript" not in texts(app)
