"""Options that several commands share, and what their texts mean."""

from typing import Annotated, get_args

import typer

from usable_core.catalog import lookup
from usable_core.errors import ConfigError, UnknownName
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Split

ModelOption = Annotated[
    str,
    typer.Option("--model", help="bundled/…, torchvision/…, timm/…, file/….pt2 or run/ID."),
]
WeightsOption = Annotated[
    str | None, typer.Option("--weights", help="Local weights file that replaces its own.")
]
ArchOption = Annotated[
    list[str] | None,
    typer.Option("--arch-option", help="Setting of the architecture, KEY=VALUE; repeatable."),
]
TrustOption = Annotated[
    bool, typer.Option("--trust", help="Allow a file that can run code (exported programs).")
]
PreprocessingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--preprocessing",
        help="Value that replaces the model's own: mean=…, std=…, resize=…, crop=…, "
        "interpolation=…; repeatable.",
    ),
]
DatasetOption = Annotated[
    str, typer.Option("--dataset", help="digits, cifar10, or a folder, .zip or .parquet file.")
]
SplitOption = Annotated[str, typer.Option("--split", help=f"One of {', '.join(get_args(Split))}.")]
LimitOption = Annotated[
    int | None, typer.Option("--limit", help="At most this many examples, stratified by class.")
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of splits and of all randomness.")]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", help="Examples per forward pass; else the fastest.")
]
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Write the answer as JSON here; - is standard output.")
]


def model_spec(
    reference: str,
    weights: str | None,
    arch_options: list[str] | None,
    trust: bool,
    preprocessing: list[str] | None,
) -> ModelSpec:
    """Return what the model options name.

    Raises:
        ConfigError: an architecture option or a value of the preprocessing is not KEY=VALUE.
    """
    return ModelSpec(
        reference,
        weights,
        _pairs(arch_options or [], "--arch-option", "pad_type=same"),
        trust,
        _pairs(preprocessing or [], "--preprocessing", "mean=0.5,0.5,0.5"),
    )


def _pairs(texts: list[str], option: str, example: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for word in (word for text in texts for word in text.split()):
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ConfigError(f"{option} must be KEY=VALUE such as {example}, but is {word!r}.")
        pairs.append((key, value))
    return tuple(pairs)


def dataset_spec(reference: str, split: str, limit: int | None, seed: int) -> DatasetSpec:
    """Return what the data set options name.

    Raises:
        UnknownName: no such split.
        ConfigError: limit is below 1.
    """
    lookup({name: name for name in get_args(Split)}, "split", split)
    return DatasetSpec(reference, split, limit, seed)  # type: ignore[arg-type]


def words(texts: list[str]) -> tuple[str, ...]:
    """Return the words of repeated and comma-separated option values, each once, in order."""
    found = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in found if word))


def choice(text: str, kind: str, choices: tuple[str, ...]) -> str:
    """Return `text` when it is one of `choices`.

    Raises:
        UnknownName: it is not.
    """
    if text not in choices:
        raise UnknownName(kind, text, choices)
    return text
