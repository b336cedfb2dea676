"""Each kind of question about one image is answered as the measuring itself does it, once."""

import threading

import numpy as np
import pytest
import torch
from explained import game_of
from PIL import Image
from torch import nn
from toy_models import linear_model

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import Cancelled
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.measuring import interactive
from usable_core.measuring.drift import Drifting
from usable_core.measuring.evidence import with_evidence
from usable_core.measuring.fragility import EPSILONS, adversarial_path
from usable_core.measuring.instances import Instance, instance
from usable_core.measuring.interactive import answer
from usable_core.measuring.memory import AnswerCaches, ModelCache

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
        _ = self.model.examination  # as `load_model` does
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

    last, path = told[-1].explanation, adversarial_path(ask.model, ask.x)
    assert told[-1].state == "done"
    assert last.fragility.smallest == path.fragility.smallest
    assert last.fragility.confidences == path.fragility.confidences
    assert last.predictions[0].name == last.fragility.predictions[0]
    for k, image in enumerate(path.images):
        with Image.open(folder / f"path_{k}.png") as picture:
            pixels = np.asarray(picture, dtype=np.float64) / 255
        assert np.abs(pixels - image.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


def test_a_drift_is_shown_budget_by_budget_with_its_maps(ask):
    told, folder = ask("drift", method="lime", target="1")

    counts = [len(found.explanation.drift.epsilons) for found in told if found.state == "coarse"]
    assert counts == sorted(counts)
    assert set(counts) == set(range(1, len(EPSILONS) + 1))
    last, loaded = told[-1].explanation, Explanation.load(folder)
    assert (told[-1].state, last.target) == ("done", "1")
    assert last.fragility.epsilons == last.drift.epsilons == EPSILONS
    path = adversarial_path(ask.model, ask.x)
    assert len(loaded.superpixels) == loaded.segments.max() + 1
    seen = instance(ask.model, photo(), OPTIONS.segments)
    drifting = Drifting(seen, path, "lime", 1, OPTIONS)
    *_, found = drifting
    assert last.drift.rank_correlation == found.drift.rank_correlation
    assert len(loaded.drift_maps) == len(EPSILONS)
    for one, expected in zip(
        loaded.drift_maps, [drifting.maps[0], *drifting.maps[2:]], strict=True
    ):
        assert np.array_equal(one, expected.values)


def test_a_drift_takes_the_path_of_the_attack_that_was_answered(ask):
    alone, _ = ask("drift", method="saliency")
    both = ask.network.seen
    ask.models = ModelCache(load=lambda spec: ask.model)
    ask("attack")
    attack = ask.network.seen

    told, _ = ask("drift", method="saliency")

    assert ask.network.seen == both - attack + 1  # the prediction, which either asks
    assert told[-1].explanation.fragility.smallest == alone[-1].explanation.fragility.smallest


def test_a_drift_that_was_put_off_goes_on_and_shows_no_less_than_before(ask):
    def give_way(found):
        drift = found.explanation.drift
        if drift is not None and len(drift.epsilons) == 4:
            raise Cancelled

    whole, _ = ask("drift", method="lime")
    ask.models = ModelCache(load=lambda spec: ask.model)
    with pytest.raises(Cancelled):
        ask("drift", method="lime", publish=give_way)
    before = ask.network.seen
    told, _ = ask("drift", method="lime")

    drifts = [found.explanation.drift for found in told]
    shown = [len(drift.epsilons) for drift in drifts if drift is not None]
    assert min(shown) == 4
    assert ask.network.seen <= 1 + (len(EPSILONS) - 4) * 64
    assert before > ask.network.seen
    assert drifts[-1].rank_correlation == whole[-1].explanation.drift.rank_correlation


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
    last, loaded = told[-1].explanation, Explanation.load(folder)
    assert (told[-1].state, last.target) == ("done", "0")
    assert {curve.kind for curve in last.evidence.curves} == {"deletion", "insertion", "road"}
    assert loaded.values.shape == (8, 8)
    assert {name: values.shape for name, values in loaded.compared.items()} == {
        "other_class": (8, 8),
        "randomised": (8, 8),
    }


def test_evidence_asks_nothing_that_the_map_asked(ask):
    _, folder = ask("explain", method="lime", target="0")
    found = Explanation.load(folder)
    seen = Instance.of(ask.model, photo()).divided(found.segments, found.superpixels)
    alone = with_evidence(seen, found, 0, OPTIONS).evidence

    told, _ = ask("evidence", method="lime", target="0")

    shared = told[-1].explanation.evidence
    assert shared.sanity == alone.sanity
    assert shared.evaluations <= alone.evaluations - 50  # the map of the other class was known


def test_rows_of_superpixels_and_of_windows_are_not_taken_for_each_other():
    model = linear_model()
    segments = np.arange(64, dtype=np.int32).reshape(8, 8) // 4  # 16, and 16 rows and columns
    row, answers = np.zeros((1, 16), np.bool_), {}
    row[0, :3] = True
    game = game_of(model, torch.rand(3, 8, 8), segments, "black", answers)

    superpixels = game.ask(row)
    windows = game.ask(row, lambda rows: rows[:, :8, None] & ~rows[:, None, 8:])

    assert len(answers["black"]) == 2
    assert not np.array_equal(superpixels, windows)


def test_what_was_unused_for_longest_is_forgotten_first():
    one = {b"k": np.zeros(175, np.float32)}  # 1,000 bytes with what surrounds it
    kept = AnswerCaches(2500)
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

    monkeypatch.setattr(interactive, "attribute", slow)
    monkeypatch.setattr(interactive, "EXPLAINERS", {"lime": EXPLAINERS["lime"]})
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
