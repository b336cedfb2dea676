"""The evidence beside a map against those who defined it: ROAD's imputation, areas, ranks."""

import numpy as np
import pytest
import torch
from explained import game_of
from scipy.stats import spearmanr
from sklearn.metrics import auc
from toy_models import images, linear_model

from usable_core.explainers.faithfulness import Question, perturbation_curves
from usable_core.games.imputation import filled_in
from usable_core.games.segments import superpixels
from usable_core.metrics.agreement import rank_correlations

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("size", [(32, 32), (40, 28)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_filling_in_equals_the_authors_own_imputation_without_its_noise(size, share):
    road = pytest.importorskip("pytorch_grad_cam.metrics.road")
    random = np.random.default_rng(0)
    x = torch.from_numpy(random.random((3, *size))).float()
    segments = superpixels(x, 20)
    stays = (random.random((3, segments.max() + 1)) < share)[:, segments]
    stays[:, 0, 0] = True

    found = filled_in(x, torch.from_numpy(stays))

    imputer = road.NoisyLinearImputer(noise=0)
    for image, mask in zip(found, stays, strict=True):
        theirs = imputer(x, torch.from_numpy(mask).float())
        assert (image - theirs).abs().max() < 1 / 255


def test_areas_are_scikit_learns():
    segments = (np.arange(16)[:, None] // 4 * 4 + np.arange(16) // 4).astype(np.int32)
    curves = perturbation_curves(
        lambda background: game_of(linear_model(16), images(1, 16)[0], segments, background),
        1,
        np.arange(16.0),
        questions=(Question("blur"),),
    )

    for curve in curves:
        assert curve.area == pytest.approx(auc(curve.fractions, curve.outputs))
        assert curve.centre_area == pytest.approx(auc(curve.fractions, curve.centre))


def test_rank_correlations_are_scipys_with_ties():
    random = np.random.default_rng(0)
    maps = [random.integers(0, 5, 40).astype(float) for _ in range(3)]

    found = rank_correlations(maps, [True] * 3)

    assert np.allclose(found, spearmanr(np.stack(maps), axis=1).statistic)
