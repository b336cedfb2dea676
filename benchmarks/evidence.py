"""Deletion and insertion of one map beside bare forward passes and beside the loop people write.

    python -m benchmarks.evidence [--model timm/mobilenetv2_100 --weights FILE] [--image FILE]

The floor does nothing but forward passes (inference mode, channels-last, at the fastest of a few
batch sizes) over as many images as ours evaluates, which already lie in memory. Ours is what stands
beside a second map of an image: deletion and insertion behind one background in 20 steps, from the
credits to the areas; the random orders and the one from the centre are known from the first map.
The other row is the first map, all orders included, against its own floor. People's loop hides in
numpy and asks about one image at a time. The target is 1.2 times the floor.

Then: what filling in by noisy linear imputation costs per image, and a sparse solver.
"""

import argparse
import copy
import functools
import time
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from benchmarks._timing import conditions, interleave, markdown
from benchmarks.accuracy_loop import fastest
from usable_core import images
from usable_core.asking.oracle import Oracle
from usable_core.evaluations.specs import ModelSpec
from usable_core.explainers.faithfulness import Question, perturbation_curves
from usable_core.games.game import Budget
from usable_core.games.imputation import filled_in
from usable_core.games.pictures import AnswerCache, Picture
from usable_core.games.segments import superpixels
from usable_core.measuring.provenance import ready
from usable_core.models import load_model
from usable_core.models.model import Model
from usable_core.models.modes import channels_last

