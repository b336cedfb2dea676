import numpy as np
import pytest

from usable_core.plots import heatmap


def test_zero_is_transparent_and_the_sign_chooses_the_colour():
    rgba = heatmap.colours(np.array([[-1.0, 0.0, 1.0]]), limit=1.0)

    assert tuple(rgba[0, 0]) == (*heatmap.AGAINST, 255)
    assert rgba[0, 1, 3] == 0
    assert tuple(rgba[0, 2]) == (*heatmap.FOR, 255)


def test_opacity_is_proportional_to_the_magnitude_and_ends_at_the_limit():
    rgba = heatmap.colours(np.array([[0.25, -0.5, 3.0]]), limit=1.0)

    assert rgba[0, :, 3].tolist() == [64, 128, 255]


def test_an_empty_map_is_not_stretched():
    noise = np.full((4, 4), 1e-12)

    assert heatmap.is_empty(noise)
    assert heatmap.colour_limit(noise) == 0.0
    assert heatmap.colours(noise, 0.0)[..., 3].max() == 0
    assert heatmap.compact(noise)[0].max() == 0


def test_a_weak_map_beside_a_strong_one_stays_weak():
    strong, weak = np.ones((8, 8)), np.full((8, 8), 0.1)

    limits = heatmap.shared_limits([weak, strong], is_per_pixel=False)

    assert limits == pytest.approx([1.0, 1.0])
    assert heatmap.colours(weak, limits[0])[..., 3].max() == 26


def test_the_same_credit_has_one_colour_at_every_input_size():
    coarse = np.random.default_rng(0).normal(size=(8, 8))
    fine = np.kron(coarse, np.full((4, 4), 1 / 16))  # each pixel's credit on 16 smaller ones

    of_coarse, of_fine = heatmap.shared_limits([coarse, fine], is_per_pixel=True)

    assert of_fine == pytest.approx(of_coarse / 16)
    shown = heatmap.colours(fine, of_fine)[::4, ::4]
    assert np.abs(shown.astype(int) - heatmap.colours(coarse, of_coarse)).max() <= 1


def test_the_limit_ignores_zeros_and_one_outlier():
    values = np.zeros((40, 40))
    values[:5] = np.linspace(0.5, 1.0, 200).reshape(5, 40)
    values[0, 0] = 100.0

    assert 0.9 < heatmap.colour_limit(values) < 1.1


def test_a_map_with_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        heatmap.colour_limit(np.array([[np.nan]]))


def test_blending_with_no_opacity_returns_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    values = np.random.default_rng(1).normal(size=(5, 6))

    assert np.array_equal(heatmap.blend(picture, values, 1.0, 0.0), picture)
    full = heatmap.blend(picture, np.ones((5, 6)), 1.0, 1.0)
    assert (full == heatmap.FOR).all()


def test_compact_levels_give_back_the_values():
    values = np.random.default_rng(0).normal(size=(32, 32))

    levels, top = heatmap.compact(values)
    restored = top * np.sign(levels) * (levels / 127.0) ** 2

    assert levels.dtype == np.int8
    assert np.abs(restored - values).max() < 0.01 * top
    assert np.array_equal(
        np.sign(restored)[np.abs(values) > 1e-3 * top], np.sign(values)[np.abs(values) > 1e-3 * top]
    )


def test_the_table_of_superpixels_ranks_by_magnitude():
    segments = np.array([[0, 0, 1], [2, 2, 1]])
    values = np.array([0.1, -0.7, 0.3])[segments]

    frame = heatmap.values_frame(values, segments)

    assert frame["pixels"].tolist() == [2, 2, 2]
    assert frame["value"].tolist() == pytest.approx([0.1, -0.7, 0.3])
    assert frame["rank"].tolist() == [3, 1, 2]


def test_the_table_of_pixels_has_one_row_each():
    values = np.arange(6.0).reshape(2, 3)

    frame = heatmap.values_frame(values)

    assert frame.loc[(frame["row"] == 1) & (frame["column"] == 2), "value"].item() == 5.0


@pytest.mark.parametrize(
    ("place", "words"),
    [((1, 1), "at the upper left"), ((5, 5), "in the centre"), ((8, 4), "at the lower centre")],
)
def test_a_map_is_described_by_where_its_weight_is(place, words):
    values = np.zeros((9, 9))
    values[place] = 1.0

    assert words in heatmap.describe(values)
    assert heatmap.describe(0 * values) == "no evidence anywhere"
