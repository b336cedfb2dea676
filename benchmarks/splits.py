"""Planted copies: how many fall on both sides of a split, ours and scikit-learn's.

    python -m benchmarks.splits [--pictures FILE.parquet] [--count 2000] [--planted 200] [--seeds 5]

Pictures come from a Parquet file, else they are random ones. Some are replaced by an equal copy of
another. A copy that is tested on and was trained on makes a model look better than it is.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks._timing import conditions
from benchmarks.duplicates import loaded
from usable_core.datasets.arrays import from_pictures
from usable_core.labels import LabelSpace


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--planted", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    pictures, given = loaded(asked.pictures, asked.count)
    labels = given.copy()
    order = np.random.default_rng(0).permutation(len(pictures))
    pairs = order[: 2 * asked.planted].reshape(-1, 2)
    for source, place in pairs:
        pictures[place], labels[place] = pictures[source].copy(), labels[source]
    classes = LabelSpace.unnamed(int(labels.max()) + 1)
    dataset = from_pictures("planted", pictures.__getitem__, labels, classes)
    print(f"{conditions()}; {len(pictures)} pictures, {len(pairs)} of them copies\n")
    print("| seed | tested of ours | copies trained on | of scikit-learn's | copies trained on |")
    print("|---:|---:|---:|---:|---:|")
    for seed in range(asked.seeds):
        test = np.asarray(dataset.parts(seed)["test"])
        peer = StratifiedShuffleSplit(1, test_size=len(test), random_state=seed)
        _, theirs = next(peer.split(np.zeros((len(labels), 1)), labels))
        rows = [(len(part), parted(pairs, part)) for part in (test, theirs)]
        print(f"| {seed} | {' | '.join(f'{n:,} | {apart}' for n, apart in rows)} |")


def parted(pairs: np.ndarray, test: np.ndarray) -> int:
    """Return how many pairs (N, 2) have one of theirs in the test part and one outside of it."""
    is_tested = np.isin(pairs, test)
    return int((is_tested.sum(1) == 1).sum())


if __name__ == "__main__":
    main()