QUESTION = (Question("mean"),)
SEGMENTS = 50


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled/resnet")
    parser.add_argument("--weights")
    parser.add_argument("--arch-option", action="append", default=[])
    parser.add_argument("--image", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    options = tuple(tuple(o.split("=", 1)) for o in asked.arch_option)
    model = ready(load_model(ModelSpec(asked.model, asked.weights, options)))
    x = picture(model, asked.image)
    print(conditions())
    with channels_last(model.network):
        curves(model, x, asked.rounds)
        imputation(model, x, asked.rounds)


def picture(model: Model, path: Path | None) -> Tensor:
    """Return the picture as the model sees it (3, H, W); smooth noise without one."""
    if path is not None:
        return model.preprocessing.geometry(images.decode(path.read_bytes(), path.name))
    height, width = model.input_size
    noise = torch.rand(1, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, (height, width), mode="bicubic")[0].clamp(0, 1)


def curves(model: Model, x: Tensor, rounds: int) -> None:
    """Compare deletion and insertion with the floor and with a plain loop."""
    segments = superpixels(x, SEGMENTS)
    count = int(segments.max()) + 1
    random = np.random.default_rng(0)
    known: AnswerCache = {}
    ask(model, x, random.normal(size=count), segments, known)
    maps = iter([random.normal(size=count) for _ in range(200)])
    evaluated = 2 * 19
    bare = copy.deepcopy(model.network).eval().to(memory_format=torch.channels_last)
    normalised = model.preprocessing.normalise(x[None]).repeat(evaluated, 1, 1, 1)
    prepared = normalised.contiguous(memory_format=torch.channels_last)
    batch = fastest(bare, prepared, (2, 4, 8, 16))
    credits = random.normal(size=count)
    areas: dict[str, float] = {}

    def floor() -> None:
        with torch.inference_mode():
            for piece in prepared.split(batch):
                bare(piece)

    def ours() -> None:
        ask(model, x, next(maps), segments, {k: dict(v) for k, v in known.items()})

    def first() -> None:
        found = ask(model, x, credits, segments, {})
        areas["ours"] = found[0].area

    def people() -> None:
        areas["people"] = plain_loop(model, x.numpy(), credits, segments)

    timings = interleave(
        {
            "bare forwards (floor)": floor,
            "usable: deletion + insertion of a further map": ours,
            "usable: of the first map, with 5 random orders and the centre's": first,
            "plain loop (numpy, one image at a time), without other orders": people,
        },
        rounds=rounds,
    )
    answers: AnswerCache = {}
    ask(model, x, credits, segments, answers)
    whole = len(answers["mean"])
    print(f"\n### {model.name}, {tuple(x.shape)}, floor at its best batch, {batch}\n")
    print(markdown(timings, evaluated, "image of the floor"))
    print(
        f"\nThe first map evaluates {whole} images: {timings[2].ratio * evaluated / whole:.2f} "
        f"times the floor per image. Areas: ours {areas['ours']:.4f}, plain loop "
        f"{areas['people']:.4f}."
    )
    if abs(areas["ours"] - areas["people"]) > 1e-4:
        raise SystemExit("The loops disagree, so their times mean nothing.")


def ask(
    model: Model, x: Tensor, credits: np.ndarray, segments: np.ndarray, answers: AnswerCache
) -> tuple:
    """Return the curves of one map."""
    picture, oracle = Picture(x, segments, answers), Oracle(model)
    with oracle:
        return perturbation_curves(
            lambda background: picture.game(oracle, background, Budget(0)),
            predicted(model, x),
            credits,
            questions=QUESTION,
        )


@functools.cache
def predicted(model: Model, x: Tensor) -> int:
    """Return the class that the model sees."""
    with torch.inference_mode():
        return int(model(x[None])[0].argmax())


def plain_loop(model: Model, x: np.ndarray, credits: np.ndarray, segments: np.ndarray) -> float:
    """Return the deletion area, as one writes it first; insertion is made as well."""
    sizes = np.bincount(segments.ravel())
    order = np.argsort(-credits / sizes, kind="stable")
    shares = np.concatenate([[0], np.cumsum(sizes[order]) / sizes.sum()])
    counts = np.unique([np.abs(shares - k / 20).argmin() for k in range(21)])
    hidden = np.broadcast_to(x.mean((1, 2), keepdims=True), x.shape)
    target = int(model(torch.from_numpy(x)[None])[0].argmax())
    outputs: dict[bool, list[float]] = {True: [], False: []}
    for is_deletion, read in outputs.items():
        for number in counts:
            first = np.isin(segments, order[:number])
            image = np.where(first == is_deletion, hidden, x).astype(np.float32)
            with torch.no_grad():
                logits = model(torch.from_numpy(image)[None])[0].double()
            read.append(float(logits.softmax(0)[target]))
    return float(np.trapezoid(outputs[True], shares[counts]))


def imputation(model: Model, x: Tensor, rounds: int) -> None:
    """Compare filling in with a forward pass and with a sparse solver."""
    segments = superpixels(x, SEGMENTS)
    random = np.random.default_rng(0)
    shares = np.linspace(0.05, 0.95, 8)
    stays = np.stack([random.random(int(segments.max()) + 1) < share for share in shares])
    masks = torch.from_numpy(stays[:, segments])
    prepared = model.preprocessing.normalise(x[None]).repeat(len(masks), 1, 1, 1)
    prepared = prepared.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        timings = interleave(
            {
                "a forward pass (floor)": lambda: model.network(prepared),
                "usable: filled in": lambda: filled_in(x, masks),
            },
            rounds=rounds,
        )
    began = time.process_time()
    exact = [solved(x.double().numpy(), mask) for mask in masks.numpy()]
    sparse = (time.process_time() - began) / len(masks)
    error = np.abs(filled_in(x, masks).numpy() - np.stack(exact)).max()
    print(f"\n### Noisy linear imputation, {len(masks)} masks of 5 to 95 % visible\n")
    print(markdown(timings, len(masks), "mask"))
    print(
        f"\nscipy's sparse solver: {1000 * sparse:.0f} ms per mask. Largest difference from it: "
        f"{255 * error:.2f} grey levels."
    )


def solved(x: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Return the exact solution by scipy, vectorised as the reference implementation's."""
    hidden = np.argwhere(~stays)
    place = -np.ones(stays.shape, int)
    place[~stays] = np.arange(len(hidden))
    size, right, diagonal = len(hidden), np.zeros((len(hidden), len(x))), np.zeros(len(hidden))
    rows, columns, entries = [np.arange(size)], [np.arange(size)], [diagonal]
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            if (down, across) == (0, 0):
                continue
            weight = 1 / 6 if down * across == 0 else 1 / 12
            r, c = hidden[:, 0] + down, hidden[:, 1] + across
            inside = np.flatnonzero(
                (r >= 0) & (r < stays.shape[0]) & (c >= 0) & (c < stays.shape[1])
            )
            diagonal[inside] += weight
            other = place[r[inside], c[inside]]
            shown = inside[other < 0]
            right[shown] += weight * x[:, r[shown], c[shown]].T
            rows.append(inside[other >= 0])
            columns.append(other[other >= 0])
            entries.append(np.full(int((other >= 0).sum()), -weight))
    where = np.concatenate(rows), np.concatenate(columns)
    matrix = coo_matrix((np.concatenate(entries), where), shape=(size, size)).tocsc()
    found = x.copy()
    found[:, ~stays] = spsolve(matrix, right).T
    return found


if __name__ == "__main__":
    main()
