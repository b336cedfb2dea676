"""What maps of words are worth at equal processor time, ours beside those of lime, shap and ferret.

    python -m benchmarks.text_worth [--model hf/FOLDER --dataset FILE] [--sentences 40]
        [--seconds 0.5]

Each method has as many evaluations as take it the same time for a text, found by timing two
numbers of them. Worth is comprehensiveness: how much less probable the predicted class is without
the 5, 10, 20 and 50 % of the words that a map ranks first (DeYoung et al. 2020), words hidden by
the model's mask and, told apart, left out. Differences are paired over texts, to the best of the
peers; beside them stand random orders. ferret is asked where it is installed, by
`pip install --no-deps ferret-xai`.
"""

import argparse
import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import shap

import usable_core as usable
from benchmarks._timing import clock, conditions
from benchmarks.text_maps import Bench
from benchmarks.texts import made_texts, paired, random_model
from usable_core.games.words import Text, pieces_of_words
from usable_core.texts import words_of

OURS = ("lime", "kernel_shap", "partition_shap", "integrated_gradients")
WAYS = ("mask", "delete")  # of hiding words for the score
TRIED = (40, 120)  # evaluations whose times tell what one takes
LEAST, MOST = 16, 4000  # evaluations
RANDOM = 4  # orders
Map = Callable[[str, int], np.ndarray]


@dataclass(frozen=True)
class Contender:
    """A method, and how many evaluations it has.

    Attributes:
        name: In the table.
        make: Text and evaluations to credits of its words (W,).
        is_ours: Ours are not what ours are compared with.
        count: Evaluations.
    """

    name: str
    make: Map
    is_ours: bool = False
    count: int = 0


def main() -> None:
    """Print a table for each way of hiding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench = Bench(asked.model or random_model(Path(folder)), TRIED[0])
        data = usable.load_dataset(asked.dataset) if asked.dataset else made_texts()
        texts = [data[i][0] for i in range(len(data)) if 10 <= len(words_of(data[i][0])) <= 30]
        texts = texts[: asked.sentences]
        contenders = [
            Contender(one.name, one.make, one.is_ours, _affordable(one, texts[:3], asked.seconds))
            for one in _contenders(bench)
        ]
        _compare(bench, contenders, texts)


def _contenders(bench: Bench) -> list[Contender]:
    """Return ours and theirs."""

    def ours(method: str) -> Map:
        def make(text: str, count: int) -> np.ndarray:
            bench.evaluations = count
            return bench.map(text, method)

        return make

    def theirs(make: Callable[[str], np.ndarray]) -> Map:
        def counted(text: str, count: int) -> np.ndarray:
            bench.evaluations = count
            return make(text)

        return counted

    found = [Contender(name, ours(name), is_ours=True) for name in OURS]
    found.append(Contender("lime of lime", theirs(bench.lime)))
    found.append(Contender("kernel_shap of shap", theirs(bench.kernel_shap)))
    found.append(Contender("partition_shap of shap", _partition_of_shap(bench)))
    return [*found, *_of_ferret(bench)]


def _partition_of_shap(bench: Bench) -> Map:
    """Return shap's map of pieces by its own masker of texts, summed over words."""
    masker = shap.maskers.Text(bench.tokenizer)

    def make(text: str, count: int) -> np.ndarray:
        peer = shap.PartitionExplainer(lambda texts: bench.probabilities(list(texts)), masker)
        target = bench.target(text)
        found = peer([text], max_evals=count, silent=True, batch_size=32)
        return _of_words(bench, text, np.asarray(found.values[0])[:, target])

    return make


