"""Our maps beside those of the libraries: `lime` and `shap` asked directly."""

import numpy as np
import pytest
import torch
from explained import attributed, game_of, lime_masks
from toy_models import model_of, small_network

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.attribution import of_class
from usable_core.explainers.partition_shap import owen_values
from usable_core.games.backgrounds import hiding
from usable_core.games.segments import superpixels
from usable_core.metrics.attribution import superpixel_credits

shap = pytest.importorskip("shap")
LimeImageExplainer = pytest.importorskip("lime.lime_image").LimeImageExplainer
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
        channels_last(x),
        probabilities,
        labels=(TARGET,),
        top_labels=None,
        hide_color=channels_last(hiding(x, "blur", segments).hidden),
        num_samples=OPTIONS.evaluations,
        batch_size=7,
        segmentation_fn=lambda _: segments,
        random_seed=OPTIONS.seed,
    )
    masks = lime_masks(OPTIONS.evaluations, int(segments.max()) + 1, OPTIONS.seed).astype(bool)
    logits = game_of(model, x, segments, "blur").ask(masks)
    ours, r2 = lime_surrogate.fit(masks, of_class(logits, TARGET, "probability"))

    weights = dict(theirs.local_exp[TARGET])
    expected = np.array([weights[k] for k in range(len(ours))])
    assert np.abs(expected).max() > 1e-3
    assert np.allclose(ours, expected, atol=1e-6)
    assert r2 == pytest.approx(theirs.score, abs=1e-6)


@pytest.mark.parametrize("method", ["lime", "kernel_shap"])
def test_maps_on_our_masks_come_to_those_of_the_libraries_with_many_samples(model, x, method):
    segments = superpixels(x, 6)
    features = int(segments.max()) + 1
    options = ExplainerOptions(evaluations=300, segments=6)
    many = {
        "lime": lime_masks(20_000, features, 5).astype(bool),
        "kernel_shap": np.array(
            [[bool(n >> i & 1) for i in range(features)] for n in range(2**features)]
        ),
    }[method]
    logits = game_of(model, x, segments, "blur").ask(many)
    if method == "lime":
        expected = lime_surrogate.fit(many, of_class(logits, TARGET, "probability"))[0]
    else:
        worth = dict(zip(map(bytes, np.packbits(many, 1)), logits[:, TARGET], strict=True))

        def game(rows):
            keys = map(bytes, np.packbits(rows.astype(bool), 1))
            return np.array([worth[key] for key in keys], np.float64)

        explainer = shap.ExactExplainer(game, np.zeros((1, features)))
        expected = explainer(np.ones((1, features))).values[0]

    ours = attributed(method, model, x, TARGET, options, segments=segments)

    found = superpixel_credits(ours.values, segments, is_per_pixel=False)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("samples", [60, 300])
def test_kernel_shap_values_equal_shaps_on_the_same_coalitions(model, x, samples):
    segments = superpixels(x, 12)
    features = int(segments.max()) + 1
    kept = {}

    def game(rows):
        logits = game_of(model, x, segments, "blur").ask(rows.astype(bool))
        return of_class(logits, TARGET, "logit")

    class Kept(shap.KernelExplainer):
        def solve(self, *arguments):
            kept.update(masks=self.maskMatrix.copy(), weights=self.kernelWeights.copy())
            return super().solve(*arguments)

    np.random.seed(0)  # noqa: NPY002
    explainer = Kept(game, np.zeros((1, features)))
    theirs = explainer.shap_values(np.ones((1, features)), nsamples=samples, l1_reg=False)[0]
    used = kept["weights"] > 0
    ends = np.array([[True] * features, [False] * features])
    masks = np.concatenate([ends, kept["masks"][used] > 0])
    weights = np.concatenate([[0, 0], kept["weights"][used]])
    ours = kernel_shap.solve(masks, game(masks), weights)

    assert used.sum() >= min(samples, 2**features - 2) / 2
    assert np.abs(theirs).max() > 1e-3
    assert np.allclose(ours, theirs, atol=1e-6)


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
        channels_last(x)[None].copy(),
        max_evals=evaluations - 1,
        batch_size=10,
        outputs=[TARGET],
        silent=True,
    )
    ours = attributed("partition_shap", model, x, TARGET, options)

    assert np.abs(ours.values).max() > 1e-3
    assert np.allclose(ours.values, theirs.values[0, ..., 0].sum(2), atol=1e-5)
    assert ours.base == pytest.approx(float(theirs.base_values[0, 0]), abs=1e-5)


@pytest.mark.parametrize("size", [(11, 7), (5, 16), (1, 9)])
@pytest.mark.parametrize("evaluations", [20, 41, 300])
def test_owen_values_equal_shaps_on_pictures_of_any_shape(size, evaluations):
    weights = np.random.default_rng(0).normal(size=size)

    def pay_off(visible):
        ends = visible[:, 0, 0] & visible[:, -1, -1]
        return np.tanh((visible * weights).sum((1, 2)) / 3) + ends

    explainer = shap.PartitionExplainer(
        lambda pictures: pay_off(pictures[..., 0] > 0),
        shap.maskers.Image(np.zeros((*size, 1), np.float32)),
    )
    np.random.seed(3)  # noqa: NPY002
    whole = np.ones((1, *size, 1), np.float32)
    theirs = explainer(whole, max_evals=evaluations - 1, batch_size=10, silent=True)

    ours, base = owen_values(pay_off, size, evaluations, 3)

    assert np.allclose(ours, theirs.values[0, ..., 0], atol=1e-12)
    assert base == float(np.ravel(theirs.base_values)[0])
