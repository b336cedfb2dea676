"""Models that are not shown to differ share a letter: `A`, `AB`, `B`.

Reference: Piepho 2004, Journal of Computational and Graphical Statistics 13:456-466
(insert and absorb).
"""

from collections.abc import Collection, Sequence
from string import ascii_uppercase


def groups(ordered: Sequence[str], shown: Collection[tuple[str, str]]) -> dict[str, str]:
    """Return the letters of each name; two names have one in common unless shown to differ.

    Args:
        ordered: Names, the best first; `A` is the group of the first.
        shown: Pairs (either way round) that are shown to differ.
    """
    sets = [frozenset(ordered)]
    for first, second in shown:
        split = [s - {name} for s in sets if {first, second} <= s for name in (first, second)]
        kept = [s for s in sets if not {first, second} <= s]
        for part in split:
            if not any(part <= other for other in kept):
                kept = [other for other in kept if not other <= part] + [part]
        sets = kept
    sets.sort(key=lambda s: [name not in s for name in ordered])
    return {
        name: "".join(_letter(place) for place, s in enumerate(sets) if name in s)
        for name in ordered
    }


def _letter(place: int) -> str:
    times, rest = divmod(place, len(ascii_uppercase))
    return ascii_uppercase[rest] + (str(times) if times else "")