def _of_ferret(bench: Bench) -> list[Contender]:
    """Return ferret's maps of pieces, summed over words, where it is installed."""
    if importlib.util.find_spec("ferret") is None:
        print("\nferret is not installed and is left out.")
        return []
    for name in ("datasets", "pytreebank", "thermostat", "cv2", "seaborn"):
        if importlib.util.find_spec(name) is None:  # imported by it, and not needed for maps
            sys.modules[name] = MagicMock()
    from ferret import IntegratedGradientExplainer, LIMEExplainer, SHAPExplainer

    def of(explainer: Callable[..., object], count_name: str) -> Map:
        def make(text: str, count: int) -> np.ndarray:
            asked = explainer(text, bench.target(text), call_args={count_name: count})
            return _of_words(bench, text, np.asarray(vars(asked)["scores"]))

        return make

    given = bench.network, bench.tokenizer
    return [
        Contender("lime of ferret", of(LIMEExplainer(*given), "num_samples")),
        Contender("partition_shap of ferret", of(SHAPExplainer(*given), "max_evals")),
        Contender(
            "integrated_gradients of ferret", of(IntegratedGradientExplainer(*given), "n_steps")
        ),
    ]


def _of_words(bench: Bench, text: str, credits: np.ndarray) -> np.ndarray:
    """Return the sums over words (W,) of credits of pieces, those around the text among them."""
    offsets = bench.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert len(offsets) == len(credits), (len(offsets), len(credits))
    spans = Text(text, bench.model.input).spans
    places, words = pieces_of_words(offsets, spans)
    return np.bincount(words, credits[places], minlength=len(spans))


def _affordable(one: Contender, texts: list[str], seconds: float) -> int:
    """Return how many evaluations of a method take so long for a text."""
    one.make(texts[0], TRIED[0])  # first uses import
    taken = []
    for count in TRIED:
        began = clock()
        for text in texts:
            one.make(text, count)
        taken.append((clock() - began) / len(texts))
    each = (taken[1] - taken[0]) / (TRIED[1] - TRIED[0])
    if each <= 0.05 * taken[0] / TRIED[0]:  # it takes what it takes
        return TRIED[1]
    return int(np.clip(TRIED[0] + (seconds - taken[0]) / each, LEAST, MOST))


def _compare(bench: Bench, contenders: list[Contender], texts: list[str]) -> None:
    """Print worth and time of each contender."""
    taken: dict[str, list[float]] = {one.name: [] for one in contenders}
    worth: dict[tuple[str, str], list[float]] = {}
    drawn: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    draw = np.random.default_rng(0)
    for text in texts:
        for one in contenders:
            began = clock()
            credits = one.make(text, one.count)
            taken[one.name].append(clock() - began)
            for way in WAYS:
                worth.setdefault((one.name, way), []).append(_worth(bench, text, credits, way))
        orders = draw.random((RANDOM, len(words_of(text))))
        for way in WAYS:
            drawn[way].append([_worth(bench, text, order, way) for order in orders])
    for way in WAYS:
        print(f"\n{len(texts)} texts, words hidden for the score: {way}\n")
        _table(contenders, taken, {one.name: np.array(worth[one.name, way]) for one in contenders})
        each = np.mean(drawn[way], 0)
        print(f"| random orders, {RANDOM} | 0 | 0 | {each.min():.3f} to {each.max():.3f} | |")


def _table(
    contenders: list[Contender], taken: dict[str, list[float]], worth: dict[str, np.ndarray]
) -> None:
    mean = {name: values.mean() for name, values in worth.items()}
    best = max((one.name for one in contenders if not one.is_ours), key=lambda name: mean[name])
    print(f"| map | evaluations | s per text | comprehensiveness | beside {best} |")
    print("|---|---:|---:|---:|---:|")
    for one in sorted(contenders, key=lambda one: -mean[one.name]):
        name = f"**{one.name}**" if one.is_ours else one.name
        beside = "" if one.name == best else paired(worth[one.name], worth[best])
        seconds = np.mean(taken[one.name])
        print(f"| {name} | {one.count} | {seconds:.2f} | {mean[one.name]:.3f} | {beside} |")


def _worth(bench: Bench, text: str, credits: np.ndarray, way: str) -> float:
    usual, bench.background = bench.background, way
    found = bench.evidence(text, credits)[0]
    bench.background = usual
    return found


if __name__ == "__main__":
    main()
