"""What a hostile model file is asked with, and what must not happen while it is.

Every payload of the cases leaves a mark where it runs; what Python itself tells of processes,
connections, imports and opened files is listened to as well.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

MARK = "USABLE_CANARY"  # variable that holds the path of the file that a payload makes
SHELL = f'touch "${MARK}"'
PYTHON = f"open(__import__('os').environ['{MARK}'], 'w').close()"
MODULE = "evil_module"  # of code beside a model; its file is called so
SECRET = "another's secret"  # of the file that no sentence may quote
_EVENTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect")
_OTHERS_FILES = ("/etc/passwd", "/etc/hostname")


@dataclass(frozen=True)
class Asked:
    """A model as a user would name it.

    Attributes:
        reference: With its source.
        name: What the sentence must name; the last part of the reference where empty.
        given: Further arguments of `load_model`.
    """

    reference: str
    name: str = ""
    given: Mapping[str, object] = field(default_factory=dict)

    @property
    def named(self) -> str:
        """Return what the sentence must name."""
        return self.name or self.reference.rpartition("/")[2]

    @property
    def options(self) -> list[str]:
        """Return what the command line is given beside the reference."""
        found = []
        for key, value in self.given.items():
            option = "--" + key.replace("_", "-").removesuffix("s" if key == "arch_options" else "")
            pairs = value.items() if isinstance(value, dict) else ()
            found += [word for name, said in pairs for word in (option, f"{name}={said}")]
            found += [option] if value is True else []
            found += [option, str(value)] if isinstance(value, str | Path) else []
        return found


@dataclass(frozen=True)
class Case:
    """A hostile model file.

    Attributes:
        name: What is wrong with it, in words.
        source: The first word of its reference.
        says: A word of the sentence, as a pattern.
        make: Writes it into a folder.
    """

    name: str
    source: str
    says: str
    make: Callable[[Path], Asked]


class Ran(AssertionError):
    """Something of a file was run, fetched or opened that must not be."""


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Listen to what happens.

    Raises:
        Ran: a payload left its mark, or the machine was reached for.
    """
    mark = folder / "ran"
    os.environ[MARK] = str(mark)
    _heard.clear()
    _listening.append(True)
    if not _installed:
        sys.addaudithook(_hear)
        _installed.append(True)
    try:
        yield
    finally:
        _listening.clear()
        heard = [*_heard, *(["a payload"] if mark.exists() else [])]
        heard += [name for name in sys.modules if name.startswith(MODULE)]
        if heard:
            raise Ran(f"ran or reached for: {'; '.join(heard[:3])}")


_heard: list[str] = []
_listening: list[bool] = []
_installed: list[bool] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if not _listening:
        return
    first = arguments[0] if arguments else None
    is_secret = isinstance(first, str) and (first in _OTHERS_FILES or first.endswith("/secret"))
    is_import = event == "import" and str(first).startswith(MODULE)
    if event in _EVENTS or is_import or (event == "open" and is_secret):
        _heard.append(f"{event} {arguments!r}"[:200])
