"""Where a measured result comes from, put together in one place."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core.datasets.dataset import DRAWN_BY, Dataset, Draw, select
from usable_core.datasets.splits import training_splits
from usable_core.device import best_device
from usable_core.evaluations.specs import DatasetSpec, Provenance
from usable_core.measuring.data_doubts import DataDoubts, data_doubts, places_of
from usable_core.measuring.label_matching import label_warnings
from usable_core.metrics.classification import share
from usable_core.models.model import Model
from usable_core.records import from_json
from usable_core.versions import versions


def evaluated_part(model: Model, dataset: Dataset, spec: DatasetSpec) -> Dataset:
    """Return the examples that `spec` asks for.

    Where the model was trained on this data set, the split is the one of its training, whatever
    the seed that is asked for: another split would test it on its training images.
    """
    if not is_trained_on(model, dataset):
        return select(dataset, spec)
    draw = Draw(training_spec(model).seed, is_drawn_by_position(model))
    return select(dataset, spec, is_seen=True, training=draw)


def is_trained_on(model: Model, dataset: Dataset) -> bool:
    """Tell whether the model's card says that it was trained on this data set."""
    fingerprint = model.card.get("data", {}).get("fingerprint")
    return bool(fingerprint == dataset.fingerprint)


def is_drawn_by_position(model: Model) -> bool:
    """Tell whether the model's training drew its parts as the first versions did."""
    return bool(model.card.get("data", {}).get("drawn_by") != DRAWN_BY)


def ready(model: Model) -> Model:
    """Return the model on the accelerator, where there is one and it was not placed by hand."""
    return model.to(best_device()) if model.device.type == "cpu" else model


def provenance(
    model: Model,
    part: Dataset,
    *,
    seconds: float,
    batch_size: int,
    warnings: tuple[str, ...] = (),
    hosts: Iterable[str] = (),
) -> Provenance:
    """Return everything needed to measure again, with the warnings that the data itself give."""
    doubts = doubts_about(model, part)
    said = (*model.warnings, *doubts.sentences, *warnings)
    source = before_training(model, part, seconds=seconds, batch_size=batch_size, warnings=said)
    return replace(
        source,
        class_names=model.labels.names,
        leaked=doubts.leaked,
        hosts=tuple(sorted(hosts)),
    )


def before_training(
    model: Model, part: Dataset, *, seconds: float, batch_size: int, warnings: tuple[str, ...]
) -> Provenance:
    """Return everything needed to ask again about a model that need not know the data's classes.

    Args:
        model: Where it was; its device is the one that is named.
        part: The examples.
        seconds: That it took.
        batch_size: Of its steps.
        warnings: All that a reader must know.
    """
    return Provenance(
        model=model.name,
        model_fingerprint=model.fingerprint,
        dataset=part.name,
        dataset_fingerprint=part.fingerprint,
        split=part.split_name,
        class_names=part.labels.names,
        refused=part.left_out,
        warnings=warnings,
        seconds=seconds,
        device=str(model.device),
        batch_size=batch_size,
        versions=versions(),
    )


def doubts_about(model: Model, part: Dataset) -> DataDoubts:
    """Return what is to be said of a part of a data set as this model's examples."""
    others = _other_parts(model, part)
    found = data_doubts(part, others)
    learnt = _learnt(model, part, others)
    said = (
        *label_warnings(model, part),
        *_leakage(model, part, learnt),
        *_changed(model, part),
        *_choice(model, part),
        *_cut(model, part),
        *part.notes,
    )
    leaked = tuple(dict.fromkeys((*learnt, *found.leaked)))
    return DataDoubts((*said, *found.sentences), leaked)


