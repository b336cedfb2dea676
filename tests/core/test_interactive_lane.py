"""Questions about one image are answered once, in a good order, by one process."""

import io
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from usable_core.errors import Cancelled, ExplanationError, ImageRefused, StorageError
from usable_core.evaluations.explained import Explanation, Prediction
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive as lane
from usable_core.jobs import worker
from usable_core.jobs.interactive import Answer, ImageRequest
from usable_core.runs import uploads
from usable_core.runs.living import is_held

CAT = Prediction(3, "cat", 0.9)


def explanation(method="lime", evaluations=64):
    return Explanation(predictions=(CAT,), target="cat", method=method, evaluations=evaluations)


log = []
hooks = {}


class ModelCache(dict):
    """The fake worker's models."""


def answer(request, models, image, folder, publish):
    """What the fake worker does; the model's name says the accident."""
    log.append(f"{request.kind} {request.model.reference}")
    assert (image is None) == (request.kind == "time")
    if request.model.reference == "refuse":
        raise ExplanationError("This model has no gradients. Choose LIME.")
    if request.model.reference == "break":
        raise ZeroDivisionError("secret detail")
    if request.kind in ("explain", "drift"):
        publish(Answer("working", Explanation(predictions=(CAT,)), done=1, total=64))
        np.save(folder / "map.npy", np.zeros(image.size[::-1], np.float32))
        log.append(f"coarse {request.model.reference}")
        publish(Answer("coarse", explanation()))
        hooks.get(request.model.reference, lambda: None)()
        publish(Answer("coarse", explanation(), done=1, total=300))
        publish(Answer("coarse", explanation(evaluations=128)))
        hooks.get(f"then {request.model.reference}", lambda: None)()
    publish(Answer("done", explanation(request.method, 300)))
    log.append(f"done {request.model.reference}")


def warm_up():
    """What the fake worker does when nobody waits; says so only to the tests of it."""
    for step in hooks.get("warm_up", ()):
        step()
        yield


FAKE = f"{__name__}:answer"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr(lane, "ensure_worker", lambda: None)
    log.clear()
    hooks.clear()


@pytest.fixture
def image_id():
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), 200, np.uint8)).save(buffer, "PNG")
    return uploads.keep(buffer.getvalue(), "grey.png")


def predict(image_id, model="a"):
    return ImageRequest("predict", ModelSpec(model), image_id)


def explain(image_id, model="a", **options):
    made = ExplainerOptions(**options)
    return ImageRequest("explain", ModelSpec(model), image_id, method="lime", options=made)


def serve():
    worker.serve(idle_seconds=0.3, dotted=FAKE)


def test_an_answer_waits_then_is_done_and_leaves_no_request(image_id):
    key = lane.submit(explain(image_id))
    assert lane.poll(key).state == "waiting"

    serve()

    found = lane.poll(key)
    assert (found.state, found.explanation) == ("done", explanation(evaluations=300))
    assert np.load(lane.files(key) / "map.npy").shape == (4, 6)
    assert not lane.request_path(key).exists()


def test_the_same_question_is_answered_once(image_id):
    key = lane.submit(explain(image_id))
    serve()
    log.clear()

    again = lane.submit(explain(image_id))
    serve()

    assert again == key
    assert lane.poll(again).state == "done"
    assert log == []


def test_another_question_has_another_key(image_id, tmp_path, monkeypatch):
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"1")
    spec = ModelSpec("torchvision/resnet18", weights=str(weights))
    asked = [
        explain(image_id),
        predict(image_id),
        explain(image_id, "b"),
        explain(image_id, seed=1),
        replace(explain(image_id), target="cat"),
        replace(predict(image_id), model=spec),
    ]
    keys = [lane.submit(request) for request in asked]
    os.utime(weights, (1, 1))
    keys.append(lane.submit(asked[-1]))
    monkeypatch.setattr(lane, "versions", lambda: {"torch": "0"})
    keys.append(lane.submit(asked[0]))

    assert len(set(keys)) == len(keys)


def test_predictions_come_first_then_every_coarse_map_then_the_rest(image_id):
    for name in ("a", "b"):
        lane.submit(explain(image_id, name))
    lane.submit(predict(image_id, "p"))

    serve()

    coarse = [log.index("coarse a"), log.index("coarse b")]
    done = [log.index("done a"), log.index("done b")]
    assert log.index("done p") == 1
    assert max(coarse) < min(done)


def test_small_changes_come_before_refinements_and_evidence_before_drift(image_id):
    of = replace(explain(image_id, "other"))
    for kind in ("drift", "evidence", "attack"):
        lane.submit(replace(of, kind=kind, model=ModelSpec(kind)))
    lane.submit(explain(image_id, "a"))

    serve()

    done = [line.removeprefix("done ") for line in log if line.startswith("done ")]
    assert done == ["attack", "a", "evidence", "drift"]
    assert log.index("coarse a") < log.index("attack attack")


