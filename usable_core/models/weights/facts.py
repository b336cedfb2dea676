"""What a file of weights says besides them, in itself or in the `config.json` beside it.

The form of the Hub's model folders is timm's: architecture, its options, the evaluation transform
and the classes. Training scripts keep classes and arguments in the checkpoint itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from usable_core.catalog.model_files import CONFIG_FILE
from usable_core.errors import CheckpointError
from usable_core.files import why
from usable_core.inputs.preprocessing import Interpolation
from usable_core.json_files import read_json
from usable_core.labels import LabelSpace
from usable_core.models.weights.nesting import entries
from usable_core.records import restore, shown

# Where training scripts keep the classes: a list, or a table to or from their indices.
_NAMES = (
    "label_names",
    "class_names",
    "classes",
    "categories",
    "class_to_idx",
    "class_to_index",
    "idx_to_class",
    "index_to_class",
    "id2label",
    "label2id",
    "labels",
    "vocab",
)
_NESTED = ("args", "hparams", "hyper_parameters", "config", "cfg", "meta", "dataset_meta", "opt")
# Of timm's evaluation transform: what a configuration says and training arguments may say.
_TRANSFORM: dict[str, tuple[Any, str]] = {
    "resize": (int | tuple[int, int], "a number of pixels or two"),
    "input_size": (tuple[int, int, int], "numbers of channels, height and width"),
    "img_size": (int | tuple[int, int], "a number of pixels or two"),
    "mean": (float | tuple[float, ...], "numbers"),
    "std": (float | tuple[float, ...], "numbers"),
    "interpolation": (str, "a text"),
    "crop_pct": (float, "a number"),
    "crop_mode": (str, "a text"),
}
_INDEX = re.compile(r"[0-9]{1,9}")
_LONGEST_NAME = 500  # characters of a class
_MEND = "Correct it, or move the weights to a folder of their own."


@dataclass(frozen=True)
class Facts:
    """What is known of weights beside the weights.

    Attributes:
        architecture: timm's or torchvision's name of the network; empty where it is not said.
        options: Settings of the architecture's builder, as text.
        transform: The evaluation transform by timm's names, or `resize` for `crop_pct`.
        source: Where the transform comes from.
        labels: The classes, each list with where it comes from.
    """

    architecture: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    transform: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    labels: tuple[tuple[LabelSpace, str], ...] = ()

    def options_for(self, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return the options said for the architecture `name`, and why they were not taken."""
        if not self.options or self.architecture.partition(".")[0] == name.partition(".")[0]:
            return dict(self.options), ()
        return {}, (
            f"{self.source} is for {self.architecture}, and {name} was asked for: its options were "
            "not used.",
        )

    def labels_for(
        self, count: int, given: str | None = None
    ) -> tuple[LabelSpace | None, tuple[str, ...]]:
        """Return the names of a network's classes, and sentences on where they are from.

        Args:
            count: How many logits the network has.
            given: The user's own file of names, which wins: nothing is returned then.
        """
        if given is not None:
            return None, ()
        fitting = [(space, where) for space, where in self.labels if len(space) == count]
        notes = [
            f"{where} lists {len(space)} classes, but the network has {count} logits: the list was "
            "not used."
            for space, where in self.labels
            if len(space) != count
        ]
        if len({space.names for space, _ in fitting}) > 1:
            both = " and ".join(where for _, where in fitting)
            return None, (*notes, f"{both} list different classes: neither was used.")
        if not fitting:
            return None, tuple(notes)
        space, where = fitting[0]
        return space, (*notes, f"The names of the classes are those of {where}.")


def facts_of(path: Path, content: object) -> Facts:
    """Return what a file of weights and the configuration beside it say.

    Args:
        path: The file.
        content: What was read of it.

    Raises:
        CheckpointError: the configuration is of this form, but holds something else than it must.
    """
    beside, inside = _beside(path.parent / CONFIG_FILE, path), _inside(content, path)
    told = beside if beside.transform else inside
    return Facts(
        beside.architecture or inside.architecture,
        beside.options,
        told.transform,
        told.source,
        beside.labels + inside.labels,
    )


def _beside(config_file: Path, path: Path) -> Facts:
    try:
        config = read_json(config_file)
    except (FileNotFoundError, json.JSONDecodeError):  # none, or that of something else
        return Facts()
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{CONFIG_FILE} beside {path.name} cannot be read as JSON: {why(error)}. {_MEND}"
        ) from error
    if not isinstance(config, dict):
        return Facts()
    own = config.get("pretrained_cfg")
    transform = own if isinstance(own, dict) else config  # timm's form, and its older one
    where = f"{CONFIG_FILE} beside {path.name}"
    architecture = str(config.get("architecture") or "")
    return Facts(
        architecture,
        _options(config, transform) if architecture else {},
        _transform(transform, where),
        where,
        _labels(config, where) or _labels(transform, where),
    )


