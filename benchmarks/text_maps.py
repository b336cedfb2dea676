"""Maps of words through Usable beside lime, shap and the floor, and what they are worth.

    python -m benchmarks.text_maps [--model hf/FOLDER --dataset FILE] [--sentences 10] [--rounds 3]

Time: processor time of a map, beside the floor, transformers alone answering the very same hidden
texts in batches of 32 sorted by length. Worth: how much less probable the predicted class is
without the 5, 10, 20 and 50 % of the words that a map ranks first (comprehensiveness, higher is
better) and with these alone (sufficiency, lower is better; DeYoung et al. 2020), means over these
shares, beside those of random orders; words are hidden by the model's mask. Without a model it is a
random BERT of two layers, which says something of the time only.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import shap
import torch
from lime.lime_text import LimeTextExplainer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import usable_core as usable
from benchmarks._timing import conditions, interleave
from benchmarks.texts import BATCH, made_texts, random_model
from usable_core.games.words import Text, WordHiding, usual_background
from usable_core.texts import words_of

METHODS = ("lime", "kernel_shap", "partition_shap", "integrated_gradients", "occlusion")
TIMED = METHODS[:3]
SHARES = (0.05, 0.1, 0.2, 0.5)
RANDOM = 20  # orders


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--sentences", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench = Bench(asked.model or random_model(Path(folder)), asked.evaluations)
        data = usable.load_dataset(asked.dataset) if asked.dataset else made_texts()
        texts = [data[i][0] for i in range(len(data)) if 10 <= len(words_of(data[i][0])) <= 30]
        texts = texts[: asked.sentences]
        bench.times(texts[:3], asked.rounds)
        bench.worth(texts)


class Bench:
    """A model, here and as transformers has it alone."""

    def __init__(self, reference: str, evaluations: int) -> None:
        """Load both."""
        self.model = usable.load_model(reference)
        folder = self.model.name.removeprefix("hf/")
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        self.network = network.eval()
        self.evaluations = evaluations
        self.background = usual_background(self.model.input)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return what transformers alone answers (N, classes), in batches of like length."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        found = np.empty((len(texts), self.network.config.num_labels))
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                part = order[start : start + BATCH]
                said = [str(texts[i]) for i in part]
                read = self.tokenizer(said, padding=True, truncation=True, return_tensors="pt")
                found[part] = self.network(**read).logits.softmax(1).numpy()
        return found

    def map(self, text: str, method: str) -> np.ndarray:
        """Return our credits of the words (W,)."""
        options = usable.ExplainerOptions(evaluations=self.evaluations, background=self.background)
        return np.asarray(
            usable.explain(self.model, text, method=method, options=options).values[0]
        )

    def lime(self, text: str) -> np.ndarray:
        """Return the credits of lime, of the same words."""
        peer = LimeTextExplainer(
            split_expression=words_of, bow=False, mask_string=self.model.input.mask or ""
        )
        target, count = self.target(text), len(words_of(text))
        found = peer.explain_instance(
            text,
            self.probabilities,
            labels=(target,),
            num_features=count,
            num_samples=self.evaluations,
        )
        credits = np.zeros(count)
        for place, credit in found.as_map()[target]:
            credits[place] = credit
        return credits

    def kernel_shap(self, text: str) -> np.ndarray:
        """Return the credits of shap's KernelExplainer, of the same words."""
        hidden, target = self.hidden(text), self.target(text)
        none = np.zeros((1, len(words_of(text))))
        peer = shap.KernelExplainer(
            lambda masks: self.probabilities(hidden(masks > 0))[:, target], none
        )
        found = peer.shap_values(none[0] + 1, nsamples=self.evaluations - 2, silent=True)
        return np.asarray(found).ravel()

    def target(self, text: str) -> int:
        """Return the predicted class."""
        return int(self.probabilities([text]).argmax())

    def hidden(self, text: str) -> Callable[[np.ndarray], list[str]]:
        """Return what writes the text with words hidden, of masks (N, W)."""
        hide = Text(text, self.model.input).hiding(self.background, torch.device("cpu"))
        return lambda masks: [hide.written(row) for row in masks.astype(bool).tolist()]

    def times(self, texts: Sequence[str], rounds: int) -> None:
        """Print what maps take beside the floor and beside lime and shap."""
        print(f"\n| {self.evaluations} evaluations | s per text | / floor | rounds |")
        print("|---|---:|---:|---:|")
        for method in TIMED:
            asked = [one for text in texts for one in self._asked(text, method)]
            contenders = {
                f"floor, {len(asked) // len(texts)} texts": partial(self.probabilities, asked),
                method: partial(self._maps, texts, method),
            }
            if peer := getattr(self, method, None):
                contenders[f"{method} of its library"] = partial(_each, peer, texts)
            for timing in interleave(contenders, rounds=rounds, warm_up=1):
                low, high = timing.spread
                each = timing.seconds / len(texts)
                print(
                    f"| {timing.name} | {each:.2f} | {timing.ratio:.2f} | {low:.2f} to {high:.2f} |"
                )

    def _maps(self, texts: Sequence[str], method: str) -> None:
        for text in texts:
            self.map(text, method)

    def _asked(self, text: str, method: str) -> list[str]:
        """Return the hidden texts that a map asks about."""
        asked: list[str] = []
        written = WordHiding.written

        def noted(self: WordHiding, stays: Sequence[bool]) -> str:
            asked.append(written(self, stays))
            return asked[-1]

        WordHiding.written = noted  # type: ignore[method-assign]
        try:
            self.map(text, method)
        finally:
            WordHiding.written = written  # type: ignore[method-assign]
        return asked

    def worth(self, texts: Sequence[str]) -> None:
        """Print comprehensiveness and sufficiency of each map."""
        found: dict[str, list[tuple[float, float]]] = {}
        draw = np.random.default_rng(0)
        for text in texts:
            credits = {method: self.map(text, method) for method in METHODS}
            credits |= {
                "lime of lime": self.lime(text),
                "kernel_shap of shap": self.kernel_shap(text),
            }
            for name, values in credits.items():
                found.setdefault(name, []).append(self.evidence(text, values))
            drawn = [self.evidence(text, draw.random(len(words_of(text)))) for _ in range(RANDOM)]
            found.setdefault("random order", []).append(tuple(np.mean(drawn, 0)))
        print(f"\n| {len(texts)} texts | comprehensiveness | sufficiency |\n|---|---:|---:|")
        for name, pairs in sorted(found.items(), key=lambda one: -np.mean(one[1], 0)[0]):
            removed, kept = np.mean(pairs, 0)
            print(f"| {name} | {removed:.3f} | {kept:.3f} |")

    def evidence(self, text: str, credits: np.ndarray) -> tuple[float, float]:
        """Return comprehensiveness and sufficiency of an order of words."""
        count, target = len(credits), self.target(text)
        rank = np.argsort(np.argsort(-credits, kind="stable"))
        first = np.stack([rank < max(round(share * count), 1) for share in SHARES])
        whole = self.probabilities([text])[0, target]
        removed, kept = (
            self.probabilities(self.hidden(text)(masks))[:, target] for masks in (~first, first)
        )
        return float((whole - removed).mean()), float((whole - kept).mean())


def _each(make: Callable[[str], np.ndarray], texts: Sequence[str]) -> None:
    for text in texts:
        make(text)


if __name__ == "__main__":
    main()
