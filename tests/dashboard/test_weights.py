"""Weights that are not here: told at every picker with size and host, fetched by a button alone."""

import json
import threading
import time

import pytest
from shown import texts

from usable_core import downloads, shelf
from usable_core.errors import Cancelled
from usable_core.evaluations.interactive import Answer
from usable_core.evaluations.passports import Download, Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive

MODEL = "torchvision/squeezenet1_1"
PAGES = {
    "accuracy": ("models", "accuracy_start"),
    "robustness": ("models", "robustness_start"),
    "assess": ("models", "assess_start"),
    "fine_tune": ("fine_tune_model", "fine_tune_start"),
    "explain": ("models", None),
}
MEANWHILE = 200  # looks at most


def requests():
    folder = interactive.lane() / "requests"
    return {path.stem: json.loads(path.read_text("utf-8"))["request"] for path in folder.glob("*")}


def answered(app, passport):
    """Answer what the page asked about the model, and look at it again."""
    for key, request in requests().items():
        if request["kind"] == "known":
            interactive.write_answer(key, Answer("done", passport=passport))
            interactive.request_path(key).unlink()
    return app.run()


@pytest.fixture
def away(tmp_path):
    """What is known of a model whose weights a host would give."""
    return Passport(
        MODEL,
        download=Download("https://host.example/w.pth", 4_900_000, path=str(tmp_path / "w.pth")),
    )


def button(app, label):
    return next(one for one in app.button if one.label == label)


@pytest.mark.parametrize("page", PAGES)
def test_every_picker_tells_size_and_host_and_nothing_starts_before(
    open_page, away, tmp_path, page
):
    key, start = PAGES[page]
    data = {"data": "photographs", "fine_tune_dataset": "digits", "image": "cat"}
    app = open_page(page, **{key: MODEL}, **data)
    assert "Looking up the weights of" in texts(app)
    answered(app, away)

    assert "is not on this machine." in texts(app)
    assert button(app, "Download 4.9 MB from host.example")
    assert start is None or app.button(key=start).disabled
    assert {request["kind"] for request in requests().values()} <= {"time"}
    asked = [r["model"]["reference"] for r in requests().values()]
    assert MODEL not in asked

    (tmp_path / "w.pth").write_bytes(b"here")  # the download is over
    app.run()
    assert "is not on this machine" not in texts(app)
    asked = [r["model"]["reference"] for r in requests().values()]
    assert MODEL in asked if start is None else not app.button(key=start).disabled


def test_a_name_of_the_shelf_tells_what_it_stands_for(open_page, away):
    shelf.put("Ours", ModelSpec(MODEL))

    app = open_page("accuracy", models="shelf/Ours", data="photographs")
    answered(app, away)

    assert "**Ours** is not on this machine" in texts(app)
    assert button(app, "Download 4.9 MB from host.example")


def test_what_lies_in_a_cache_or_was_brought_asks_nothing(open_page, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")

    app = open_page("accuracy", models=MODEL, data="photographs")

    assert not requests()
    assert not app.button(key="accuracy_start").disabled


@pytest.mark.parametrize("page", ["models", "accuracy"])
def test_a_download_shows_megabytes_is_cancelled_and_begun_again(
    open_page, away, monkeypatch, page
):
    ended, begun = threading.Event(), []

    def fetch(download, reference, report):
        begun.append(reference)
        try:
            for _ in range(1000):  # else it is over
                report(2_500_000, 5_000_000, "")
                time.sleep(0.01)
        except Cancelled:
            ended.set()
            raise

    monkeypatch.setattr(downloads, "fetch", fetch)
    app = open_page(page, models=MODEL, data="photographs")
    if page == "models":
        app.selectbox(key="shelf_reference").set_value(MODEL).run()
    answered(app, away)
    for count in (1, 2):
        button(app, "Download 4.9 MB from host.example").click().run()
        for _ in range(MEANWHILE):
            app.run()
            if any("2.5 MB of 5.0 MB" in bar.proto.text for bar in app.get("progress")):
                break
        assert any("2.5 MB of 5.0 MB" in bar.proto.text for bar in app.get("progress"))

        button(app, "Cancel").click().run()
        assert ended.wait(10)
        for _ in range(MEANWHILE):
            app.run()
            if "was cancelled; nothing of it was kept" in texts(app):
                break
        assert "was cancelled; nothing of it was kept" in texts(app)
        assert begun == [MODEL] * count
        ended.clear()
    assert not app.error
