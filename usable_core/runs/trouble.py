"""What hinders the database of runs, as a sentence.

Whatever SQLAlchemy, SQLite or the file system raise over it becomes `StoreUnusable` in `told`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from usable_core import files
from usable_core.errors import StoreUnusable, first_line

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
    return StoreUnusable(
        f"The run table {place} cannot be {doing}: {cause}. {advice}. Until then commands "
        "measure, but keep nothing."
    )


def _cause(error: Exception) -> tuple[str, str]:
    """Return what is the matter, and what to do."""
    if isinstance(error, ArgumentError):  # which may quote a password
        return "that is no URL of a database", "Mend or unset USABLE_DATABASE_URL"
    origin: Exception = getattr(error, "orig", None) or error
    if isinstance(origin, OSError):
        advice = _SPACE if files.is_disk_full(origin) else _ELSEWHERE
        return str(origin.strerror or origin), advice
    cause, advice = _CAUSES.get(code_of(error), _UNKNOWN)
    return f"{cause} ({first_line(origin)})", advice


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary result code of an error; 0 of another's."""
    code: int = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF
