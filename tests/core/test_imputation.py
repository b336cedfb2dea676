"""Linear imputation against an exact sparse solution; noise that is the same for everybody."""

import numpy as np
import pytest
import torch
from explained import attributed
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from toy_models import images, linear_model

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.games.backgrounds import NOISE, NoisyFill, hiding
from usable_core.games.imputation import filled_in
from usable_core.games.segments import superpixels


def exact(x, stays):
    """Solve the system pixel by pixel: each hidden one is the mean of its eight neighbours."""
    _, height, width = x.shape
    place = -np.ones((height, width), int)
    hidden = np.argwhere(~stays)
    place[~stays] = np.arange(len(hidden))
    rows, columns, entries = [], [], []
    right = np.zeros((len(hidden), len(x)))
    for i, (row, column) in enumerate(hidden):
        total = 0.0
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                r, c = row + down, column + across
                if (down, across) == (0, 0) or not (0 <= r < height and 0 <= c < width):
                    continue
                weight = 1 / 6 if down * across == 0 else 1 / 12
                total += weight
                if stays[r, c]:
                    right[i] += weight * x[:, r, c]
                else:
                    rows.append(i)
                    columns.append(place[r, c])
                    entries.append(-weight)
        rows.append(i)
        columns.append(i)
        entries.append(total)
    matrix = coo_matrix((entries, (rows, columns)), shape=(len(hidden),) * 2).tocsc()
    found = x.copy()
    found[:, ~stays] = spsolve(matrix, right).reshape(len(hidden), len(x)).T
    return found


def picture(height, width, seed=0):
    """Smooth and sharp at once: ramps, a bright square, some noise."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    pixels = np.stack([rows / height, columns / width, (rows + columns) / (height + width)])
    pixels[:, height // 4 : height // 2, width // 4 : width // 2] = 1
    return torch.from_numpy(np.clip(pixels + 0.2 * random.normal(size=pixels.shape), 0, 1)).float()


def masks(x, kind, seed=0):
    random = np.random.default_rng(seed)
    segments = superpixels(x, 20)
    count = segments.max() + 1
    if kind == "scattered":
        return random.random((3, *segments.shape)) < 0.1
    if kind == "one stays":
        return np.stack([segments == place for place in (0, count // 2, count - 1)])
    return (random.random((3, count)) < float(kind))[:, segments]


@pytest.mark.parametrize("size", [(40, 40), (32, 64), (17, 23), (7, 5)])
@pytest.mark.parametrize("kind", ["0.95", "0.5", "0.1", "one stays", "scattered"])
def test_hidden_pixels_equal_the_exact_solution_within_a_grey_level(size, kind):
    x = picture(*size)
    stays = masks(x, kind)
    stays[~stays.any((1, 2)), 0, 0] = True  # without a visible pixel there is nothing to solve

    found = filled_in(x, torch.from_numpy(stays))

    for image, mask in zip(found.numpy(), stays, strict=True):
        assert np.abs(image - exact(x.double().numpy(), mask)).max() < 1 / 255
        assert np.array_equal(image[:, mask], x.numpy()[:, mask])


def test_a_smaller_tolerance_comes_as_near_as_is_asked():
    x = picture(40, 40)
    stays = masks(x, "0.3")

    found = filled_in(x, torch.from_numpy(stays), tolerance=1e-6)

    for image, mask in zip(found.numpy(), stays, strict=True):
        assert np.abs(image - exact(x.double().numpy(), mask)).max() < 5e-5  # in single precision


def test_masks_do_not_change_each_other():
    x = picture(40, 40)
    stays = torch.from_numpy(np.concatenate([masks(x, "0.2"), masks(x, "one stays")]))

    together = filled_in(x, stays)
    alone = torch.cat([filled_in(x, stay[None]) for stay in stays])

    assert (together - alone).abs().max() < 1 / 255
    assert filled_in(x, stays[:0]).shape == (0, 3, 40, 40)


def test_what_is_hidden_does_not_shine_through():
    x = picture(40, 40)
    stays = torch.from_numpy(masks(x, "0.5"))
    other = torch.where(stays[0], x, 1 - x)

    assert torch.allclose(filled_in(x, stays[:1]), filled_in(other, stays[:1]), atol=1e-4)


def test_a_ramp_is_continued_through_a_hole():
    x = torch.linspace(0, 1, 32).expand(3, 32, 32).contiguous()
    stays = torch.ones(1, 32, 32, dtype=torch.bool)
    stays[:, 8:20, 10:25] = False

    assert (filled_in(x, stays)[0] - x).abs().max() < 2e-3


def test_the_noise_is_drawn_once_and_is_small():
    x = picture(40, 40)
    stays = torch.from_numpy(masks(x, "0.5"))

    first, again = hiding(x, "noise", None)(stays), hiding(x, "noise", None)(stays)
    other = NoisyFill(x, seed=1)(stays)
    still = NoisyFill(x, noise=0)(stays)

    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(still, torch.where(stays[:, None], x, filled_in(x, stays).clamp(0, 1)))
    noise = (first - still)[~stays[:, None].expand_as(first)]
    assert noise.std() == pytest.approx(NOISE, rel=0.15)
    assert torch.equal(first[0][:, stays[0]], x[:, stays[0]])
    assert first.min() >= 0
    assert first.max() <= 1


def test_where_nothing_is_visible_the_mean_colour_shows():
    x = picture(40, 40)
    nothing = torch.zeros(2, 40, 40, dtype=torch.bool)
    nothing[1, :20] = True

    found = hiding(x, "noise", None)

    assert torch.allclose(found(nothing)[0], found.hidden)
    assert (found.hidden.mean((1, 2)) - x.mean((1, 2))).abs().max() < 0.005
    assert (found.hidden - x.mean((1, 2), keepdim=True)).std() == pytest.approx(NOISE, rel=0.15)


@pytest.mark.parametrize("method", ["lime", "partition_shap", "gradient_shap"])
def test_every_method_works_with_noise_behind_what_is_hidden(method):
    options = ExplainerOptions(evaluations=32, segments=8, background="noise")

    found = attributed(method, linear_model(16), images(1, 16)[0], 0, options)

    assert found.values.any()
