"""`--labels FILE`: the names of a model's classes, in the order of its logits, as people have them.

A text with one name a line, also numbered or after WordNet ids; a JSON list; a JSON table from
indices to names or from names to indices, also within `id2label`, `class_to_idx` and the like;
`imagenet_class_index.json` of torchvision and Keras, whose entries are pairs of id and name.
"""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from usable_core.catalog import implementation
from usable_core.errors import ConfigError, first_line
from usable_core.files import placed, read_regular
from usable_core.json_files import LARGEST_JSON, parsed_json
from usable_core.labels import LabelSpace
from usable_core.records import shown

FORMS = (
    "Expected is a text with one name a line, a JSON list, or a JSON table from index to name, in "
    "the order of the model's logits."
)
# Where configurations keep the classes.
_NESTED = (
    *("id2label", "label_names", "class_names", "classes", "labels", "names"),
    *("class_to_idx", "label2id", "idx_to_class"),
)
_IMAGENET = 1000
_KNOWN_AS_IMAGENET = "usable_core.models.sources.imagenet:known_as_imagenet"  # it imports timm
_WNID = re.compile(r"n\d{8}")
_NUMBERED = re.compile(r"(\d+)\s*[\s:,;]\s*(\S.*)")
_WITH_WNID = re.compile(r"(n\d{8})\s+(\S.*)")

Entry = tuple[str, ...]  # a name, before it an id where the file has one


def labels_in(path: Path, count: int) -> LabelSpace:
    """Return the classes that a file names, for a model of `count` logits.

    Raises:
        ConfigError: the file is not there, names another number of classes, or one twice.
    """
    try:
        text = read_regular(placed(path), LARGEST_JSON).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is no text in UTF-8. Save it so. {FORMS}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise ConfigError(
            f"The class names {path} cannot be read: {reason}. Correct --labels."
        ) from error
    entries = _entries(text, path.name)
    if len(entries) != count:
        raise ConfigError(
            f"{path.name} names {len(entries)} classes, but the model has {count} logits. Give one "
            "name for each, in their order."
        )
    return _space(entries, path.name)


def _space(entries: list[Entry], file: str) -> LabelSpace:
    """Return the classes; an id tells two of one name apart and is another name of its class."""
    names = tuple(entry[-1] for entry in entries)
    if "" in names:
        raise ConfigError(
            f"{file} has no name for logit {names.index('')}. Give each class a name."
        )
    space = LabelSpace(names, synonyms=tuple(entries) if any(e[1:] for e in entries) else None)
    if len(space) == _IMAGENET:
        space = implementation(_KNOWN_AS_IMAGENET)(space)
    often = Counter(space.names)
    names = tuple(
        f"{name} ({entry[0]})" if often[name] > 1 and entry[1:] else name
        for name, entry in zip(space.names, entries, strict=True)
    )
    for name, times in Counter(names).items():
        if times > 1:
            first, second, *_ = (i for i, other in enumerate(names) if other == name)
            raise ConfigError(
                f"{file} gives the name {shown(name)} to logit {first} and to logit {second}. Give "
                "each class its own name."
            )
    return replace(space, names=names)


def _entries(text: str, file: str) -> list[Entry]:
    """Return names, with their ids, in the order of the logits."""
    if text.lstrip()[:1] in ("[", "{"):
        return _of_table(_parsed(text, file), file)
    lines = [line.strip() for line in text.rstrip().splitlines()]
    with_ids = [_WITH_WNID.fullmatch(line) for line in lines]
    if all(with_ids):
        return [match.groups() for match in with_ids if match]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if [int(match[1]) for match in numbered if match] == list(range(len(lines))):
        return [(match[2],) for match in numbered if match]
    return [(line,) for line in lines]


def _parsed(text: str, file: str) -> object:
    try:
        return parsed_json(text.encode())
    except ValueError as error:
        try:
            return ast.literal_eval(text)  # a table of Python's, as the well-known gist has it
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ConfigError(
                f"{file} begins like JSON and is none ({first_line(error)}). {FORMS}"
            ) from error


def _of_table(said: object, file: str) -> list[Entry]:
    if isinstance(said, Mapping):
        nested = next(
            (said[key] for key in _NESTED if isinstance(said.get(key), dict | list)), None
        )
        if nested is not None:
            return _of_table(nested, file)
        said = _by_index(said, file)
    if not isinstance(said, list):
        raise ConfigError(f"{file} holds no names. {FORMS}")
    return [_entry(item, file) for item in said]


def _by_index(table: Mapping[object, object], file: str) -> list[object]:
    """Return what a table says of the indices 0, 1, 2, …, from or to which it leads."""
    is_to_index = all(isinstance(v, int) and not isinstance(v, bool) for v in table.values())
    pairs = [(v, k) for k, v in table.items()] if is_to_index else list(table.items())
    by_index = {int(str(k)): v for k, v in pairs if str(k).isdecimal() and len(str(k)) < 10}
    if not by_index or sorted(by_index) != list(range(len(table))):
        raise ConfigError(
            f"{file} is a table, but not of the indices 0 to {len(table) - 1}, each once. {FORMS}"
        )
    return [by_index[index] for index in range(len(table))]


def _entry(item: object, file: str) -> Entry:
    if isinstance(item, str | int) and not isinstance(item, bool):
        return (str(item).strip(),)
    if isinstance(item, list | tuple) and len(item) == 2 and all(isinstance(i, str) for i in item):
        wnid, name = (part.strip() for part in item)
        return (wnid, name) if _WNID.fullmatch(wnid) else (name,)
    raise ConfigError(f"{file} has {shown(item)} for a name. {FORMS}")
