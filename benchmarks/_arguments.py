"""What the benchmarks' command lines share."""

import argparse
from collections.abc import Callable, Collection


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """Return a type of argument: one of `names`.

    `choices` would refuse the default of a list that may be empty, on Python 3.11.
    """

    def known(word: str) -> str:
        if word not in names:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(names)}")
        return word

    return known