def test_a_picture_uploaded_during_a_drift_does_not_wait_for_its_end(image_id):
    count = iter(range(5))

    def ask_again():
        for number in count:
            lane.submit(predict(image_id, f"p{number}"))
            return

    hooks["drift"] = ask_again
    lane.submit(replace(explain(image_id, "drift"), kind="drift"))

    serve()

    assert [log.index(f"done p{k}") < log.index("done drift") for k in range(5)] == [True] * 5


def test_a_better_map_replaces_the_coarse_one_before_it_is_done(image_id):
    seen = []
    key = lane.submit(explain(image_id, "a"))
    lane.submit(explain(image_id, "b"))
    hooks["a"] = lambda: seen.append(lane.poll(key).explanation.evaluations)
    hooks["then a"] = lambda: seen.append(lane.poll(key).explanation.evaluations)

    serve()

    assert seen == [64, 128]


def test_a_coarse_answer_stays_visible_while_it_is_refined_later(image_id):
    seen = []
    key = lane.submit(explain(image_id, "a"))
    lane.submit(explain(image_id, "b"))
    hooks["b"] = lambda: seen.append(lane.poll(key).state)
    hooks["a"] = lambda: seen.append(lane.poll(key).state)

    serve()

    assert set(seen) == {"coarse"}
    assert lane.poll(key).state == "done"


def test_a_prediction_asked_during_a_refinement_does_not_wait_for_its_end(image_id):
    def ask_once():
        if "predict p" not in log:
            lane.submit(predict(image_id, "p"))

    hooks["a"] = ask_once
    lane.submit(explain(image_id, "a"))

    serve()

    assert log.index("done p") < log.index("done a")


def test_a_refinement_gives_way_at_most_twice(image_id):
    count = iter(range(100))
    hooks["a"] = lambda: lane.submit(predict(image_id, f"p{next(count)}"))
    key = lane.submit(explain(image_id, "a"))

    serve()

    assert lane.poll(key).state == "done"
    assert log.count("explain a") == 3


def test_a_cancelled_question_stops_and_can_be_asked_again(image_id):
    hooks["a"] = lambda: lane.cancel(key)
    key = lane.submit(explain(image_id, "a"))

    serve()

    found = lane.poll(key)
    assert (found.state, found.error) == ("failed", "Cancelled.")
    assert "done a" not in log
    hooks.clear()
    assert lane.submit(explain(image_id, "a")) == key
    assert lane.poll(key).state == "waiting"
    serve()
    assert lane.poll(key).state == "done"


def test_a_cancelled_question_keeps_its_preview(image_id):
    hooks["a"] = lambda: lane.cancel(key)
    key = lane.submit(explain(image_id))

    serve()

    answer = lane.poll(key)
    assert (answer.state, answer.error) == ("failed", str(Cancelled()))
    assert answer.explanation == explanation()


def test_a_preview_written_after_the_question_was_withdrawn_is_a_stopped_one(image_id):
    key = lane.submit(explain(image_id))
    lane.cancel(key)
    lane.write_answer(key, Answer("coarse", explanation()))  # the worker was between two looks

    answer = lane.poll(key)

    assert (answer.state, answer.error) == ("failed", str(Cancelled()))
    assert answer.explanation == explanation()


def test_a_question_cancelled_while_it_waits_is_never_begun(image_id):
    key = lane.submit(explain(image_id, "a"))

    lane.cancel(key)
    serve()

    assert lane.poll(key).state == "failed"
    assert log == []


def test_the_worker_warms_up_before_anyone_asks():
    hooks["warm_up"] = [lambda: log.append("first"), lambda: log.append("second")]

    serve()

    assert log == ["first", "second"]


def test_a_question_is_answered_beside_a_step_of_the_warm_up_that_takes_long(image_id):
    answered = threading.Event()
    hooks["a"] = answered.set

    def step():
        lane.submit(explain(image_id, "a"))
        log.append(answered.wait(20))

    hooks["warm_up"] = [step]

    serve()

    assert True in log


def test_no_step_of_the_warm_up_begins_before_a_question_is_answered(image_id):
    hooks["warm_up"] = [
        lambda: lane.submit(predict(image_id, "p")),
        lambda: log.append("second"),
    ]

    serve()

    assert log == ["predict p", "done p", "second"]


def test_a_warm_up_that_fails_hinders_no_answer(image_id):
    hooks["warm_up"] = [lambda: lane.submit(predict(image_id, "p")), lambda: 1 / 0]

    serve()

    assert log == ["predict p", "done p"]


def test_a_failure_is_a_sentence_and_the_worker_goes_on(image_id):
    refused, broken, good = (
        lane.submit(predict(image_id, name)) for name in ("refuse", "break", "good")
    )

    serve()

    assert lane.poll(refused).error == "This model has no gradients. Choose LIME."
    assert "ZeroDivisionError" in lane.poll(broken).error
    assert "secret detail" not in lane.poll(broken).error
    assert lane.poll(good).state == "done"


