"""Attacks on words through Usable beside TextAttack, with the same swaps, on the same texts.

    python -m benchmarks.word_attacks [--model hf/FOLDER --dataset FILE] [--texts 100] [--stock 16]

Both swap words for the synonyms of WordNet that ours has, each word once and none of those without
a synonym, as stop words are. TextAttack's search is the greedy one of TextFooler, words in the
order of what the answer loses without them, in batches of 32. Its wrapper of transformers models
pads each batch to all that the model reads: so it runs on the first texts alone (`--stock`), and
with that repaired on all. Ours is one search by gradients, with half the swaps that the preset's
tries for each word and with as many, and the preset itself, which goes on with a search by answers
alone. Every text that broke is asked about once more, and its changed words are counted by our
words, whoever broke it. Gradients count as one question. Without a model it is a random BERT of two
layers, which says little.

TextAttack's requirements do not resolve beside ours, so it is in no extra: `pip install --no-deps
textattack lru-dict` is all that this needs of it. Where it is not installed, ours stands alone.
"""

import argparse
import difflib
import importlib.util
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import usable_core as usable
from benchmarks._timing import Timing, conditions, interleave
from benchmarks.texts import made_texts, random_model
from usable_core.asking.oracle import Oracle
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.evaluations.epsilon import epsilon_label, most_words
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec
from usable_core.measuring.examples import examples_of
from usable_core.measuring.worst_texts import read, worst_of
from usable_core.texts import words_of
from usable_core.word_attacks import proposals, swaps
from usable_core.word_attacks.asking import Asking

SHARES = (0.05, 0.1, 0.2, 0.3, 1.0)
ONE, BLIND = TEXT_PRESETS["synonym"].attacks
HALF = replace(ONE, steps=ONE.steps // 2)
Broken = list[str | None]  # of each text what it became; itself if wrong before, None if withstood


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--stock", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stock-rounds", type=int, default=1)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = usable.load_model(asked.model or random_model(Path(folder)))
        data = usable.load_dataset(asked.dataset) if asked.dataset else made_texts()
        bench = Bench(model, data.sample(asked.texts))
        has_peer = importlib.util.find_spec("textattack") is not None
        if not has_peer:
            print("\nTextAttack is not here: pip install --no-deps textattack lru-dict.")
        ours = {
            HALF.title: partial(bench.ours, (HALF,)),
            ONE.title: partial(bench.ours, (ONE,)),
            "preset": partial(bench.ours, (ONE, BLIND)),
        }
        theirs = bench.theirs() if has_peer else {}
        if has_peer and asked.stock:
            bench.compare({**theirs, HALF.title: ours[HALF.title]}, asked.stock, asked.stock_rounds)
        theirs.pop("TextAttack", None)
        bench.compare({**theirs, **ours}, asked.texts, asked.rounds)


@dataclass
class Found:
    """What an attack made of the texts, and how many texts it asked about."""

    broken: Broken
    asked: int


class Bench:
    """A model and the texts that are attacked."""

    def __init__(self, model: usable.Model, data: usable.Dataset) -> None:
        """Read the texts."""
        self.model = model
        self.config = RobustnessConfig(
            model.spec, DatasetSpec("texts", "all"), (ONE,), norm="words", epsilons=(0.0, 1.0)
        )
        self.examples = examples_of(model, data, DatasetSpec("texts", "all"))
        self.texts = [data[i][0] for i in range(len(data))]
        self.labels = self.examples.labels.tolist()

    def ours(self, specs: Sequence[AttackSpec], count: int) -> Found:
        """Attack the first texts, with nothing remembered from before."""
        for remembers in (proposals.cut, swaps.synonym):
            remembers.cache_clear()
        with Oracle(self.model) as oracle:
            asking, config = Asking(oracle), replace(self.config, attacks=tuple(specs))
            found = read(asking, self.examples, config, np.arange(count))
            best, _ = worst_of(asking, config, found)
            asked = oracle.passes.forward
        rows = zip(self.texts, found.is_right.tolist(), best, strict=False)
        said = [(s.written.text if s else None) if right else text for text, right, s in rows]
        return Found(said, asked)

    def theirs(self) -> dict[str, Callable[[int], Found]]:
        """Return TextAttack, as it is and repaired."""
        from benchmarks._textattack import Peer, Swap

        folder = self.model.name.removeprefix("hf/")
        network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        swap = Swap(swaps.synonym, self.model.input)

        def attack(count: int, *, is_repaired: bool) -> Found:
            swaps.synonym.cache_clear()
            peer = Peer(network.eval(), tokenizer, swap, is_repaired=is_repaired)
            rows = zip(self.texts[:count], self.labels, strict=False)
            return Found([peer.broken(*row) for row in rows], peer.queries)

        return {
            "TextAttack, repaired": partial(attack, is_repaired=True),
            "TextAttack": partial(attack, is_repaired=False),
        }

    def compare(self, attacks: dict[str, Callable[[int], Found]], count: int, rounds: int) -> None:
        """Print what attacks on the first texts take, and what they leave of the accuracy."""
        found: dict[str, Found] = {}

        def noted(name: str) -> None:
            found[name] = attacks[name](count)

        contenders = {name: partial(noted, name) for name in attacks}
        for attack in attacks.values():
            attack(1)  # to warm up
        timings = interleave(contenders, rounds=rounds, warm_up=0)
        shares = " | ".join(epsilon_label(share, "words") for share in SHARES)
        first = next(iter(attacks))
        print(
            f"\n| {count} texts | s per text | / {first} | rounds | asked per text | clean | "
            f"{shares} |\n|---{'|---:' * (5 + len(SHARES))}|"
        )
        for timing in timings:
            print(self._row(timing, found[timing.name], count))

    def _row(self, timing: Timing, found: Found, count: int) -> str:
        low, high = timing.spread
        curve = " | ".join(f"{one:.2f}" for one in self._curve(found.broken))
        return (
            f"| {timing.name} | {timing.seconds / count:.3f} | {timing.ratio:.2f} | "
            f"{low:.2f} to {high:.2f} | {found.asked / count:.1f} | {curve} |"
        )

    def _curve(self, broken: Broken) -> list[float]:
        """Return the clean accuracy, and that at each share of changed words."""
        words = [len(words_of(text)) for text in self.texts[: len(broken)]]
        changed = [
            np.inf if now is None else self._changed(text, now, label)
            for text, now, label in zip(self.texts, broken, self.labels, strict=False)
        ]
        return [
            float(np.mean(np.array(changed) > most_words(share, words))) for share in (0, *SHARES)
        ]

    def _changed(self, text: str, now: str, label: int) -> int:
        """Return how many words are others in a text that is answered wrongly.

        Raises:
            ValueError: it is not.
        """
        with torch.inference_mode():
            if int(self.model(self.model.input.read(now)[None]).argmax()) == label:
                raise ValueError(f"{now!r} is answered rightly")
        rows = difflib.SequenceMatcher(None, words_of(text), words_of(now), autojunk=False)
        return sum(max(b - a, d - c) for kind, a, b, c, d in rows.get_opcodes() if kind != "equal")


if __name__ == "__main__":
    main()
