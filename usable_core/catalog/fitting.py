"""Which models and data go together, told from cards and rows before anything is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usable_core import settings
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.hub import cached_folder
from usable_core.catalog.hub_data import hub_data, is_hub_data
from usable_core.catalog.kinds import Kind, kind_of_data, kind_of_model
from usable_core.catalog.references import files_of, source_of
from usable_core.errors import IncompatibleLabels, UsableError
from usable_core.json_files import read_json
from usable_core.labels import LabelSpace
from usable_core.records import restore

Classes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class ModelFacts:
    """What the files of a model say before it is loaded, as far as measuring goes.

    Attributes:
        reference: The model.
        classes: Names of its classes; empty where no card gives names.
        data: Reference of the data that it was trained on, else of those that its source offers
            first; None where neither is known.
        kind: Of what it takes; None where its files are not here to tell.
    """

    reference: str
    classes: tuple[str, ...] = ()
    data: str | None = None
    kind: Kind | None = None


def card_of(reference: str) -> dict[str, Any]:
    """Return the card beside a model's weights; an empty one where there is none to be read."""
    try:
        cards = [path for path in files_of(reference) if path.suffix == ".json"]
        card = read_json(cards[-1]) if cards else {}
    except (UsableError, OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def facts_of(reference: str) -> ModelFacts:
    """Return what is known of a model without loading it."""
    data, kind = None, kind_of_model(reference)
    try:
        data = source_of(reference)[0].first_data
        card = card_of(reference)
        labels = card["labels"] if card.get("labels_named", True) else []
        trained_on = card.get("data", {}).get("reference")
        return ModelFacts(
            reference,
            restore(tuple[str, ...], labels, "labels"),
            restore(str | None, trained_on, "data.reference"),
            kind,
        )
    except (UsableError, ValueError, LookupError, TypeError, AttributeError):
        return ModelFacts(reference, data=data, kind=kind)


def is_at_hand(dataset: str) -> bool:
    """Tell whether data can be read without a download."""
    if is_hub_data(dataset):
        return cached_folder(hub_data(dataset).hub) is not None
    row = DATASETS.get(dataset)
    return row is None or not row.files or (settings.home() / "datasets" / row.files).exists()


def misfit(model: ModelFacts, dataset: str, known: Classes) -> str:
    """Return why a model cannot be measured on data; empty where it can, or nobody knows yet.

    Args:
        model: The model.
        dataset: Reference of the data.
        known: Class names of data that have no row in `DATASETS`, by reference.
    """
    row, kind = DATASETS.get(dataset), kind_of_data(dataset)
    if None not in (model.kind, kind) and model.kind != kind:
        title = row.title if row else Path(dataset).name
        return f"{model.reference} takes {model.kind}s, and {title} holds {kind}s."
    classes = row.classes if row else known.get(dataset, ())
    if dataset == model.data or not (model.classes and classes):
        return ""
    try:
        LabelSpace(model.classes).mapping_from(LabelSpace(classes))
    except IncompatibleLabels as error:
        return str(error)
    return ""


def fitting(models: Sequence[ModelFacts], datasets: Sequence[str], known: Classes) -> list[str]:
    """Return the data that all models can be measured on, in their order, what is at hand first.

    Arguments are those of `misfit`.
    """
    found = [d for d in datasets if not any(misfit(model, d, known) for model in models)]
    return sorted(found, key=lambda dataset: not is_at_hand(dataset))


def measurable(models: Sequence[ModelFacts]) -> str:
    """Return the first of the models that data with a name are at hand for; else the first."""
    at_hand = [dataset for dataset in DATASETS if is_at_hand(dataset)]
    found = (m.reference for m in models if any(not misfit(m, d, {}) for d in at_hand))
    return next(found, models[0].reference)