def test_a_question_that_killed_two_workers_is_not_tried_a_third_time(image_id, monkeypatch):
    key = lane.submit(predict(image_id, "a"))

    def die(*_):
        raise SystemExit

    monkeypatch.setitem(globals(), "answer", die)
    for _ in range(2):
        with pytest.raises(SystemExit):
            serve()
    serve()

    assert lane.poll(key).state == "failed"
    assert "died" in lane.poll(key).error


def test_a_question_about_time_needs_no_image():
    key = lane.submit(ImageRequest("time", ModelSpec("a")))

    serve()

    assert lane.poll(key).state == "done"


def test_a_model_is_timed_with_and_without_gradient(tmp_path):
    from toy_models import linear_model

    from usable_core.measuring.interactive import ModelCache as Models
    from usable_core.measuring.interactive import answer as real_answer

    said = []
    models = Models(load=lambda spec: linear_model())
    real_answer(ImageRequest("time", ModelSpec("toy")), models, None, tmp_path, said.append)

    assert said[-1].state == "done"
    assert 0 < said[-1].forward_seconds < 1
    assert 0 < said[-1].gradient_seconds < 1


def test_a_deleted_image_is_told(image_id):
    key = lane.submit(predict(image_id))
    uploads.delete(image_id)

    serve()

    assert "Upload it again" in lane.poll(key).error


def test_keys_are_never_paths():
    for key in ("../../x", "", "a/b", "A" * 24, "0" * 23):
        for ask in (lane.files, lane.poll, lane.cancel):
            with pytest.raises(StorageError, match="no key"):
                ask(key)
    assert lane.poll("0" * 24).error == "This answer is no longer stored. Ask again."


def test_the_answers_used_longest_ago_are_pruned(image_id):
    old, new, waiting = (lane.submit(explain(image_id, name)) for name in ("a", "b", "c"))
    lane.request_path(old).unlink()
    lane.request_path(new).unlink()
    for age, key in enumerate((new, old, waiting)):
        os.utime(lane.files(key) / "answer.json", (1000 - age, 1000 - age))

    size = (lane.files(new) / "answer.json").stat().st_size
    lane.prune(2 * size)

    assert [lane.files(key).exists() for key in (old, new, waiting)] == [False, True, True]


def test_a_second_worker_ends_at_once(image_id, monkeypatch):
    monkeypatch.setattr(worker, "TAKE_SECONDS", 0.1)
    inside, leave = threading.Event(), threading.Event()
    hooks["a"] = lambda: (inside.set(), leave.wait(20))
    lane.submit(explain(image_id, "a"))
    first = threading.Thread(target=serve)
    first.start()
    assert inside.wait(20)

    began = time.monotonic()
    worker.serve(idle_seconds=60, dotted=FAKE)

    assert time.monotonic() - began < 5
    leave.set()
    first.join(20)


def test_a_worker_process_starts_answers_and_ends_when_idle(image_id, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    code = tmp_path / "code"
    code.mkdir()
    (code / "fake_answers.py").write_text(
        "from usable_core.evaluations.interactive import Answer\n"
        "ModelCache = dict\n"
        "def answer(request, models, image, folder, publish):\n"
        "    publish(Answer('done', done=image.width))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(code))
    monkeypatch.setenv("USABLE_WORKER_ANSWER", "fake_answers:answer")
    monkeypatch.setenv("USABLE_WORKER_IDLE_SECONDS", "0.5")

    key = lane.submit(predict(image_id))
    end = time.monotonic() + 60
    while lane.poll(key).state not in lane.FINAL and time.monotonic() < end:
        time.sleep(0.1)

    found = lane.poll(key)
    assert (found.state, found.done) == ("done", 6), found
    process = lane._started[lane.lane()]
    assert process.wait(30) == 0
    assert not is_held(lane.lane() / "worker.lock")


def test_an_upload_is_kept_under_its_content_without_metadata(tmp_path):
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    first, second = io.BytesIO(), io.BytesIO()
    picture.save(first, "PNG", exif=exif)
    picture.save(second, "BMP")

    one = uploads.keep(first.getvalue(), "../../evil.png")
    two = uploads.keep(second.getvalue(), "other.bmp")

    assert one == two
    stored = list((tmp_path / "home" / "uploads").iterdir())
    assert {path.name for path in stored} == {f"{one}.png", f"{one}.json"}
    assert all(b"secret" not in path.read_bytes() for path in stored)
    assert uploads.title(one) == "other.bmp"  # as it was called last
    assert np.array_equal(np.asarray(uploads.open_upload(one)), np.asarray(picture))
    uploads.delete(one)
    assert list((tmp_path / "home" / "uploads").iterdir()) == []
    with pytest.raises(ImageRefused, match="Upload it again"):
        uploads.open_upload(one)


@pytest.mark.parametrize("name", ["../../secret", "", "0" * 25])
def test_an_upload_is_opened_by_its_identity_only(name):
    with pytest.raises(ImageRefused):
        uploads.open_upload(name)


def test_a_file_that_is_no_picture_is_refused_and_not_kept(tmp_path):
    with pytest.raises(ImageRefused):
        uploads.keep(b"not a picture", "x.png")

    assert not (tmp_path / "home" / "uploads").exists()
