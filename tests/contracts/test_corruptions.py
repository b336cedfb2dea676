"""What every corruption of the catalog promises, at the small and at the large size."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from skimage import data

from usable_core.catalog import implementation
from usable_core.catalog.corruptions import COMMON, CORRUPTIONS, GROUPS, PAPER
from usable_core.errors import ImageRefused
from usable_core.evaluations.corruption import SEVERITIES

SIZES = (32, 224)
STILL = {name for name, row in CORRUPTIONS.items() if not row.is_random}
# Published constants that do not grow at every step: `saturate` takes colour away, then adds it;
# glass blur smooths 0.4, then 0.25 pixels; water turns to mud; frost covers less of a darker image.
UNEVEN = {"saturate", "glass_blur", "spatter", "frost"}


def pictures(size, count=1):
    """Parts of photographs (count, 3, size, size): a face, a cat, coffee, a rocket."""
    shown = [getattr(data, name)() for name in ("astronaut", "cat", "coffee", "rocket")]
    made = [
        torch.frombuffer(
            bytearray(Image.fromarray(shown[i % 4]).resize((size, size)).tobytes()),
            dtype=torch.uint8,
        ).view(size, size, 3)
        for i in range(count)
    ]
    return torch.stack(made).permute(0, 3, 1, 2).float() / 255  # (N, H, W, 3) -> (N, 3, H, W)


def corrupt(name, x, severity, seeds=None):
    seeds = torch.arange(len(x)) * 7919 + 3 if seeds is None else seeds
    return implementation(CORRUPTIONS[name].function)(x, severity, seeds)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_keeps_shape_type_and_range_and_leaves_its_input_alone(name, size):
    x = pictures(size, 2)
    before = x.clone()

    for severity in SEVERITIES:
        found = corrupt(name, x, severity)

        assert found.shape == x.shape
        assert found.dtype == torch.float32
        assert found.min() >= 0
        assert found.max() <= 1
        # At 32 pixels one glass blur moves few pixels and one elastic draw may shear little.
        assert ((found - x).abs().amax((1, 2, 3)) > 0.004).all(), "an image was not corrupted"
        assert torch.equal(x, before)
        assert found.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_example_does_not_depend_on_its_batch_or_place(name, size):
    count = 6 if size == 32 else 3
    x, seeds = pictures(size, count), torch.arange(count) * 31 + 5
    order = torch.arange(count).flip(0)
    together = corrupt(name, x, 3, seeds)

    turned = corrupt(name, x[order], 3, seeds[order])
    alone = torch.cat([corrupt(name, x[[i]], 3, seeds[[i]]) for i in range(count)])

    assert torch.equal(together, corrupt(name, x, 3, seeds))
    assert torch.allclose(turned, together[order], atol=1e-5)
    assert torch.allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_another_seed_is_another_draw_where_something_is_drawn(name):
    x = pictures(32, 1).repeat(2, 1, 1, 1)

    same = corrupt(name, x, 5, torch.tensor([1, 1]))
    other = corrupt(name, x, 5, torch.tensor([1, 2]))

    assert torch.allclose(same[0], same[1], atol=1e-5)
    assert torch.allclose(other[0], other[1], atol=1e-5) == (name in STILL)


@pytest.mark.parametrize("name", [n for n in CORRUPTIONS if n not in STILL])
def test_severities_and_corruptions_do_not_share_their_random_numbers(name):
    x = torch.full((1, 3, 32, 32), 0.5)
    one = corrupt("gaussian_noise", x, 1) - 0.5
    other = corrupt("gaussian_noise", x, 2) - 0.5
    speckles = corrupt("speckle_noise", x, 1) - 0.5

    for second in (other, speckles):
        together = torch.stack([one.flatten(), second.flatten()])
        assert torch.corrcoef(together)[0, 1].abs() < 0.1


@pytest.mark.parametrize("size", [32, 96])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_changes_pixels_more(name, size):
    x = pictures(size, 4).repeat(16, 1, 1, 1)
    seeds = torch.arange(len(x)) * 101

    changes = [float((corrupt(name, x, s, seeds) - x).square().mean()) for s in SEVERITIES]

    if (name, size) == ("elastic_transform", 32):  # CIFAR-C shears less the more it ripples
        assert changes == sorted(changes, reverse=True)
        return
    assert changes[-1] > 1.2 * changes[0]
    if name not in UNEVEN:
        slack = 1 if name in STILL else 0.95  # each severity draws anew
        assert all(b > slack * a for a, b in pairwise(changes))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_work_inside_inference_mode_and_on_images_that_are_not_square(name):
    x = pictures(48, 2)[:, :, :40]
    outside = corrupt(name, x, 2)

    with torch.inference_mode():
        inside = corrupt(name, x.clone(), 2)

    assert torch.equal(inside, outside)
    assert inside.shape == (2, 3, 40, 48)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_tiny_and_plain_images_stay_finite(name):
    for x in (torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8), torch.full((1, 3, 5, 7), 0.4)):
        for severity in (1, 5):
            found = corrupt(name, x, severity)

            assert found.shape == x.shape
            assert found.isfinite().all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_no_images_give_no_images(name):
    assert corrupt(name, pictures(32, 1)[:0], 1).shape == (0, 3, 32, 32)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_is_no_image_or_no_severity_is_refused(name):
    x = pictures(32, 2)

    with pytest.raises(ImageRefused, match=r"Pixels must be in \[0, 1\]"):
        corrupt(name, x * 4 - 2, 1)
    with pytest.raises(ValueError, match="severity must be one of"):
        corrupt(name, x, 6)
    with pytest.raises(ValueError, match="as many seeds"):
        corrupt(name, x, 1, torch.arange(3))


def test_the_table_holds_the_fifteen_and_the_four():
    assert len(COMMON) == 15
    assert len([row for row in CORRUPTIONS.values() if row.paper == PAPER]) == 19
    assert {row.group for row in CORRUPTIONS.values()} == set(GROUPS)
    assert all(row.is_common == (row.group != "extra") for row in CORRUPTIONS.values())
    assert "not comparable" in CORRUPTIONS["frost"].help


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_row_names_the_function_of_its_key(name):
    assert implementation(CORRUPTIONS[name].function).__name__ == name


# What is known of the mean and the spread, on plain grey of 0.5 at 224 pixels, severity 3.
@pytest.mark.parametrize(
    ("name", "mean", "spread"),
    [
        ("gaussian_noise", 0.5, 0.18),
        ("speckle_noise", 0.5, 0.5 * 0.35),
        (
            "shot_noise",
            0.5,
            np.minimum(stats.poisson.ppf((np.arange(9999) + 0.5) / 9999, 6) / 12, 1).std(),
        ),
        ("impulse_noise", 0.5, (0.09 / 4) ** 0.5),
        ("contrast", 0.5, 0),
        ("brightness", 0.8, 0),
        ("defocus_blur", 0.5, 0),
        ("motion_blur", 0.5, 0),
        ("zoom_blur", 0.5, 0),
        ("elastic_transform", 0.5, 0),
    ],
)
def test_mean_and_spread_on_plain_grey_are_those_of_the_definition(name, mean, spread):
    x = torch.full((2, 3, 224, 224), 0.5)

    found = corrupt(name, x, 3)

    assert float(found.mean()) == pytest.approx(mean, abs=2e-3)
    assert float(found.std()) == pytest.approx(spread, abs=3e-3)
