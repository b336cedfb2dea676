"""A file `usable.toml`: requirements read from it, and written into one."""

import codecs
import json
import tomllib
from pathlib import Path

from usable_core.catalog.requirements import REQUIREMENTS
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import require
from usable_core.verdicts.requirements import Requirements, examples, requirement

MOST_BYTES = 1_000_000
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # as PowerShell writes


def read_requirements(path: Path) -> Requirements:
    """Return the requirements of a file `usable.toml`.

    Raises:
        ConfigError: the file cannot be read, or an entry is not what it should be.
        UnknownName: as `requirement`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)  # a pipe has no size
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {why}. Give another file.") from error
    return requirements_in(data, str(path))


def requirements_in(data: bytes, name: str = "usable.toml") -> Requirements:
    """Return the requirements that a file `usable.toml` holds.

    Args:
        data: The file, in UTF-8, or in UTF-16 with its mark.
        name: What it is called in a sentence.

    Raises:
        ConfigError: it is none, or an entry is not what it should be.
        UnknownName: as `requirement`.
    """
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name} is larger than a file of requirements. Give another.")
    try:
        entries = tomllib.loads(data.decode(_MARKS.get(data[:2], "utf-8-sig")))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{name} is not written in UTF-8 (byte {error.start + 1:,} is none of it). Save it as "
            "UTF-8."
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{name} is no TOML: {' '.join(str(error).split())}. Mend it.") from error
    unknown = entries.keys() - {"require", "use", "set_by", "norm"}
    if unknown:
        raise ConfigError(
            f"{name} has the entry {sorted(unknown)[0]!r}; known are require, use, set_by and norm."
        )
    texts = entries.get("require", [])
    is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    if not is_list:
        raise ConfigError(f"require in {name} must be a list of texts such as {examples()}.")
    words = {key: entries.get(key, "") for key in ("use", "set_by")}
    for key, word in words.items():
        require(isinstance(word, str), f"{key} in {name}", "a text", word)
    norm = entries.get("norm", "linf")
    require(norm in ("linf", "l2", "l1"), f"norm in {name}", "linf, l2 or l1", norm)
    return Requirements(tuple(requirement(text) for text in texts), norm=norm, **words)


def to_toml(wanted: Requirements, *, title: str = "") -> str:
    """Return requirements as a file that `read_requirements` reads.

    Args:
        wanted: The requirements.
        title: What stands above them, as a comment.
    """
    lines = [f"# {' '.join(title.split())}"] if title else []
    lines += [f"{key} = {_quoted(getattr(wanted, key))}" for key in ("use", "set_by", "norm")]
    lines += ["require = [", *(f"  {_quoted(one.text)}," for one in wanted.required), "]"]
    known = ", ".join(row.example for row in REQUIREMENTS.values())
    return "\n".join([*lines, f"# What can be required: {known}", ""])


def _quoted(text: str) -> str:
    """Return a text as TOML, whose strings are those of JSON but for one sign."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
