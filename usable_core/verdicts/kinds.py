"""What can be required of models of pictures, and what of models of texts."""

from collections.abc import Sequence

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.kinds import kind_of_data, kind_of_model
from usable_core.catalog.starts import STARTS, USUAL
from usable_core.catalog.text_corruptions import KNOWN, kind_of
from usable_core.evaluations.specs import DatasetSpec, InputKind, ModelSpec
from usable_core.verdicts.requirements import Requirement, requirement


def kind_told(models: Sequence[ModelSpec], dataset: DatasetSpec) -> InputKind | None:
    """Return what an assessment is about, as names and files tell; None where they do not."""
    told = [kind_of_data(dataset.reference), *(kind_of_model(one.reference) for one in models)]
    return next((kind for kind in told if kind is not None), None)


def misfit(required: Requirement, kind: InputKind) -> str:
    """Return why models of a kind have no such number; empty where they have it."""
    place, other = required.place, "pictures" if kind == "text" else "texts"
    if required.row.place == "epsilon":
        return _budget(required, kind)
    if required.row.place == "corruption" and kind_of(place) != kind:
        some = ", ".join(name for name in KNOWN if kind_of(name) == kind)
        return f"{place} is a corruption of {other}. Of {kind}s choose {some}."
    if required.row.place == "method" and kind == "text" and not EXPLAINERS[place].of_texts:
        some = ", ".join(name for name, row in EXPLAINERS.items() if row.of_texts)
        return f"{EXPLAINERS[place].title} is a method for pictures. Of texts choose {some}."
    return ""


def _budget(required: Requirement, kind: InputKind) -> str:
    """Return why a budget is none of models of a kind: pixels by grey levels, words by a share."""
    place, is_share = required.place, required.place.endswith("%")
    if kind == "picture" and is_share:
        return (
            f"{place} is a share of words, and these models take pictures. Write a budget of "
            f"pixels, as in `{required.row.example}`."
        )
    if kind == "text" and ("/" in place or required.epsilon > 1):
        written = f"{required.name} at 10 % >= {required.bound_text}"
        return (
            f"{place} is a budget of pixels, and these models take texts. Write a share of words, "
            f"as in `{written}`."
        )
    return ""


def start_of(kind: InputKind, start: str = USUAL) -> tuple[str, ...]:
    """Return what can be required of models of a kind, of a set to start from."""
    row = STARTS[start]
    if kind == "picture":
        return row.require
    own = (text for text in row.require if not misfit(requirement(text), kind))
    return (*own, *row.of_texts)