def _options(config: Mapping[str, Any], transform: Mapping[str, Any]) -> dict[str, str]:
    arguments = config.get("model_args")
    found = dict(arguments) if isinstance(arguments, dict) else {}
    count = config.get("num_classes", transform.get("num_classes"))
    if isinstance(count, int) and not isinstance(count, bool):
        found.setdefault("num_classes", count)
    return {str(name): str(value) for name, value in found.items() if value is not None}


def _inside(content: object, path: Path) -> Facts:
    places = list(_places(content, path.name))
    transforms = ((_arguments(table, where), where) for table, where in places)
    transform, source = next((found for found in transforms if found[0]), ({}, ""))
    names = [table[key] for table, _ in places for key in ("arch", "model_name") if key in table]
    names += [table["model"] for table, _ in places[1:] if "model" in table]
    architecture = next((name for name in names if isinstance(name, str)), "")
    labels = [found for table, where in places for found in _labels(table, where)]
    return Facts(architecture, {}, transform, source, tuple(labels))


def _places(content: object, where: str, depth: int = 2) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the tables of a checkpoint that may say something, outermost first."""
    if isinstance(content, Mapping):
        table = dict(entries(content))
        yield table, where
        for key in _NESTED if depth else ():
            yield from _places(table.get(key), f"{key} in {where}", depth - 1)


def _arguments(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return what the arguments of timm's or torchvision's training script say of the input."""
    if {"val_crop_size", "val_resize_size"} <= table.keys():
        side = table["val_crop_size"]
        said = {"resize": table["val_resize_size"], "input_size": (3, side, side)}
        return _transform(said | {"interpolation": table.get("interpolation")}, where)
    is_timm = {"crop_pct", "mean", "std", "interpolation"} <= table.keys()
    return _transform(table, where) if is_timm else {}


def _transform(said: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the entries of an evaluation transform that say something.

    Raises:
        CheckpointError: one is of another type than it must be.
    """
    found: dict[str, Any] = {}
    for name, (kind, expected) in _TRANSFORM.items():
        value = said.get(name)
        if value is None or (isinstance(value, str | int | float | list | tuple) and not value):
            continue
        try:
            found[name] = restore(kind, value)
        except ValueError as error:
            raise CheckpointError(
                f"{name} must be {expected} in {where}, but is {shown(value)}. {_MEND}"
            ) from error
    for name in found.keys() & {"mean", "std"}:
        found[name] = found[name] if isinstance(found[name], tuple) else (found[name],)
    if isinstance(side := found.pop("img_size", None), int):
        found.setdefault("input_size", (3, side, side))
    if found.get("interpolation") not in get_args(Interpolation):
        found.pop("interpolation", None)  # timm's `random`, which is for training
    return found


def _labels(table: Mapping[str, Any], where: str) -> tuple[tuple[LabelSpace, str], ...]:
    said = {key.lower(): value for key, value in table.items()}
    for key in _NAMES:
        names = _ordered(said.get(key))
        if names and not _is_placeholder(names):
            described = _descriptions(names, said.get("label_descriptions"))
            return ((LabelSpace(names, synonyms=described), where),)
    return ()


def _ordered(said: object) -> tuple[str, ...]:
    """Return names in the order of the logits from a list, or from a table with their indices."""
    if isinstance(said, Mapping):
        pairs = [(str(key), value) for key, value in said.items()]
        if not all(isinstance(v, int) for _, v in pairs):  # from indices to names
            pairs = [(str(v), int(k)) for k, v in pairs if _INDEX.fullmatch(k)]
        by_index = {index: name for name, index in pairs if not isinstance(index, bool)}
        is_whole = sorted(by_index) == list(range(len(said)))
        said = [by_index[i] for i in range(len(said))] if is_whole else None
    if isinstance(said, list | tuple) and all(isinstance(name, str) for name in said):
        return tuple(said) if all(len(name) <= _LONGEST_NAME for name in said) else ()
    return ()


def _is_placeholder(names: tuple[str, ...]) -> bool:
    """Tell whether names are those that transformers makes up where it is given none."""
    return all(name == f"LABEL_{k}" for k, name in enumerate(names))


def _descriptions(names: tuple[str, ...], said: object) -> tuple[tuple[str, ...], ...] | None:
    if isinstance(said, list | tuple) and len(said) == len(names):
        said = dict(zip(names, said, strict=True))
    if not isinstance(said, Mapping):
        return None
    texts = [str(said.get(name, "")) for name in names]
    return tuple(tuple(part.strip() for part in text.split(",") if part.strip()) for text in texts)
