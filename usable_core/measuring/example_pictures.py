"""Pictures of a data set's examples, for pages that show which ones a number is made of."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.datasets.by_identity import found_pictures
from usable_core.errors import ExplanationError
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec, silent
from usable_core.files import write_bytes
from usable_core.images import encode_png
from usable_core.measuring.explaining import Refusal, Wanted, explain_methods
from usable_core.measuring.instances import Instance, instance
from usable_core.models.model import Model
from usable_core.randomness import example_seeds

# Where a network cannot be explained by the method asked for; the answer says which it was.
OTHERWISE = ("token_cam", "saliency")

Load = Callable[[ModelSpec], Model]


def save_asked(request: ImageRequest, load: Load, folder: Path) -> str | None:
    """Write the pictures that a question of the kind `examples` asks for.

    Args:
        request: The question.
        load: Returns a model; it is called only where a model is needed.
        folder: Where the files go.

    Returns:
        The method of the maps; None where none are asked for, or no picture is there.

    Raises:
        UsableError: the data set cannot be read, the model cannot be loaded, or there is no map.
    """
    if request.method is not None:
        return _save_maps(request, load(request.model), folder)
    if request.corruption:
        _save_corrupted(request, load(request.model), folder)
    else:
        save_examples(request.dataset, request.examples, folder)
    return None


def save_examples(reference: str, ids: Sequence[str], folder: Path) -> None:
    """Write `{id}.png`, upright and whole, for each example that the data set (still) has.

    Args:
        reference: The data set.
        ids: Identities of its pictures, as records hold them.
        folder: Where the files go.

    Raises:
        UsableError: the data set cannot be read.
    """
    for identity, picture in found_pictures(reference, ids):
        write_bytes(folder / f"{identity}.png", encode_png(np.asarray(picture)))


def _save_corrupted(request: ImageRequest, model: Model, folder: Path) -> None:
    """Write `{id}.png` as the model saw it under a corruption, drawn as `measuring.corruption`."""
    corrupt = implementation(CORRUPTIONS[request.corruption].function)
    for identity, picture in found_pictures(request.dataset, request.examples):
        x = model.preprocessing.geometry(picture)[None].to(model.device)  # (1, 3, H, W)
        seeds = example_seeds([identity], request.options.seed).to(x.device)
        (corrupted,) = corrupt(x, request.severity, seeds)
        write_bytes(
            folder / f"{identity}.png", encode_png(corrupted.permute(1, 2, 0).cpu().numpy())
        )


def _save_maps(request: ImageRequest, model: Model, folder: Path) -> str | None:
    """Write `{id}.png` as the model sees it, and its map of what the model answers beside it."""
    made = None
    with Oracle(model):
        for identity, picture in found_pictures(request.dataset, request.examples):
            seen = instance(model, picture, request.options.segments)
            made = _map_of(seen, made, request)
            buffer = io.BytesIO()
            np.save(buffer, made.values)
            write_bytes(folder / f"{identity}.npy", buffer.getvalue())
            write_bytes(folder / f"{identity}.png", encode_png(made.x))
    return None if made is None else made.method


def _map_of(seen: Instance, before: Explanation | None, request: ImageRequest) -> Explanation:
    """Return the map of one picture by the method of those before, else by the first that can.

    Raises:
        ExplanationError: none can; with the reason of the method asked for.
    """
    methods = [request.method, *OTHERWISE] if before is None else [before.method]
    why: list[Refusal] = []
    for method in map(str, methods):
        found = explain_methods(
            seen,
            seen.target(None),
            Wanted((method,), request.options),
            lambda _: silent,
            lambda _, refusal: why.append(refusal),
        )
        if found:
            return found[0]
    raise ExplanationError(str(why[0]))
