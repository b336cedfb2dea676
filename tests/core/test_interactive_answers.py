"""Each kind of question about one image is answered as the measuring itself does it, once."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from toy_models import linear_model

from usable_core.errors import Cancelled
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.masking import Masked
from usable_core.explainers.scoring import Scorer
from usable_core.measuring import interactive
from usable_core.measuring.drift import drifting
from usable_core.measuring.evidence import evidence
from usable_core.measuring.explanation import explain
from usable_core.measuring.fragility import EPSILONS, adversarial_path
from usable_core.measuring.interactive import answer
from usable_core.measuring.memory import KeptAnswers, ModelCache

OPTIONS = ExplainerOptions(evaluations=64, segments=9)


class Counting(nn.Module):
    """Notes how many images its network is shown."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, 0

    def forward(self, x):
        self.seen += len(x)
        return self.network(x)


class Asked:
    """Questions about one model by one warm process."""

    def __init__(self, folder):
        self.model = linear_model()
        self.model.network = self.network = Counting(self.model.network)
        self.models = ModelCache(load=lambda spec: self.model)
        self.folder = folder
        self.x = self.model.preprocessing.geometry(photo())

    def __call__(self, kind, *, method=None, target=None, options=OPTIONS, publish=None):
        told = []
        request = ImageRequest(kind, ModelSpec("toy"), "x", method, target, options)
        folder = self.folder / f"{kind} {method} {target} {options.background}"
        folder.mkdir(exist_ok=True)
        self.network.seen = 0

        def publish_all(found):
            told.append(found)
            if publish is not None:
                publish(found)

        answer(request, self.models, photo(), folder, publish_all)
        return told, folder


