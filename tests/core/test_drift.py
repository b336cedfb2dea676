"""How a map moves under attack is measured beyond Monte Carlo noise, on the same superpixels."""

import math

import numpy as np
import pytest
import torch
from explained import explained, instance_of
from scipy.stats import spearmanr
from torch import nn
from toy_models import images, linear_model, model_of

from usable_core.errors import Cancelled
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.measuring.drift import Drifting
from usable_core.measuring.fragility import adversarial_path

GRID = np.arange(64, dtype=np.int32).reshape(8, 8) // 16 * 4 + np.arange(8, dtype=np.int32) // 2
OPTIONS = ExplainerOptions(evaluations=64, segments=16)


class Corner(nn.Module):
    """Looks at the upper left quarter only, and not linearly."""

    def forward(self, x):
        patch = x[:, :, :4, :4] - 0.5
        second = 8 * (patch**2).sum((1, 2, 3)) + 5 * patch.mean((1, 2, 3))
        return torch.stack([torch.zeros_like(second), second], 1)


class Blind(nn.Module):
    """The same answer to everything."""

    def forward(self, x):
        return torch.tensor([[2.0, 1.0]]).expand(len(x), 2) + 0 * x.mean((1, 2, 3))[:, None]


def along(model, x, method, *, target=0, options=OPTIONS, **settings):
    path = adversarial_path(model, x)
    drifting = Drifting(instance_of(model, x, GRID, **settings), path, method, target, options)
    *_, last = drifting
    return path, last.drift, drifting.maps


def test_the_grid_of_these_tests_has_sixteen_squares():
    assert np.array_equal(np.bincount(GRID.ravel()), np.full(16, 4))


def test_the_gradient_of_a_linear_model_does_not_drift():
    _, found, _ = along(linear_model(), images(1)[0], "saliency")

    assert found.rank_correlation == pytest.approx([1.0] * len(found.epsilons))
    assert found.top_overlap == (1.0,) * len(found.epsilons)
    assert found.rank_drift == pytest.approx([0.0] * len(found.epsilons))


def test_a_model_that_looks_at_one_patch_has_drift_only_there():
    path, found, maps = along(model_of(Corner(), classes=2), images(1)[0], "saliency", target=1)

    moved = path.images[-1] - path.images[0]
    changes = np.abs(maps[-1].values - maps[0].values)
    assert float(moved[:, :4, :4].abs().min()) > 0
    assert changes[:4, :4].max() > 0.01
    assert changes[4:].max() == changes[:, 4:].max() == 0
    assert found.rank_correlation[-1] < 1


def test_similarities_are_those_of_maps_made_one_by_one():
    model, x = linear_model(), images(1)[0]
    path, found, _ = along(model, x, "lime", target=2)

    def credits(image, seed):
        options = ExplainerOptions(evaluations=64, segments=16, seed=seed)
        values = explained(model, image, 2, "lime", options, segments=GRID).values
        return np.array([values[k == GRID].mean() for k in range(16)])

    clean = credits(x, 0)
    for place, image in enumerate(path.images):
        other = credits(image, 1)
        tops = [set(np.argsort(-c)[:5]) for c in (clean, other)]
        assert found.rank_correlation[place] == pytest.approx(spearmanr(clean, other).statistic)
        assert found.top_overlap[place] == len(tops[0] & tops[1]) / 5


def test_noise_is_what_two_clean_maps_of_different_seeds_differ_by():
    few, many = (
        along(
            linear_model(),
            images(1)[0],
            "lime",
            options=ExplainerOptions(evaluations=evaluations, segments=16),
        )[1]
        for evaluations in (24, 96)
    )

    assert few.rank_correlation[0] < many.rank_correlation[0] <= 1
    assert few.rank_drift[0] == 0
    assert few.rank_drift[-1] == few.rank_correlation[0] - few.rank_correlation[-1]


def test_a_deterministic_method_has_no_noise_and_pays_for_none():
    path, found, maps = along(model_of(Corner(), classes=2), images(1)[0], "saliency", target=1)

    assert found.rank_correlation[0] == pytest.approx(1)
    assert maps[1] is maps[0]
    assert found.evaluations == len(path.images) * maps[0].evaluations


def test_maps_without_an_order_have_no_similarity():
    _, found, _ = along(model_of(Blind(), classes=2), images(1)[0], "saliency")

    assert all(math.isnan(value) for value in found.rank_correlation)
    assert all(math.isnan(value) for value in found.top_overlap)


def test_every_budget_is_told_as_soon_as_its_map_is_made():
    model, x = linear_model(), images(1)[0]
    path = adversarial_path(model, x)

    counts = [
        len(found.drift.epsilons)
        for found in Drifting(instance_of(model, x, GRID), path, "lime", 0, OPTIONS)
    ]

    assert counts == list(range(1, len(path.images) + 1))


def test_an_interrupted_drift_goes_on_where_it_was():
    model, x = linear_model(), images(1)[0]
    path, whole, _ = along(model, x, "lime")
    drifting, told = Drifting(instance_of(model, x, GRID), path, "lime", 0, OPTIONS), []

    def report(done, total, message, **metrics):
        told.append((done, total))
        if len(drifting.maps) == 4:
            raise Cancelled

    drifting.report = report
    with pytest.raises(Cancelled):
        list(drifting)
    made = list(drifting.maps)
    drifting.report = lambda *_, **__: None
    *_, found = drifting

    assert len(made) == 4
    assert drifting.maps[:4] == made
    assert found.drift.rank_correlation == whole.rank_correlation
    assert told == sorted(told)
    assert all(done <= total for done, total in told)


def test_the_clean_image_is_not_asked_again_what_is_known():
    model, x, answers = linear_model(), images(1)[0], {}
    path, _, _ = along(model, x, "lime", answers=answers)
    size = len(answers["blur"])
    instance = instance_of(model, x, GRID, answers)
    asked = []
    model.network.register_forward_pre_hook(lambda module, inputs: asked.append(len(inputs[0])))

    next(Drifting(instance, path, "lime", 1, OPTIONS))

    assert size > 64
    assert asked == []
