"""What the Explain page relies on of an answer: kept by the worker, and by what stands for it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from made_pictures import png

from usable_core import images
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.jobs import interactive, worker
from usable_core.runs import uploads

sys.path.append(str(Path(__file__).parents[1] / "dashboard"))
from fake_lane import FakeLane

OPTIONS = ExplainerOptions(evaluations=32, segments=6)
MODEL = ModelSpec("bundled/resnet")


def question(kind, image=""):
    if kind in ("predict", "attack"):
        return ImageRequest(kind, MODEL, image)
    return ImageRequest(kind, MODEL, image, "lime", "cat", OPTIONS)


@pytest.fixture(params=["worker", "fake"])
def answered(request, monkeypatch, tmp_path):
    """A question to its answer and the folder of its files."""
    if request.param == "fake":
        fake = FakeLane(tmp_path)

        def ask(kind):
            key = fake.submit(question(kind))
            return fake.poll(key), fake.files(key)

        return ask
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    image = uploads.keep(png(size=(32, 32)), "picture.png")

    def ask_worker(kind):
        key = interactive.submit(question(kind, image))
        worker.serve(idle_seconds=0.2)
        return interactive.poll(key), interactive.files(key)

    return ask_worker


def checked_map(answer, folder):
    """An answer's explanation with its arrays, which fit each other and the answer."""
    found = Explanation.load(folder)
    assert answer.state == "done"
    assert (answer.explanation.method, answer.explanation.target) == ("lime", "cat")
    assert found.segments.shape == found.x.shape[:2]
    assert found.superpixels.shape == (found.segments.max() + 1,)
    assert found.x.dtype == np.uint8
    return found


def test_a_prediction_names_classes_with_probabilities_and_has_no_map(answered):
    answer, _ = answered("predict")

    first = answer.explanation.predictions[0]
    assert answer.state == "done"
    assert 0 < first.probability <= 1
    assert isinstance(first.name, str)
    assert answer.explanation.method is None


def test_a_map_has_its_figures_in_the_answer_and_its_arrays_in_files(answered):
    answer, folder = answered("explain")

    found = checked_map(answer, folder)
    assert found.values.shape == found.segments.shape
    assert found.evaluations == answer.explanation.evaluations > 0
    assert answer.explanation.r2 is not None


def test_evidence_is_of_a_map_and_brings_the_two_it_was_compared_with(answered):
    answer, folder = answered("evidence")

    found = checked_map(answer, folder)
    assert answer.explanation.evidence.sanity is not None
    assert {kind.kind for kind in answer.explanation.evidence.curves} == {
        "deletion",
        "insertion",
        "road",
    }
    assert {values.shape for values in found.compared.values()} == {found.values.shape}
    assert set(found.compared) == {"randomised", "other_class"}


def test_an_attack_has_a_picture_for_each_budget(answered):
    answer, folder = answered("attack")

    fragility = answer.explanation.fragility
    assert answer.state == "done"
    assert len(fragility.predictions) == len(fragility.is_kept) == len(fragility.epsilons)
    for k in range(len(fragility.epsilons)):
        assert images.decode((folder / f"path_{k}.png").read_bytes(), "picture").size


def test_a_drift_has_a_map_for_each_budget(answered):
    answer, folder = answered("drift")

    found = checked_map(answer, folder)
    assert answer.explanation.drift.epsilons == answer.explanation.fragility.epsilons
    assert len(found.drift_maps) == len(answer.explanation.drift.epsilons)
