"""What can go wrong through a user's doing, each with a sentence that a person can act on.

The sentence says what was expected, what came, and what to do. Programmer's mistakes are
`ValueError`s and are not here.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

LONGEST = 700  # characters of a sentence, whatever is quoted in it
_QUOTED = 80  # characters of a name
_SHORTEST = 3  # characters of a word that is looked for within names


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says of an error, for a sentence of ours."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(text: str) -> str:
    """Return a text as one line for every screen: without control signs, its middle cut if long.

    Names of files and messages of libraries are quoted in sentences, whatever they hold.
    """
    text = " ".join(text.split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if len(text) <= LONGEST:
        return text
    end = LONGEST // 3  # says what to do
    return f"{text[: LONGEST - end - 3]} … {text[-end:]}"


def quoted(name: object) -> str:
    """Return a name in quotes, its end left out where it is long."""
    text = repr(name)
    return text if len(text) <= _QUOTED else f"{repr(str(name)[: _QUOTED - 10])[:_QUOTED]} …"


def nearest(name: object, choices: Iterable[str], most: int = 5) -> list[str]:
    """Return the choices that a name may mean: those that hold its words first, then alike ones.

    `labrador` is the Labrador retriever before it is a radiator.
    """
    known = sorted(set(choices), key=lambda choice: (len(choice), choice))
    said = str(name)[:_QUOTED].casefold()
    words = [word for word in re.split(r"[\W_]+", said) if len(word) >= _SHORTEST]
    holding = [c for c in known if words and all(word in c.casefold() for word in words)]
    lower = {choice.casefold(): choice for choice in reversed(known)}
    alike = [lower[c] for c in difflib.get_close_matches(said, lower, n=most, cutoff=0.4)]
    return list(dict.fromkeys([*holding, *alike]))[:most]


class UsableError(Exception):
    """A mistake that a user can cause and mend; `str(error)` is the sentence shown to them."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(one_line(sentence))

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process makes it anew, whatever its kind is made of."""
        return _made, (type(self), self.args, vars(self))


def _made(
    kind: type[UsableError], sentence: tuple[str, ...], attributes: dict[str, object]
) -> UsableError:
    error = kind.__new__(kind, *sentence)  # not what `__init__` would say around the sentence
    vars(error).update(attributes)
    return error


class ConfigError(UsableError):
    """A setting is out of its range."""


class ExampleRefused(UsableError):
    """A picture or a text cannot be used."""


class ImageRefused(ExampleRefused):
    """A file is not an image that can be used."""


class TextRefused(ExampleRefused):
    """A text cannot be used."""


class DatasetRefused(UsableError):
    """A data set cannot be read or does not fit its use."""


class UnknownName(UsableError):
    """A name is in no table; the message lists the nearest choices."""

    def __init__(self, kind: str, name: object, choices: Iterable[str]) -> None:
        known = sorted(choices)
        near = nearest(name, known) or known[:8]
        listed = f"Nearest choices: {', '.join(near)}." if near else "There is none to choose from."
        super().__init__(f"Unknown {kind} {quoted(name)}. {listed}")
        self.choices = near


class IncompatibleLabels(UsableError):
    """A data set holds classes that the model does not know."""


class CheckpointError(UsableError):
    """A weights file cannot be loaded, is unsafe, or does not fit the network."""


class ExportError(UsableError):
    """A model cannot be exported in a format, or what was written is not the model."""


class OutputsRefused(UsableError):
    """A model's answers are not those of a classifier: no finite number for each of its classes."""


class AttackError(UsableError):
    """An attack cannot run on this model or with these numbers."""


class ExplanationError(UsableError):
    """An explanation cannot be computed for this model or image."""


class NoGradients(AttackError, ExplanationError):
    """What was asked follows a model's gradients, and it has none."""


class Diverged(UsableError):
    """A training ran away from what it should minimise.

    Attributes:
        checkpoint: Folder of the last good weights, a model; None where there are none.
    """

    def __init__(self, told: str, kept: str = "", checkpoint: Path | None = None) -> None:
        super().__init__(f"{told} {kept}".strip())
        self.told, self.checkpoint = told, checkpoint


class ProcessLost(UsableError):
    """One of several processes that share a training ended of itself."""

    def __init__(self) -> None:
        super().__init__(
            "A process of the training ended of itself: its memory ran out, or it was ended from "
            "outside. The log holds what it told. Start the same again: it goes on from its last "
            "checkpoint."
        )


class StorageError(UsableError):
    """A run or its files cannot be written or read."""


class ReadOnly(StorageError):
    """What is kept here is only shown: nothing is started, changed or deleted."""


class StoreUnusable(StorageError):
    """The table of runs cannot be opened, read or written, so nothing is kept meanwhile."""


class ServerAway(StoreUnusable):
    """The server of the table of runs does not answer; it may be back in a moment."""


class Cancelled(UsableError):
    """The user stopped the work."""

    def __init__(self, after: str = "") -> None:
        super().__init__(f"Cancelled. {after}".strip())
