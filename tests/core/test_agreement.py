"""Agreement of maps on the same superpixels: known answers, and what is undefined stays so."""

import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from usable_core.comparison import ComparedMap, compare_maps, compared_map
from usable_core.evaluations.evidence import Stability
from usable_core.evaluations.explained import Explanation
from usable_core.metrics.attribution import sign_agreement, superpixel_credits, top_overlap

SEGMENTS = np.array([[0, 0, 1], [0, 2, 2]], np.int32)


def credits(*numbers):
    return np.array(numbers, dtype=np.float64)


def test_pixels_credits_are_added_up_and_superpixels_credits_are_taken_as_they_are():
    per_pixel = np.array([[1, 2, -4], [3, 0.5, 0.5]], np.float32)
    per_superpixel = np.array([6, -4, 1], np.float32)[SEGMENTS]

    assert superpixel_credits(per_pixel, SEGMENTS, True).tolist() == [6, -4, 1]
    assert superpixel_credits(per_superpixel, SEGMENTS, False).tolist() == [6, -4, 1]


def test_rank_correlations_are_scipys_and_signed():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 30))

    found = compare_maps(
        [
            ComparedMap("a", first),
            ComparedMap("b", second),
            ComparedMap("c", -first),
        ]
    )

    table = np.array(found.rank_correlation)
    assert table[0, 1] == pytest.approx(spearmanr(first, second).statistic)
    assert table[0, 2] == pytest.approx(-1)
    assert np.allclose(table, table.T)
    assert np.allclose(np.diag(table), 1)


def test_a_constant_map_agrees_with_nothing_not_even_by_chance():
    found = compare_maps(
        [
            ComparedMap("flat", np.zeros(6)),
            ComparedMap("a", np.arange(6.0)),
            ComparedMap("b", np.arange(6.0)),
        ]
    )

    assert math.isnan(found.rank_correlation[0][1])
    assert math.isnan(found.top_overlap[0][1])
    assert math.isnan(found.sign_agreement[0][1])
    assert found.rank_correlation[1][2] == pytest.approx(1)
    assert found.mean_rank_correlation == pytest.approx(1)
    assert found.summary()["rank_correlation"][0][1] is None
    json.dumps(found.summary(), allow_nan=False)


def test_signs_are_compared_where_they_are_settled_in_both():
    first, second = credits(1, -1, 2, 0, 3), credits(1, 1, -2, 4, 3)

    assert sign_agreement(first, second) == pytest.approx(2 / 4)
    found = compare_maps(
        [
            ComparedMap("a", first, settled=(True, False, True, True, True)),
            ComparedMap("b", second, settled=(True, True, False, True, True)),
        ]
    )
    assert found.sign_agreement[0][1] == 1


def test_the_highest_superpixels_in_common_are_counted():
    first, second = credits(9, 8, 7, 1, 0, -9), credits(9, 0, 7, 8, 1, -9)

    found = compare_maps([ComparedMap("a", first), ComparedMap("b", second)], top=3)

    assert found.top_overlap[0][1] == pytest.approx(2 / 3)
    assert top_overlap(first, second, count=1) == 1
    assert top_overlap(first, second, count=100) == 1


def test_a_map_of_magnitudes_is_compared_with_magnitudes_and_has_no_part_in_a_signed_consensus():
    signed, magnitudes = credits(-4, 3, -2, 1), credits(4, 3, 2, 1)

    found = compare_maps(
        [
            ComparedMap("lime", signed),
            ComparedMap("saliency", magnitudes, is_signed=False),
        ],
        top=1,
    )

    assert found.rank_correlation[0][1] == pytest.approx(1)
    assert found.top_overlap[0][1] == 1
    assert math.isnan(found.sign_agreement[0][1])
    assert found.consensus_of == ("lime",)
    assert np.allclose(found.consensus, signed / 4)


def test_the_consensus_is_the_mean_of_maps_scaled_by_their_own_magnitude():
    found = compare_maps(
        [
            ComparedMap("a", credits(2, -1, 0)),
            ComparedMap("b", credits(-100, -50, 0)),
        ]
    )

    assert np.allclose(found.consensus, [0, -0.5, 0])
    assert np.allclose(found.disagreement, [1, 0, 0])


def test_a_map_is_read_as_the_table_says_of_its_method():
    values = np.array([6, -4, 1], np.float32)[SEGMENTS]
    stability = Stability((6, -4, 1), (5, -5, -1), (7, -3, 3), 0.1, 4, False)

    def of(method, stability=None):
        found = Explanation(method=method, values=values, segments=SEGMENTS, stability=stability)
        return compared_map("x", found)

    by_superpixel, by_pixel = of("lime", stability), of("partition_shap")
    not_additive = of("saliency")

    assert by_superpixel.credits.tolist() == [6, -4, 1]
    assert by_superpixel.settled == (True, True, False)
    assert by_pixel.credits.tolist() == [18, -4, 2]
    assert by_pixel.settled is None
    assert not_additive.credits.tolist() == [6, -4, 1]  # sums would grow with the superpixels
    assert not not_additive.is_signed


def test_maps_on_other_superpixels_are_not_compared():
    with pytest.raises(ValueError, match="same superpixels"):
        compare_maps([ComparedMap("a", np.ones(3)), ComparedMap("b", np.ones(4))])
