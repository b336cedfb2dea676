"""Passports as people read them, of models that are loaded and of weights that are not yet here."""

from collections.abc import Mapping
from typing import Any

from usable_core.catalog import implementation
from usable_core.catalog.references import files_of, source_of
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.records import to_json
from usable_core.shelf import PREFIX, meant

ONE_LOGIT = "one logit z, counted as the two logits (0, z)"
NO_OUTPUT = "what a head would read: it has no classes yet"
_README = "README.md"  # of a hub's folder: its head says the licence


def known(spec: ModelSpec) -> Passport | None:
    """Return what is known of a model without its weights; None where it must be loaded for that.

    That is so of all that lies on this machine as files: local weights, folders, whole networks.

    Raises:
        UsableError: there is no such model, or it cannot be used.
    """
    row, name = source_of(spec.reference)
    if spec.reference.startswith(PREFIX):
        return known(meant(name, spec))
    if row.known is None or spec.weights:
        return None
    found: Passport | None = implementation(row.known)(name, spec)
    return found


def loaded(model: Model) -> Passport:
    """Return the passport of a model that was loaded."""
    card, spec = model.card, model.spec
    is_single = model.examination.has_one_logit
    own = spec.reference if spec.reference != model.name else model.name
    return Passport(
        model.name,
        str(card.get("architecture") or card.get("title") or ""),
        model.input_size if model.kind == "picture" else None,
        preparation_of(model.input),
        *named(model.labels),
        model.parameter_count,
        str(card.get("weights") or ""),
        str(card.get("licence") or _licence(own)),
        ONE_LOGIT if is_single else "logits" if model.labels else NO_OUTPUT,
        model.warnings,
        model.fingerprint,
        card,
    )


def expected(
    spec: ModelSpec,
    architecture: str,
    prepared: Preprocessing,
    labels: LabelSpace,
    parameters: int,
    said: Mapping[str, Any],
) -> Passport:
    """Return the passport of a model that is not loaded; `said` are fields about the weights."""
    return Passport(
        spec.reference,
        architecture,
        prepared.crop,
        preparation_of(prepared),
        *named(labels),
        parameters,
        **said,
    )


def preparation_of(prepared: Input) -> tuple[tuple[str, str, str], ...]:
    """Return field, value and where that comes from, of each field, in words."""
    values, sources = to_json(prepared.values), prepared.sources
    return tuple((name, _said(value), sources.get(name, "")) for name, value in values.items())


def named(labels: LabelSpace) -> tuple[tuple[str, ...], int]:
    """Return the names of classes, none where they are placeholders, and how many there are."""
    return (labels.names if labels.is_named else ()), len(labels)


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in value)
    return "none" if value is None else str(value)


def _licence(reference: str) -> str:
    """Return the licence that a folder of the hub's form states."""
    try:
        folder = next(iter(files_of(reference))).parent
        head = (folder / _README).read_text(encoding="utf-8")[:4000].splitlines()
    except Exception:  # there is none, or no folder: nobody says
        return ""
    lines = (line.partition(":") for line in head)
    return next((text.strip() for key, _, text in lines if key.strip() == "license"), "")
