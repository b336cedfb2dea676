"""Where a measured result comes from, put together in one place."""

from pathlib import Path

from usable_core.datasets.dataset import Dataset, select
from usable_core.device import best_device
from usable_core.evaluations.specs import DatasetSpec, Provenance
from usable_core.measuring.label_matching import label_warnings
from usable_core.models.model import Model
from usable_core.versions import versions


def evaluated_part(model: Model, dataset: Dataset, spec: DatasetSpec) -> Dataset:
    """Return the examples that `spec` asks for.

    Where the model was trained on this data set, the split is the one of its training, whatever
    the seed that is asked for: another split would test it on its training images.
    """
    if _trained_on(model) != dataset.fingerprint:
        return select(dataset, spec)
    seed = _training_spec(model).get("seed")
    return select(
        dataset, spec, is_seen=True, split_seed=seed if isinstance(seed, int) else spec.seed
    )


def ready(model: Model) -> Model:
    """Return the model on the accelerator, where there is one and it was not placed by hand."""
    return model.to(best_device()) if model.device.type == "cpu" else model


def provenance(
    model: Model, part: Dataset, *, seconds: float, batch_size: int, warnings: tuple[str, ...] = ()
) -> Provenance:
    """Return everything needed to measure again, with the warnings that the data itself give."""
    return Provenance(
        model=model.name,
        model_fingerprint=model.fingerprint,
        dataset=part.name,
        dataset_fingerprint=part.fingerprint,
        split=part.split_name,
        class_names=model.labels.names,
        refused=part.left_out,
        warnings=(
            *model.warnings,
            *label_warnings(model, part),
            *_leakage(model, part),
            *_changed(model, part),
            *part.notes,
            *warnings,
        ),
        seconds=seconds,
        device=str(model.device),
        batch_size=batch_size,
        versions=versions(),
    )


def _trained_on(model: Model) -> str | None:
    fingerprint = model.card.get("data", {}).get("fingerprint")
    return str(fingerprint) if fingerprint else None


def _training_spec(model: Model) -> dict[str, object]:
    found: dict[str, object] = model.card.get("config", {}).get("dataset", {})
    return found


def _leakage(model: Model, part: Dataset) -> tuple[str, ...]:
    if _trained_on(model) != part.fingerprint:
        return ()
    took_all = _training_spec(model).get("split") == "all"
    if part.split_name in ("test", "validation") and not took_all:
        return ()
    way_out = "Evaluate on other images." if took_all else "Choose the split test."
    return (
        f"The model was trained on this data set, and the evaluated part ({part.split_name}) "
        f"contains its training images: the numbers are too good. {way_out}",
    )


def _changed(model: Model, part: Dataset) -> tuple[str, ...]:
    if model.card.get("data", {}).get("reference") != part.name:
        return ()
    if _trained_on(model) == part.fingerprint:
        return ()
    return (
        f"{Path(part.name).name} has changed since the model was trained on it: images of its "
        "training may be among those measured, and the numbers then too good. Measure on images "
        "that it was never trained on.",
    )
