"""What its owner says of a run: a name, a note, tags; each checked before it is kept."""

from collections.abc import Collection

from usable_core.errors import ConfigError

LONGEST_NAME = 120  # characters: it stands in lists and legends
LONGEST_NOTE = 10_000
LONGEST_TAG = 40
MOST_TAGS = 20


def description(
    name: str | None, note: str | None, tags: Collection[str] | None
) -> dict[str, object]:
    """Return the columns that change; None leaves one as it is, nothing takes it back.

    Raises:
        ConfigError: one of them is too long.
    """
    new: dict[str, object] = {}
    if name is not None:
        new["name"] = _checked("name", " ".join(name.split()), LONGEST_NAME) or None
    if note is not None:
        new["note"] = _checked("note", note.strip(), LONGEST_NOTE) or None
    if tags is not None:
        new["tags"] = checked_tags(tags)
    return new


def checked_tags(tags: Collection[str]) -> tuple[str, ...]:
    """Return tags as they are kept: each once, whatever its case, on one line.

    Raises:
        ConfigError: there are too many, or one is too long.
    """
    found: dict[str, str] = {}
    for tag in tags:
        one = _checked("tag", " ".join(tag.split()), LONGEST_TAG)
        if one:
            found.setdefault(one.casefold(), one)
    if len(found) > MOST_TAGS:
        raise ConfigError(f"A run can have at most {MOST_TAGS} tags, not {len(found)}.")
    return tuple(found.values())


def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags of a line in which commas part them."""
    return checked_tags(text.split(","))


def _checked(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise ConfigError(
            f"A {what} can have at most {longest:,} characters, but this one has {len(text):,}. "
            "Shorten it."
        )
    return text
