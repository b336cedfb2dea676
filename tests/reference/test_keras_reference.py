"""Keras's MobileNetV2 beside timm's with the same weights: logits, and gradients at the pixels."""

from importlib.util import find_spec

import pytest
import timm
import torch
from torch import nn

import usable_core as usable

pytestmark = pytest.mark.reference
if find_spec("keras") is None:  # importing it alone would look for TensorFlow
    pytest.skip("the extra keras is not installed", allow_module_level=True)

from usable_core.models.sources.keras_network import keras_of_torch  # noqa: E402

EPSILON = 1e-3  # of Keras's BatchNormalization


def weights_of_timm(network):
    """The arrays of timm's layers in their order, as layers of Keras hold them."""
    found = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            order = (2, 3, 0, 1) if layer.groups > 1 else (2, 3, 1, 0)
            found.append([layer.weight.permute(*order)])
        elif isinstance(layer, nn.BatchNorm2d):
            variance = layer.running_var + layer.eps - EPSILON
            found.append([layer.weight, layer.bias, layer.running_mean, variance])
        elif isinstance(layer, nn.Linear):
            found.append([layer.weight.T, layer.bias])
    return [[array.detach().numpy() for array in arrays] for arrays in found]


@pytest.fixture
def twins(tmp_path):
    keras = keras_of_torch()
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv2_100", pad_type="same").eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
    made = keras.applications.MobileNetV2(weights=None)
    own = [layer for layer in made.layers if layer.weights]
    for layer, arrays in zip(own, weights_of_timm(network), strict=True):
        layer.set_weights(arrays)
    made.save_weights(tmp_path / "a.weights.h5")
    passport = usable.Preprocessing((224, 224), (224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)
    weights = tmp_path / "a.weights.h5"
    return (
        usable.load_model("keras/MobileNetV2", weights=weights),
        usable.wrap_model(network, preprocessing=passport),
        made,
    )


def test_logits_are_those_of_predict_and_gradients_those_of_timm(twins):
    model, timms, made = twins
    x = torch.rand(7, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    said = torch.as_tensor(made.predict(2 * x.permute(0, 2, 3, 1).numpy() - 1, verbose=0))

    with torch.no_grad():
        torch.testing.assert_close(model(x).softmax(1), said, atol=1e-5, rtol=1e-4)
    found = []
    for one in (model, timms):
        pixels = x.clone().requires_grad_()
        logits = one(pixels)
        found.append((logits.detach(), *torch.autograd.grad(logits[:, 7].sum(), pixels)))
    (logits, gradient), (their_logits, their_gradient) = found
    assert float((logits - their_logits).abs().max()) < 1e-4 * float(their_logits.abs().max())
    apart = (gradient - their_gradient).abs().amax((1, 2, 3)) / their_gradient.abs().amax()
    # Where rounding takes one of a picture's millions of units over a corner of ReLU6, all pixels
    # that it sees have another gradient; which pictures these are, the processor decides.
    assert float(apart.min()) < 1e-5, apart
    alike = torch.nn.functional.cosine_similarity(gradient.flatten(1), their_gradient.flatten(1))
    assert float(alike.min()) > 0.999, alike
