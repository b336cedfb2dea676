"""A classifier of texts through Usable beside bare transformers, and Kernel SHAP beside shap's.

    python -m benchmarks.texts [--model hf/FOLDER --dataset FILE] [--limit 400] [--rounds 5]
        [--sentences 20]

Accuracy: all texts read and answered, beside transformers in batches of 32 as they come, each
padded to its longest (the floor), and in batches sorted by length. Predictions must be the same.
Kernel SHAP: relative error of the credits of sentences of 10 to 12 words against exact Shapley
values (every coalition asked), ours beside shap's with as many and with twice as many evaluations
of the same hidden texts, paired over texts; shap without its choice of ten words, which costs it
some.
Without a model it is a random BERT of two layers, which says something of the time only.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shap
import torch
from scipy.stats import t
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import usable_core as usable
from benchmarks._timing import conditions, interleave
from usable_core.asking.oracle import Oracle
from usable_core.datasets.texts import from_texts
from usable_core.explainers.attribution import of_class
from usable_core.explainers.word_shap import explain
from usable_core.games.game import Budget
from usable_core.games.words import Text, usual_background
from usable_core.labels import LabelSpace

BATCH = 32
EVALUATIONS = (32, 64, 128, 256)
SEEDS = 3  # whose errors are averaged for each text
WORDS = (10, 12)  # of a sentence whose credits are known exactly


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--dataset")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=20)
    asked = parser.parse_args()
    print(conditions())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = usable.load_model(asked.model or random_model(Path(folder)))
        data = usable.load_dataset(asked.dataset) if asked.dataset else made_texts()
        _times(model, data.sample(asked.limit), asked.rounds)
        _errors(model, data, asked.sentences)


def random_model(folder: Path) -> str:
    """Write a random BERT of two layers and return its reference."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from made_texts import save_classifier

    save_classifier(folder, "bert", max_position_embeddings=128)
    return f"hf/{folder}"


def made_texts() -> usable.Dataset:
    """Return texts of words in no order, of three classes."""
    draw = np.random.default_rng(0)
    said = "rain fell all day and nobody minded the old garden which needed it most"
    words = said.split()
    lengths = draw.integers(6, 40, 200)
    texts = [" ".join(draw.choice(words, n)) for n in lengths]
    return from_texts("made", texts, np.arange(200) % 3, LabelSpace(("calm", "angry", "sad")))


def _times(model: usable.Model, data: usable.Dataset, rounds: int) -> None:
    """Print how long answers take, ours beside those of transformers alone."""
    folder = model.name.removeprefix("hf/")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    texts = [data[i][0] for i in range(len(data))]
    found: dict[str, np.ndarray] = {}

    def bare(name: str, order: list[int]) -> Callable[[], None]:
        def run() -> None:
            predictions = np.empty(len(order), dtype=np.int64)
            with torch.inference_mode():
                for start in range(0, len(order), BATCH):
                    part = order[start : start + BATCH]
                    read = tokenizer(
                        [texts[i] for i in part],
                        padding=True,
                        truncation=True,
                        max_length=model.input.longest,
                        return_tensors="pt",
                    )
                    predictions[part] = network(**read).logits.argmax(1)
            found[name] = predictions

        return run

    def ours() -> None:
        result = usable.evaluate_accuracy(model, data)
        found["usable"] = result.records["prediction"].to_numpy()

    in_order = list(range(len(texts)))
    by_length = sorted(in_order, key=lambda i: len(texts[i]))
    contenders = {
        "transformers": bare("transformers", in_order),
        "transformers, sorted by length": bare("sorted", by_length),
        "usable": ours,
    }
    timings = interleave(contenders, rounds=rounds, warm_up=1)
    print(f"\n| {len(texts)} texts | ms per text | × transformers | range of the rounds |")
    print("|---|---:|---:|---:|")
    for timing in timings:
        low, high = timing.spread
        each = 1000 * timing.seconds / len(texts)
        print(f"| {timing.name} | {each:.2f} | {timing.ratio:.2f} | {low:.2f} to {high:.2f} |")
    same = int((found["usable"] == found["transformers"]).sum())
    print(f"\nPredictions equal to those of transformers: {same} of {len(texts)}.")


def _errors(model: usable.Model, data: usable.Dataset, sentences: int) -> None:
    """Print the errors of estimated Shapley values, ours beside shap's."""
    found: dict[tuple[str, int], list[float]] = {}
    for text in _short(model, data, sentences):
        oracle, background = Oracle(model), usual_background(text.takes)
        target = int(oracle.logits(text.x[None]).argmax())
        exact = _credits(oracle, text, background, target, 2 ** len(text.words), 0)
        for name, estimate, most in (("usable", _credits, 1), ("shap", _shap_credits, 2)):
            for count in dict.fromkeys(k * n for k in range(1, most + 1) for n in EVALUATIONS):
                errors = [
                    np.linalg.norm(estimate(oracle, text, background, target, count, seed) - exact)
                    for seed in range(SEEDS)
                ]
                error = float(np.mean(errors) / np.linalg.norm(exact))
                found.setdefault((name, count), []).append(error)
    texts = len(found["usable", EVALUATIONS[0]])
    print(f"\n| evaluations, {texts} texts | usable | shap | shap, twice as many | difference |")
    print("|---|---:|---:|---:|---:|")
    for count in EVALUATIONS:
        mine, theirs, twice = (
            np.array(found[key])
            for key in (("usable", count), ("shap", count), ("shap", 2 * count))
        )
        print(
            f"| {count} | {mine.mean():.3f} | {theirs.mean():.3f} | {twice.mean():.3f} | "
            f"{paired(mine, twice)} |"
        )


def paired(one: np.ndarray, other: np.ndarray) -> str:
    """Return the mean difference of two figures of the same texts, with its 95 % t interval."""
    apart = one - other
    reach = t.ppf(0.975, max(len(apart) - 1, 1)) * apart.std(ddof=1) / np.sqrt(len(apart))
    return f"{apart.mean():+.3f} [{apart.mean() - reach:+.3f}, {apart.mean() + reach:+.3f}]"


def _credits(
    oracle: Oracle, text: Text, background: str, target: int, count: int, seed: int
) -> np.ndarray:
    options = usable.ExplainerOptions(evaluations=count, background=background, seed=seed)
    game = text.game(oracle, background, Budget(count))
    return np.asarray(explain(game, target, options).values[0], dtype=np.float64)


def _shap_credits(
    oracle: Oracle, text: Text, background: str, target: int, count: int, seed: int
) -> np.ndarray:
    game, zeros = text.game(oracle, background, Budget(0)), np.zeros((1, len(text.words)))
    np.random.seed(seed)  # noqa: NPY002

    def pay(masks: np.ndarray) -> np.ndarray:
        return of_class(game.ask(masks.astype(bool)), target, "logit")

    peer = shap.KernelExplainer(pay, zeros)
    found = peer.shap_values(zeros[0] + 1, nsamples=count - 2, silent=True, l1_reg=False)
    return np.asarray(found).ravel()


def _short(model: usable.Model, data: usable.Dataset, count: int) -> list[Text]:
    """Return the first texts of so many words as can be asked about in every coalition."""
    found: list[Text] = []
    for index in range(len(data)):
        text = Text(data[index][0], model.input)
        if WORDS[0] <= len(text.words) <= WORDS[1]:
            found.append(text)
        if len(found) == count:
            break
    return found


if __name__ == "__main__":
    main()
