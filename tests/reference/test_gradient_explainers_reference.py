"""Our gradient maps, class activation maps and occlusion beside those of `captum` and `shap`."""

import numpy as np
import pytest
import timm
import torch
from explained import attributed
from torch import nn
from toy_models import model_of, small_network

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import occlusion, path_gradients
from usable_core.games.backgrounds import hiding

peer = pytest.importorskip("captum.attr")
shap = pytest.importorskip("shap")
pytestmark = pytest.mark.reference
TARGET = 4
ONE_PART = np.zeros((8, 8), np.int32)


class Whole(nn.Module):
    """A model with its preprocessing, as the libraries want it."""

    def __init__(self, model):
        super().__init__()
        self.model, self.network = model, model.network

    def forward(self, images):
        return self.model(images)


def own(x, **settings):
    options = ExplainerOptions(evaluations=500, **settings)
    return options, hiding(x, options.background, ONE_PART).hidden


@pytest.fixture
def x():
    return torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def model():
    found = model_of(small_network(), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    found.network[-1].weight.data *= 5  # so that the outputs differ enough to explain
    return found


def assert_equal_and_not_empty(ours, theirs, tolerance=1e-5):
    theirs = np.asarray(theirs)
    assert np.abs(theirs).max() > 1e-3
    assert np.allclose(ours, theirs, atol=tolerance * max(1, np.abs(theirs).max()))


def test_expected_gradients_equal_shaps_at_the_same_positions(model, x):
    start = hiding(x, "blur", ONE_PART).hidden
    draws = np.random.RandomState(0)
    positions = np.array([(draws.choice(1), draws.uniform())[1] for _ in range(50)])

    theirs = shap.GradientExplainer(Whole(model), start[None]).shap_values(
        x[None], nsamples=50, rseed=0
    )
    ours = path_gradients.mean_gradients(
        Oracle(model), x, start, positions, np.full(50, 1 / 50), [TARGET, 1]
    )

    assert_equal_and_not_empty(ours[0], theirs[0, ..., TARGET].sum(0))
    assert_equal_and_not_empty(ours[1], theirs[0, ..., 1].sum(0))


def test_gradient_shap_comes_to_shaps_values_with_many_samples(model, x):
    options, start = own(x, background="black")

    theirs = shap.GradientExplainer(Whole(model), start[None]).shap_values(
        x[None], nsamples=4000, rseed=1
    )
    ours = attributed("gradient_shap", model, x, TARGET, options)

    expected = theirs[0, ..., TARGET].sum(0)
    assert np.abs(ours.values - expected).max() < 0.05 * np.abs(expected).max()
    assert abs(expected.sum() + ours.base - ours.output) > ours.additivity_gap


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_integrated_gradients_equal_captums_with_the_same_steps(model, x, steps):
    _, start = own(x)

    theirs = peer.IntegratedGradients(Whole(model)).attribute(
        x[None], baselines=start[None], target=TARGET, n_steps=steps
    )
    ours = path_gradients.mean_gradients(
        Oracle(model), x, start, *path_gradients.quadrature(steps), [TARGET]
    )[0]

    assert_equal_and_not_empty(ours, theirs[0].sum(0).numpy())


def test_the_integrated_gradients_map_is_captums_with_the_steps_that_it_says(model, x):
    options, start = own(x)

    ours = attributed("integrated_gradients", model, x, TARGET, options)
    steps = {52: 50, 152: 100, 352: 200}[ours.evaluations]
    theirs, delta = peer.IntegratedGradients(Whole(model)).attribute(
        x[None], baselines=start[None], target=TARGET, n_steps=steps, return_convergence_delta=True
    )

    assert_equal_and_not_empty(ours.values, theirs[0].sum(0).numpy())
    assert ours.additivity_gap == pytest.approx(abs(float(delta)), abs=1e-4)


def test_saliency_equals_captums(model, x):
    options, _ = own(x)

    theirs = peer.Saliency(Whole(model)).attribute(x[None].clone(), target=TARGET)
    ours = attributed("saliency", model, x, TARGET, options)

    assert_equal_and_not_empty(ours.values, theirs[0].amax(0).numpy())


@pytest.mark.parametrize("target", [0, 1])
def test_grad_cam_equals_captums_on_the_layer_of_the_rule(model, x, target):
    options, _ = own(x)

    theirs = peer.LayerGradCam(Whole(model), model.network[7]).attribute(
        x[None], target=target, relu_attributions=True
    )
    theirs = nn.functional.interpolate(theirs, (8, 8), mode="bilinear")
    ours = attributed("grad_cam", model, x, target, options)

    assert_equal_and_not_empty(ours.values, theirs[0, 0].detach().numpy())


def gradient_times_activation(model, layers, x, target):
    whole = Whole(model)
    return [
        peer.LayerGradientXActivation(whole, layer).attribute(x[None], target=target).detach()
        for layer in layers
    ]


def test_token_cam_is_captums_gradient_times_activation_where_there_are_no_tokens(model, x):
    options, _ = own(x)

    (theirs,) = gradient_times_activation(model, [model.network[7]], x, TARGET)
    coarse = theirs.sum(1, keepdim=True).relu()
    ours = attributed("token_cam", model, x, TARGET, options)

    expected = nn.functional.interpolate(coarse, (8, 8), mode="bilinear")
    assert_equal_and_not_empty(ours.values, expected[0, 0].numpy())


def test_token_cam_is_captums_gradient_times_activation_over_all_normalisations():
    torch.manual_seed(0)
    network = timm.models.VisionTransformer(
        img_size=(16, 24),
        patch_size=4,
        embed_dim=32,
        depth=3,
        num_heads=2,
        num_classes=5,
        reg_tokens=2,
    )
    model, x = model_of(network, classes=5), torch.rand(3, 16, 24)
    norms = [norm for block in network.blocks for norm in (block.norm1, block.norm2)]
    options, _ = own(torch.rand(3, 8, 8))

    theirs = gradient_times_activation(model, norms, x, 1)
    places = sum(found[0, 3:].sum(1) for found in theirs).reshape(1, 1, 4, 6).relu()
    ours = attributed("token_cam", model, x, 1, options)

    expected = nn.functional.interpolate(places, (16, 24), mode="bilinear")
    assert_equal_and_not_empty(ours.values, expected[0, 0].numpy())


@pytest.mark.parametrize(("background", "evaluations"), [("blur", 500), ("black", 26), ("grey", 9)])
def test_occlusion_equals_captums_with_the_same_windows(model, x, background, evaluations):
    start = hiding(x, background, ONE_PART).hidden
    options = ExplainerOptions(evaluations=max(16, evaluations), background=background)
    over = occlusion.windows(8, 8, options.evaluations - 1)

    theirs = peer.Occlusion(Whole(model)).attribute(
        x[None],
        (3, over.side, over.side),
        strides=(3, over.stride, over.stride),
        baselines=start[None],
        target=TARGET,
    )
    ours = attributed("occlusion", model, x, TARGET, options)

    assert_equal_and_not_empty(ours.values, theirs[0, 0].detach().numpy())


def test_windows_that_are_cut_at_the_border_are_captums_too():
    x = torch.rand(3, 11, 14, generator=torch.Generator().manual_seed(2))
    weight = torch.randn(5, 3 * 11 * 14, generator=torch.Generator().manual_seed(3))
    network = nn.Sequential(nn.Flatten(), nn.Linear(weight.shape[1], 5), nn.Tanh())
    network[1].weight.data = weight / 10
    model, over = model_of(network, size=11, classes=5), occlusion.windows(11, 14, 29)

    theirs = peer.Occlusion(Whole(model)).attribute(
        x[None], (3, over.side, over.side), strides=(3, over.stride, over.stride), target=TARGET
    )
    options = ExplainerOptions(evaluations=30, background="black")
    ours = attributed("occlusion", model, x, TARGET, options)

    assert (14 - over.side) % over.stride
    assert_equal_and_not_empty(ours.values, theirs[0, 0].detach().numpy())
