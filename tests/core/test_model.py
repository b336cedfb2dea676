import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import SqueezeNet1_1_Weights
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification
from torchvision.transforms.functional import center_crop

from usable_core.errors import CheckpointError, ImageRefused
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.architectures import small_resnet, small_vit
from usable_core.models.model import Model, check_pixels
from usable_core.models.sources.passports import passport
from usable_core.models.sources.torchvision_models import transform_of
from usable_core.models.weights.facts import Facts

PREPROCESSING = Preprocessing(
    36, (32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), sources={"mean": "the test"}
)


def make(network=None, preprocessing=PREPROCESSING):
    torch.manual_seed(0)
    return Model("toy", network or small_resnet(3), preprocessing, LabelSpace(("a", "b", "c")))


def photograph():
    grid = np.indices((70, 50)).sum(0)[..., None] * np.array([1, 2, 3])
    return Image.fromarray((grid % 256).astype(np.uint8))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_geometry_outside_and_normalisation_inside_equal_torchvisions_transform(interpolation):
    preset = ImageClassification(
        crop_size=32,
        resize_size=36,
        mean=PREPROCESSING.mean,
        std=PREPROCESSING.std,
        interpolation=InterpolationMode(interpolation),
    )
    model = make(
        preprocessing=Preprocessing(
            36, (32, 32), interpolation, PREPROCESSING.mean, PREPROCESSING.std
        )
    )

    theirs = model.network(preset(photograph())[None])
    ours = model(model.preprocessing.geometry(photograph())[None])

    torch.testing.assert_close(ours, theirs)


def test_the_passport_of_torchvision_weights_gives_their_own_transform():
    weights = SqueezeNet1_1_Weights.DEFAULT
    preprocessing = passport(transform_of(weights), Facts(), torch.nn.Identity())

    x = preprocessing.normalise(preprocessing.geometry(photograph())[None])

    torch.testing.assert_close(x, weights.transforms()(photograph())[None])
    assert (preprocessing.resize, preprocessing.crop) == (256, (224, 224))


def test_a_sliver_that_would_grow_without_bound_is_refused():
    with pytest.raises(ImageRefused, match="Crop it"):
        PREPROCESSING.geometry(Image.new("RGB", (200_000, 2)))


def test_a_side_too_long_for_resizing_is_refused():
    with pytest.raises(ImageRefused, match="a side may have 65535"):
        Preprocessing((32, 32), (32, 32)).geometry(Image.new("RGB", (1, 70_000)))


def test_cutting_before_padding_is_a_crop_like_torchvisions():
    chance = np.random.default_rng(0)
    for height, width, *crop in chance.integers(1, 40, (60, 4)):
        pixels = chance.integers(0, 256, (height, width, 3), dtype=np.uint8)
        expected = center_crop(torch.from_numpy(pixels).permute(2, 0, 1), list(map(int, crop)))

        found = Preprocessing(None, tuple(map(int, crop))).pixels(Image.fromarray(pixels))

        assert torch.equal(found, expected)


def test_a_long_line_takes_no_more_memory_than_its_crop(monkeypatch):
    made, crop = [], Image.Image.crop
    monkeypatch.setattr(Image.Image, "crop", lambda x, b: made.append(crop(x, b)) or made[-1])

    found = Preprocessing(None, (32, 32)).pixels(Image.new("RGB", (1, 60_000), "white"))

    assert [image.size for image in made] == [(32, 32)]
    assert found.sum(0).gt(0).sum(0).tolist().count(32) == 1, "one column is the line"


def test_any_changed_number_changes_the_fingerprint():
    network = small_resnet(3)
    first = make(network).fingerprint
    again = make(network).fingerprint
    changed = []
    for tensor in network.state_dict().values():
        tensor.view(-1)[-1] += 1
        changed.append(make(network).fingerprint)

    assert first == again
    assert len({first, *changed}) == len(changed) + 1


def test_another_normalisation_changes_the_fingerprint_and_its_source_does_not():
    network = small_resnet(3)
    other = Preprocessing(36, (32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.5))
    same = Preprocessing(36, (32, 32), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), sources={})

    assert make(network).fingerprint != make(network, other).fingerprint
    assert make(network).fingerprint == make(network, same).fingerprint


