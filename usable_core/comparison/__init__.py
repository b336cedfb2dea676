"""Several results on the same examples: paired tests, flips, and a sentence about each pair."""

from usable_core.comparison.pairs import Comparison, compare

__all__ = ["Comparison", "compare"]
