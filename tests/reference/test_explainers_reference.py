"""Our maps beside those of the libraries: `lime` and `shap` asked directly."""

import numpy as np
import pytest
import shap
import torch
from lime.lime_image import LimeImageExplainer
from toy_models import model_of, small_network

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import lime_surrogate, partition_shap
from usable_core.explainers.backgrounds import hiding
from usable_core.explainers.segments import superpixels

pytestmark = pytest.mark.reference
OPTIONS = ExplainerOptions(evaluations=80, segments=9, seed=3)
TARGET = 4
ONE_PART = np.zeros((8, 8), np.int32)


@pytest.fixture
def x():
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def model():
    found = model_of(small_network())
    found.network[-1].weight.data *= 5  # so that the outputs differ enough to explain
    return found


def channels_first(pictures):
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)


def channels_last(x):
    return x.permute(1, 2, 0).numpy()


def test_lime_weights_and_r2_equal_limes(model, x):
    segments = superpixels(x, OPTIONS.segments)

    def probabilities(pictures):
        with torch.no_grad():
            return model(channels_first(pictures)).double().softmax(1).numpy()

    explainer = LimeImageExplainer(random_state=OPTIONS.seed)
    theirs = explainer.explain_instance(
        channels_last(x), probabilities, labels=(TARGET,), top_labels=None,
        hide_color=channels_last(hiding(x, "blur", segments).hidden),
        num_samples=OPTIONS.evaluations,
        batch_size=7, segmentation_fn=lambda _: segments, random_seed=OPTIONS.seed,
    )  # fmt: skip
    ours = lime_surrogate.explain(model, x, TARGET, OPTIONS, segments=segments)

    weights = dict(theirs.local_exp[TARGET])
    expected = np.vectorize(weights.get)(segments)
    assert np.abs(expected).max() > 1e-3
    assert np.allclose(ours.values, expected, atol=1e-6)
    assert ours.r2 == pytest.approx(theirs.score, abs=1e-6)


@pytest.mark.parametrize("evaluations", [40, 400])
def test_partition_shap_values_equal_shaps_on_colour_pixels(model, x, evaluations):
    options = ExplainerOptions(evaluations=evaluations)

    def logits(pictures):
        with torch.no_grad():
            return model(channels_first(pictures)).double().numpy()

    masker = shap.maskers.Image(channels_last(hiding(x, "blur", ONE_PART).hidden).copy())
    explainer = shap.PartitionExplainer(logits, masker)
    np.random.seed(options.seed)  # noqa: NPY002
    theirs = explainer(
        channels_last(x)[None].copy(), max_evals=evaluations - 1, batch_size=10,
        outputs=[TARGET], silent=True,
    )  # fmt: skip
    ours = partition_shap.explain(model, x, TARGET, options)

    assert np.abs(ours.values).max() > 1e-3
    assert np.allclose(ours.values, theirs.values[0, ..., 0].sum(2), atol=1e-5)
    assert ours.base == pytest.approx(float(theirs.base_values[0, 0]), abs=1e-5)