def test_another_padding_with_the_same_weights_changes_the_fingerprint():
    one, other = nn.Conv2d(3, 3, 3, padding=0), nn.Conv2d(3, 3, 3, padding=1)
    other.load_state_dict(one.state_dict())

    assert make(one).fingerprint != make(other).fingerprint


def test_a_model_is_in_evaluation_mode_and_its_weights_take_no_gradients():
    model = make()

    assert not any(module.training for module in model.network.modules())
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_gradients_reach_the_pixels():
    x = torch.rand(2, 3, 32, 32, requires_grad=True)

    make()(x).sum().backward()

    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("build", [small_resnet, small_vit])
def test_the_head_of_the_features_is_the_output(build):
    model = make(build(3))
    x = torch.rand(2, 3, 32, 32)

    torch.testing.assert_close(model.network.head(model.features(x)), model(x))


def test_the_batch_does_not_change_a_result():
    model = make()
    x = torch.rand(5, 3, 32, 32)

    torch.testing.assert_close(model(x)[3:4], model(x[3:4]))


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf")])
def test_pixels_outside_the_unit_range_are_refused(value):
    x = torch.rand(1, 3, 4, 4)
    x[0, 0, 0, 0] = value

    with pytest.raises(ImageRefused, match=r"must be in \[0, 1\]"):
        check_pixels(x)


def test_rounding_beyond_the_unit_range_is_clipped():
    x = torch.tensor([-1e-3, 1 + 1e-3, 0.5]).view(1, 3, 1, 1)

    assert check_pixels(x).flatten().tolist() == [0.0, 1.0, 0.5]


def test_bytes_and_single_images_are_refused():
    with pytest.raises(ImageRefused, match="floats of shape"):
        check_pixels(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ImageRefused, match="floats of shape"):
        check_pixels(torch.zeros(3, 4, 4))


def export(folder, network, shapes, size=(2, 3, 8, 8)):
    path = folder / "program.pt2"
    torch.export.save(
        torch.export.export(network.eval(), (torch.rand(size),), dynamic_shapes=shapes), path
    )
    return path


class Scaled(nn.Module):
    """A program whose constant is in no state dict."""

    def __init__(self, scale):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        nn.init.constant_(self.linear.weight, 0.5)
        nn.init.constant_(self.linear.bias, 0.1)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, x):
        return self.linear(x.mean((2, 3))) * self.scale


def test_an_exported_program_needs_trust_and_gives_gradients_but_no_features(tmp_path):
    from usable_core.models import load_model

    path = export(tmp_path, Scaled(2.0), ({0: torch.export.Dim("n")},))
    with pytest.raises(CheckpointError, match="--trust"):
        load_model(f"file/{path}")
    model = load_model(f"file/{path}", trust=True)
    x = torch.rand(5, 3, 8, 8, requires_grad=True)
    model(x).sum().backward()

    assert model.input_size == (8, 8)
    assert (len(model.labels), model.labels.is_named) == (4, False)
    assert x.grad.abs().sum() > 0
    with pytest.raises(CheckpointError, match="only its logits"):
        model.features(x)


def test_programs_that_differ_in_a_constant_have_different_fingerprints(tmp_path):
    from usable_core.models import load_model

    found = set()
    for scale in (1.0, 2.0, 2.0):
        path = export(tmp_path, Scaled(scale), ({0: torch.export.Dim("n")},))
        found.add(load_model(f"file/{path}", trust=True).fingerprint)

    assert len(found) == 2


def test_a_file_that_is_no_program_is_refused(tmp_path):
    from usable_core.models import load_model

    (tmp_path / "text.pt2").write_text("hello")

    with pytest.raises(CheckpointError, match="cannot be read"):
        load_model(f"file/{tmp_path / 'text.pt2'}", trust=True)
    with pytest.raises(CheckpointError, match="no file is there"):
        load_model(f"file/{tmp_path / 'missing.pt2'}", trust=True)
