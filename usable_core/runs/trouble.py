"""What hinders the database of runs, as a sentence.

Whatever SQLAlchemy, SQLite or the file system raise over it becomes `StoreUnusable` in `told`.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoneFree

from usable_core import files
from usable_core.errors import ServerAway, StoreUnusable, first_line

_TRY_LATER = "Try again in a minute"
_ELSEWHERE = "Change who may read and write there, or name another place by USABLE_HOME"
_SPACE = "Free some space there, then try again"
AWAY = (
    "Move it away and Usable makes a new one (the files of the runs beside it stay), or name "
    "another store by USABLE_HOME"
)
_UPDATE = f"Update Usable, or: {AWAY[0].lower()}{AWAY[1:]}"
# SQLite's primary result codes: what is the matter, and what to do.
_CAUSES = {
    sqlite3.SQLITE_FULL: ("the disk is full", _SPACE),
    sqlite3.SQLITE_IOERR: ("its disk cannot be used, or is full", _SPACE),
    sqlite3.SQLITE_READONLY: ("it can only be read", _ELSEWHERE),
    sqlite3.SQLITE_CANTOPEN: ("the file or its folder refuses", _ELSEWHERE),
    sqlite3.SQLITE_PERM: ("it is not permitted", _ELSEWHERE),
    sqlite3.SQLITE_AUTH: ("it is not permitted", _ELSEWHERE),
    sqlite3.SQLITE_BUSY: ("another process keeps it busy", _TRY_LATER),
    sqlite3.SQLITE_LOCKED: ("another process keeps it busy", _TRY_LATER),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", AWAY),
    sqlite3.SQLITE_NOTADB: ("it is no database of Usable's, or is damaged", AWAY),
    sqlite3.SQLITE_ERROR: ("it is not of the form that this version makes", _UPDATE),
    sqlite3.SQLITE_CONSTRAINT: ("it is not of the form that this version makes", _UPDATE),
    sqlite3.SQLITE_SCHEMA: ("another process changes its form", _TRY_LATER),
}
# Why SQLite may refuse to open what can still be read, where nobody else writes.
UNWRITABLE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
}
_UNKNOWN = "it refuses", "Mend that, or name another store by USABLE_HOME or USABLE_DATABASE_URL"
_URL = "Mend or unset USABLE_DATABASE_URL"
# What a server says that will say it again, and one that may not a moment later.
_REFUSALS = {
    r"password authentication|no password supplied": ("it refuses user or password", _URL),
    r'role ".*" does not exist': ("it knows no such user", _URL),
    r'database ".*" does not exist': (
        "the server has no database of this name",
        "Make it (`createdb`), or mend USABLE_DATABASE_URL",
    ),
    r"no pg_hba.conf entry": (
        "the server lets nobody in from this machine",
        "Ask who looks after it for a line in pg_hba.conf",
    ),
    r"permission denied|must be owner": (
        "its user may not do that",
        "Ask who looks after it for the rights",
    ),
}
_HINDRANCES = {
    r"too many (clients|connections)|connection slots": (
        "the server has no connection left",
        "End other programs, or have max_connections raised",
    ),
    r"No space left|could not extend": ("the server's disk is full", "Free some space there"),
}
_AWAY = "the server does not answer", "Have it started, or mend USABLE_DATABASE_URL"
_TROUBLE = (
    SQLAlchemyError,
    sqlite3.Error,
    OSError,
    ImportError,  # no driver for the URL
    OverflowError,
    MemoryError,  # a damaged length
    TypeError,  # a URL's options
    ValueError,
)


@contextmanager
def told(place: str, doing: str) -> Iterator[None]:
    """Say in a sentence what hinders the block.

    Raises:
        StoreUnusable: something does.
    """
    try:
        yield
    except _TROUBLE as error:
        raise refusal(place, doing, error) from error


def refusal(place: str, doing: str, error: Exception) -> StoreUnusable:
    """Return the sentence about an error."""
    cause, advice = _cause(error)
    kind = ServerAway if _may_pass(error) else StoreUnusable
    return kind(
        f"The run table {place} cannot be {doing}: {cause}. {advice}. Until then commands "
        "measure, but keep nothing."
    )


def _may_pass(error: Exception) -> bool:
    """Tell whether a server that fails so may answer a moment later."""
    is_server = not isinstance(getattr(error, "orig", error), sqlite3.Error)
    is_of_connection = isinstance(error, OperationalError | InterfaceError | NoneFree)
    return is_server and is_of_connection and _said_of(_REFUSALS, error) is None


def _said_of(table: dict[str, tuple[str, str]], error: Exception) -> tuple[str, str] | None:
    return next((said for words, said in table.items() if re.search(words, str(error))), None)


def _cause(error: Exception) -> tuple[str, str]:
    """Return what is the matter, and what to do."""
    if isinstance(error, ArgumentError):  # which may quote a password
        return "that is no URL of a database", _URL
    if isinstance(error, ImportError) and error.name == "psycopg":
        return "psycopg is not installed", 'Install it: pip install "usable[postgres]"'
    origin: Exception = getattr(error, "orig", None) or error
    if isinstance(origin, OSError):
        advice = _SPACE if files.is_disk_full(origin) else _ELSEWHERE
        return str(origin.strerror or origin), advice
    known = _CAUSES.get(code_of(error)) or _said_of(_REFUSALS | _HINDRANCES, error)
    cause, advice = known or (_AWAY if _may_pass(error) else _UNKNOWN)
    return f"{cause} ({first_line(origin)})", advice


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary result code of an error; 0 of another's."""
    code: int = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF
