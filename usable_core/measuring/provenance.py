"""Where a measured result comes from, put together in one place."""

import functools

from usable_core.datasets.dataset import Dataset, select
from usable_core.device import best_device, versions
from usable_core.evaluations.specs import DatasetSpec, Provenance
from usable_core.measuring.label_matching import label_warnings
from usable_core.models.model import Model


def evaluated_part(model: Model, dataset: Dataset, spec: DatasetSpec) -> Dataset:
    """Return the examples that `spec` asks for, the test ones where the model saw the others."""
    return select(dataset, spec, trained_on=_trained_on(model))


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
) -> Provenance:
    """Return everything needed to measure again, with the warnings that the data itself give."""
    return Provenance(
        model=model.name,
        model_fingerprint=model.fingerprint,
        dataset=part.name,
        dataset_fingerprint=part.fingerprint,
        split=part.split_name,
        class_names=model.labels.names,
        refused=part.refused,
        warnings=(*label_warnings(model, part), *_leakage(model, part), *warnings),
        seconds=seconds,
        device=str(model.device),
        batch_size=batch_size,
        versions=dict(_versions()),
    )


# Read once: it parses the metadata of every library, which costs more than a small batch.
_versions = functools.cache(versions)


def _trained_on(model: Model) -> str | None:
    fingerprint = model.card.get("data", {}).get("fingerprint")
    return str(fingerprint) if fingerprint else None


def _leakage(model: Model, part: Dataset) -> tuple[str, ...]:
    if _trained_on(model) != part.fingerprint or part.split_name in ("test", "validation"):
        return ()
    return (
        f"The model was trained on this data set, and the evaluated part ({part.split_name}) "
        "contains its training images: the numbers are too good. Choose the split test.",
    )
