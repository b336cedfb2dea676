"""Several results on the same examples: paired tests, flips, and a sentence about each pair."""

from usable_core.comparison.maps import ComparedMap, MapAgreement, compare_maps, compared_map
from usable_core.comparison.names import short_names
from usable_core.comparison.pairs import Comparison, compare
from usable_core.comparison.score_card import score_card

__all__ = [
    "ComparedMap",
    "Comparison",
    "MapAgreement",
    "compare",
    "compare_maps",
    "compared_map",
    "score_card",
    "short_names",
]