def photo():
    pixels = np.random.default_rng(0).integers(60, 200, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def ask(tmp_path):
    return Asked(tmp_path)


def test_an_attack_answers_with_the_smallest_change_and_its_pictures(ask):
    told, folder = ask("attack")

    last, path = told[-1], adversarial_path(ask.model, ask.x)
    assert (last.state, last.fragility.smallest) == ("done", path.fragility.smallest)
    assert last.fragility.confidences == path.fragility.confidences
    assert last.predictions[0].name == last.fragility.predictions[0]
    for k, image in enumerate(path.images):
        with Image.open(folder / f"path_{k}.png") as picture:
            pixels = np.asarray(picture, dtype=np.float64) / 255
        assert np.abs(pixels - image.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


def test_a_drift_is_shown_budget_by_budget_with_its_maps(ask):
    told, folder = ask("drift", method="lime", target="1")

    counts = [len(found.drift.epsilons) for found in told if found.state == "coarse"]
    assert counts == sorted(counts)
    assert set(counts) == set(range(1, len(EPSILONS) + 1))
    last = told[-1]
    assert (last.state, last.target) == ("done", "1")
    assert last.fragility.epsilons == last.drift.epsilons == EPSILONS
    path, maps = adversarial_path(ask.model, ask.x), []
    segments = np.load(folder / "segments.npy")
    assert len(np.load(folder / "superpixels.npy")) == segments.max() + 1
    *_, found = drifting(ask.model, path, 1, "lime", OPTIONS, segments=segments, maps=maps)
    assert last.drift.rank_correlation == found.rank_correlation
    for k in range(len(EPSILONS)):
        expected = maps[0 if k == 0 else k + 1].values
        assert np.array_equal(np.load(folder / f"map_{k}.npy"), expected)


def test_a_drift_takes_the_path_of_the_attack_that_was_answered(ask):
    alone, _ = ask("drift", method="saliency")
    both = ask.network.seen
    ask.models = ModelCache(load=lambda spec: ask.model)
    ask("attack")
    attack = ask.network.seen

    told, _ = ask("drift", method="saliency")

    assert ask.network.seen == both - attack + 1  # the prediction, which either asks
    assert told[-1].fragility.smallest == alone[-1].fragility.smallest


def test_a_drift_that_was_put_off_goes_on_and_shows_no_less_than_before(ask):
    def give_way(found):
        if found.drift is not None and len(found.drift.epsilons) == 4:
            raise Cancelled

    whole, _ = ask("drift", method="lime")
    ask.models = ModelCache(load=lambda spec: ask.model)
    with pytest.raises(Cancelled):
        ask("drift", method="lime", publish=give_way)
    before = ask.network.seen
    told, _ = ask("drift", method="lime")

    shown = [len(found.drift.epsilons) for found in told if found.drift is not None]
    assert min(shown) == 4
    assert ask.network.seen <= 1 + (len(EPSILONS) - 4) * 64
    assert before > ask.network.seen
    assert told[-1].drift.rank_correlation == whole[-1].drift.rank_correlation


def test_another_class_asks_the_model_nothing_new(ask):
    ask("explain", method="lime", target="0")
    ask("explain", method="lime", target="1")

    assert ask.network.seen == 1  # the prediction's


def test_another_background_is_another_question(ask):
    ask("explain", method="lime", target="0")
    other = ExplainerOptions(evaluations=64, segments=9, background="black")
    ask("explain", method="lime", target="0", options=other)

    assert ask.network.seen > 40


def test_evidence_takes_the_map_that_was_made(ask):
    ask("explain", method="saliency", target="0")
    ask("evidence", method="saliency", target="0")
    with_map = ask.network.seen
    ask.models = ModelCache(load=lambda spec: ask.model)
    told, folder = ask("evidence", method="saliency", target="0")

    assert with_map == ask.network.seen - 1
    last = told[-1]
    assert (last.state, last.target) == ("done", "0")
    assert {curve.kind for curve in last.evidence.curves} == {"deletion", "insertion", "road"}
    assert np.load(folder / "other_class.npy").shape == (8, 8)
    assert np.load(folder / "randomised.npy").shape == (8, 8)


def test_evidence_asks_nothing_that_the_map_asked(ask):
    _, folder = ask("explain", method="lime", target="0")
    segments = np.load(folder / "segments.npy")
    found = explain(ask.model, ask.x, 0, "lime", OPTIONS, segments=segments)
    alone, _ = evidence(ask.model, ask.x, 0, found, OPTIONS, segments=segments)

    told, _ = ask("evidence", method="lime", target="0")

    shared = told[-1].evidence
    assert shared.sanity == alone.sanity
    assert shared.evaluations <= alone.evaluations - 50  # the map of the other class was known


def test_rows_of_superpixels_and_of_windows_are_not_taken_for_each_other():
    model = linear_model()
    hidden = hiding(torch.rand(3, 8, 8), "black", np.zeros((8, 8), np.int32))
    places = torch.arange(64).view(8, 8) // 4  # 16 superpixels, and 16 rows and columns
    known = {}

    def logits(places):
        row = np.zeros((1, 16), np.bool_)
        row[0, :3] = True
        return Masked(Scorer(model, 1), hidden, places, known)(row)

    superpixels = logits(lambda rows: rows[:, places])
    windows = logits(lambda rows: rows[:, :8, None] & ~rows[:, None, 8:])

    assert len(known) == 2
    assert not np.array_equal(superpixels, windows)


def test_what_was_unused_for_longest_is_forgotten_first():
    one = {b"k": np.zeros(175, np.float32)}  # 1,000 bytes with what surrounds it
    kept = KeptAnswers(2500)
    for name in ("a", "b", "c"):
        kept.of((name,))["blur"] = dict(one)
    kept.of(("a",))

    kept.trim()

    assert len(kept) == 2
    assert kept.of(("a",)) == {"blur": one}
    assert kept.of(("c",)) == {"blur": one}
    assert kept.of(("b",)) == {}


def test_a_method_that_is_being_warmed_up_is_waited_for_and_others_are_not(ask, monkeypatch):
    inside, leave = threading.Event(), threading.Event()

    def slow(*arguments, **settings):
        inside.set()
        leave.wait(20)

    monkeypatch.setattr(interactive, "explain", slow)
    monkeypatch.setattr(interactive, "EXPLAINERS", ["lime"])
    steps = interactive.warm_up()
    next(steps)  # the attack's
    thread = threading.Thread(target=next, args=(steps,))
    thread.start()
    assert inside.wait(20)

    told, _ = ask("explain", method="saliency")
    with pytest.raises(Cancelled):
        ask("explain", method="lime", publish=Impatient(5))
    leave.set()
    thread.join(20)

    assert told[-1].state == "done"
    assert ask("explain", method="lime")[0][-1].state == "done"


class Impatient:
    """Gives up at the n-th news."""

    def __init__(self, most):
        self.left = most

    def __call__(self, found):
        assert found.state == "working"
        self.left -= 1
        if self.left == 0:
            raise Cancelled
