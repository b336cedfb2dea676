"""A page's script never stands still for the lane, a disk or a decoder."""

import threading
from pathlib import Path

import pytest
from fake_lane import FakeLane
from made_pictures import png
from shown import texts
from streamlit.testing.v1 import AppTest

from dashboard.components.shared import beside
from dashboard.components.shared import lane as lanes
from usable_core.errors import ImageRefused, StorageError
from usable_core.evaluations.interactive import Answer
from usable_core.jobs import interactive
from usable_core.runs import uploads

HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"


def over(threads, seconds=30):
    """Wait until a pool has done all that it was given: its workers meet."""
    workers = threads._max_workers
    meeting = threading.Barrier(workers)
    for work in [threads.submit(meeting.wait, seconds) for _ in range(workers)]:
        work.result(seconds)


@pytest.fixture
def gate(monkeypatch):
    """Keeps something from ending until it is opened; what is quick stays quick."""
    opened = threading.Event()
    monkeypatch.setattr(beside, "BLINK", 0.05)
    yield opened
    opened.set()
    for threads in (beside.LANE, beside.PICTURES):
        over(threads, 60)


@pytest.fixture
def lane(monkeypatch, tmp_path):
    """A lane that answers at once."""
    fake = FakeLane(tmp_path / "lane")
    for name in ("submit", "poll", "files", "cancel", "ensure_worker"):
        monkeypatch.setattr(interactive, name, getattr(fake, name))
    return fake


def closed(gate, function):
    """Return a function that ends only once the gate is open."""

    def waiting(*arguments):
        assert gate.wait(60)
        return function(*arguments)

    return waiting


def explained(**query):
    at = AppTest.from_file(str(HOME), default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page("app_pages/explain.py").run()
    assert not at.exception
    return at


def settled(at, seconds=30):
    """The page as it is once all that goes on beside it is over."""
    for threads in (beside.PICTURES, beside.LANE, beside.PICTURES):
        over(threads, seconds)
    at.run()
    for threads in (beside.PICTURES, beside.LANE):
        over(threads, seconds)
    return at.run()


def said(at):
    return "\n".join([texts(at), *(e.proto.text for e in at.get("progress"))])


@pytest.mark.parametrize("slow", ["submit", "ensure_worker"])
def test_a_lane_that_takes_no_question_leaves_explain_whole(lane, gate, monkeypatch, slow):
    monkeypatch.setattr(interactive, slow, closed(gate, getattr(interactive, slow)))
    explained(image="cat")  # the photograph is read
    over(beside.PICTURES)

    at = explained(image="cat")

    assert "waits for its turn" in said(at)
    assert "0 of 8 answers are complete" in said(at)

    gate.set()

    assert "All 8 answers are complete" in said(settled(at))


def test_questions_that_wait_to_be_put_can_be_stopped(lane, gate, monkeypatch):
    explained(image="cat")
    over(beside.PICTURES)
    monkeypatch.setattr(interactive, "submit", closed(gate, lane.submit))
    lane.answers = dict.fromkeys(("bundled/resnet", "bundled/vgg"), Answer("waiting"))
    before = set(lane.requests)
    at = explained(image="cat", explain_target="dog")

    at.button(key="explain_stop").click().run()

    assert "Stopped" in said(at)
    gate.set()
    settled(at)
    put = set(lane.requests) - before
    assert len(put) <= 1  # the one that was being put when Stop was pressed
    assert put <= set(lane.cancelled)


def test_a_refusal_is_told_once_and_the_question_is_put_anew(lane, monkeypatch):
    def refuse(request):
        raise StorageError("The disk is full.")

    monkeypatch.setattr(interactive, "submit", refuse)
    at = explained(image="cat")
    assert [e.value for e in at.error][:1] == ["The disk is full."]
    assert len({e.value for e in at.error}) == 1

    monkeypatch.setattr(interactive, "submit", lane.submit)
    at.run()

    assert not at.error
    assert "All 8 answers are complete" in said(at)


def test_a_tab_that_leaves_does_not_stop_what_another_waits_for(lane, monkeypatch):
    monkeypatch.setattr(lanes, "WAITING_SECONDS", 600)  # a slow machine closes no tab
    lane.map_state = "working"
    mine, other = explained(image="cat"), explained(image="cat")

    other.button(key="gallery_coffee").click().run()
    assert lane.cancelled == []

    mine.button(key="gallery_rocket").click().run()
    assert {lane.requests[key].kind for key in lane.cancelled} == {"explain"}


@pytest.mark.parametrize("wrong", [None, ImageRefused("It is damaged.")])
def test_an_upload_that_takes_long_to_decode_leaves_the_page_whole(lane, gate, monkeypatch, wrong):
    def keep(data, name):
        if wrong:
            raise wrong
        return kept(data, name)

    kept = uploads.keep
    at = explained()
    monkeypatch.setattr(uploads, "keep", closed(gate, keep))

    at.file_uploader(key="explain_upload").upload("me.png", png(size=(20, 12))).run()

    assert not at.exception
    assert "Reading the picture …" in said(at)
    assert "No picture yet" not in said(at)
    assert lane.requests == {}

    gate.set()

    found = said(settled(at))
    assert ("It is damaged" if wrong else "me.png") in found
    assert "Reading the picture" not in found


def test_a_photograph_that_takes_long_to_read_leaves_the_page_whole(lane, gate, monkeypatch):
    monkeypatch.setattr(uploads, "keep", closed(gate, uploads.keep))

    at = explained(image="coins")

    assert "Reading the picture …" in said(at)
    gate.set()
    assert "Coins" in said(settled(at))


def test_a_photograph_of_the_gallery_whose_copy_was_deleted_is_read_anew(lane):
    at = explained(image="coins")
    copy = lane.asked("predict")[0].image

    uploads.delete(copy)
    at.run()

    assert uploads.is_kept(copy)
    assert "not here" not in said(at)


def test_what_failed_once_is_tried_again(lane, monkeypatch):
    def fail(*_):
        raise OSError("The disk is away.")

    with monkeypatch.context() as away:
        away.setattr(uploads, "keep", fail)
        at = AppTest.from_file(str(HOME), default_timeout=30)
        at.query_params["image"] = "coins"
        at.switch_page("app_pages/explain.py").run()
        assert at.exception
    with monkeypatch.context() as away:
        away.setattr(interactive, "submit", fail)
        assert at.run().exception

    assert not at.run().exception
    assert "All 8 answers are complete" in said(at)


def test_robustness_does_not_wait_for_its_estimate(lane, gate, open_page, monkeypatch):
    monkeypatch.setattr(interactive, "submit", closed(gate, interactive.submit))

    app = open_page("robustness")

    assert "Timing the model on this machine" in texts(app)