def without_leaked(
    source: Provenance, ids: Sequence[str], correct: NDArray[np.bool_]
) -> Provenance:
    """Return a provenance that says the accuracy without pictures of the train part.

    Args:
        source: Where the result comes from.
        ids: Of its examples (N,).
        correct: Whether the model is right on each unchanged picture (N,).
    """
    if not source.leaked:
        return source
    kept = correct[~np.isin(np.array(ids, dtype=object), source.leaked)]
    sentence = "Every evaluated picture is in the train part too, or nearly so."
    if len(kept):
        found = share(kept)
        sentence = (
            "Without the pictures that are in the train part too, or nearly so, accuracy is "
            f"{100 * found.value:.1f} % ({100 * found.low:.1f} % to {100 * found.high:.1f} %, "
            f"n = {found.n}) instead of {100 * correct.mean():.1f} %."
        )
    return replace(source, warnings=(*source.warnings, sentence))


def training_spec(model: Model) -> DatasetSpec:
    """Return what the model's card says of the data that it was trained on."""
    return from_json(
        DatasetSpec, {"reference": "", **model.card.get("config", {}).get("dataset", {})}
    )


def _other_parts(model: Model, part: Dataset) -> dict[str, NDArray[np.int64]]:
    """Return the parts of the whole that are not evaluated, by name: positions of their pictures.

    Of a model that was trained on this data set they are those of its training.
    """
    whole = part.whole or part
    if is_trained_on(model, whole):
        by_position = is_drawn_by_position(model)
        learnt = training_splits(whole, training_spec(model), by_position=by_position)
        return {one.split_name: places_of(one) for one in learnt}
    own = whole.own_split or {}
    return {name: places for name, places in own.items() if name != part.split_name}


def _learnt(model: Model, part: Dataset, others: dict[str, NDArray[np.int64]]) -> tuple[str, ...]:
    """Return the ids of evaluated pictures that the model itself was trained on."""
    if not is_trained_on(model, part):
        return ()
    train = others.get("train", np.arange(0))
    return tuple(np.array(part.ids, dtype=object)[np.isin(places_of(part), train)])


def _leakage(model: Model, part: Dataset, learnt: tuple[str, ...]) -> tuple[str, ...]:
    if not learnt:
        return ()
    took_all = training_spec(model).split == "all"
    own = "images" if part.kind == "picture" else "texts"
    way_out = f"Evaluate on other {own}." if took_all else "Choose the split test."
    return (
        f"The model was trained on this data set: {len(learnt)} of {len(part)} evaluated "
        f"{part.kind}s are its training {own}, so the numbers are too good. {way_out}",
    )


def _changed(model: Model, part: Dataset) -> tuple[str, ...]:
    if model.card.get("data", {}).get("reference") != part.name:
        return ()
    if is_trained_on(model, part):
        return ()
    return (
        f"{Path(part.name).name} has changed since the model was trained on it: images of its "
        "training may be among those measured, and the numbers then too good. Measure on images "
        "that it was never trained on.",
    )


def _cut(model: Model, part: Dataset) -> tuple[str, ...]:
    """Return what is said of texts of which a model reads the beginning."""
    if part.kind != "text":
        return ()
    takes: Any = model.input
    count = sum(takes.is_cut(part[index][0]) for index in range(len(part)))
    if not count:
        return ()
    return (
        f"{count} of {len(part)} texts are longer than the {takes.longest} pieces that the model "
        "reads: of these it saw the beginning. --preprocessing longest=… sets it.",
    )


def _choice(model: Model, part: Dataset) -> tuple[str, ...]:
    """Return what is said of a part that was drawn, or that stands for another."""
    own = (part.whole or part).own_split
    if own is None or is_trained_on(model, part):
        return ()
    if part.split_name == "validation" and "validation" in own and "test" not in own:
        return (
            "The data set has no test part, so its validation part was measured: a model that was "
            "chosen by it looks better than it is.",
        )
    if part.split_name in ("test", "validation") and part.split_name not in own:
        return (
            f"The data set has no {part.split_name} part, so {len(part)} pictures drawn from its "
            "train part were measured: a model trained elsewhere may have learnt them.",
        )
    return ()
