"""The passport of a model as rows for people: what it takes, what it gives, and who says so."""

from typing import NamedTuple

from usable_core.models.model import Model


class PassportRow(NamedTuple):
    """One fact: which, what, and where it came from."""

    field: str
    value: str
    source: str


def passport(model: Model) -> list[PassportRow]:
    """Return everything about a model that decides its numbers, each with its source."""
    p, sources = model.preprocessing, model.preprocessing.sources
    rows = [
        PassportRow("model", model.name, str(model.card.get("title", ""))),
        PassportRow("architecture", _architecture(model), "the reference"),
        PassportRow("weights", str(model.card.get("weights", "its own")), "the reference"),
        PassportRow("parameters", f"{model.parameter_count:,}", "counted"),
        PassportRow("resize", _resize(p.resize), sources.get("resize", "default")),
        PassportRow("crop", f"centre {p.crop[0]} × {p.crop[1]} px", sources.get("crop", "default")),
        PassportRow("interpolation", p.interpolation, sources.get("interpolation", "default")),
        PassportRow("mean", _numbers(p.mean), sources.get("mean", "default")),
        PassportRow("std", _numbers(p.std), sources.get("std", "default")),
        PassportRow(
            "classes", _classes(model), "the weights" if model.labels.is_named else "nobody"
        ),
        PassportRow(
            "fingerprint", model.fingerprint, "SHA-256 of weights, structure, preprocessing"
        ),
    ]
    command = model.card.get("command")
    return rows + ([PassportRow("made by", str(command), "its card")] if command else [])


def _resize(resize: int | tuple[int, int] | None) -> str:
    if isinstance(resize, tuple):
        return f"to {resize[0]} × {resize[1]} px, not keeping the aspect"
    return "none" if resize is None else f"short side {resize} px"


def _architecture(model: Model) -> str:
    name = str(model.card.get("architecture", "a fixed program"))
    options = model.card.get("arch_options") or {}
    return " ".join([name, *(f"{key}={value}" for key, value in options.items())])


def _classes(model: Model) -> str:
    if not model.labels.is_named:
        return f"{len(model.labels)}, without names"
    return f"{len(model.labels)}: {', '.join(model.labels.names[:3])}, …"


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
