"""The database of runs: opening it, as far as that is possible, reading it and writing it."""

import atexit
import functools
import json
import os
import sqlite3
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql

from usable_core import files
from usable_core.errors import StoreUnusable
from usable_core.runs import migrations
from usable_core.runs.patience import patiently
from usable_core.runs.trouble import UNWRITABLE, code_of, refusal, told

Statement = sql.Update | sql.Insert | sql.Delete
BUSY_MILLISECONDS = 30_000  # several processes write; each statement is short
# A process has one connection for its work and one for its heart, a dashboard two for all its
# pages, so that 100, which a server takes as it comes, are enough for 50 of them.
_POOL: dict[str, Any] = {
    "pool_size": 2,
    "max_overflow": 0,
    "pool_use_lifo": True,
    "pool_pre_ping": True,
}
# What libpq tells a server, and waits for it (s; the last in ms): a host that was switched off is
# noticed.
_LIBPQ = {
    "application_name": "usable",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

_engines: "weakref.WeakSet[sql.Engine]" = weakref.WeakSet()


@dataclass(frozen=True)
class Database:
    """An opened database.

    Attributes:
        engine: Its connections.
        place: As people know it.
        file: That of SQLite; None of another database.
        identity: Of that file when it was opened.
        hindrance: Why it is only read.
    """

    engine: sql.Engine
    place: str
    file: Path | None = None
    identity: tuple[int, int] | None = None
    hindrance: Exception | None = None

    @property
    def is_there(self) -> bool:
        """Tell whether its file is still the one that was opened."""
        return _identity(self.file) == self.identity

    @property
    def is_outdated(self) -> bool:
        """Tell whether to open it again may give more."""
        return not self.is_there or self.hindrance is not None

    def read(self, query: sql.Select[Any]) -> Sequence[sql.Row[Any]]:
        """Return the rows of a query.

        Raises:
            StoreUnusable: something hinders it.
        """
        return patiently(self.place, lambda: self._read(query))

    def write(self, statement: Statement) -> int:
        """Return how many rows a statement changed; all of it is kept, or nothing.

        Raises:
            StoreUnusable: something hinders it.
        """
        if self.hindrance is not None:
            raise refusal(self.place, "written", self.hindrance)
        return patiently(self.place, lambda: self._write(statement))

    def _read(self, query: sql.Select[Any]) -> Sequence[sql.Row[Any]]:
        with told(self.place, "read"):
            self._check_there()
            with self.engine.connect() as connection:
                return connection.execute(query).all()

    def _write(self, statement: Statement) -> int:
        with told(self.place, "written"):
            self._check_there()
            with self.engine.begin() as connection:
                return int(connection.execute(statement).rowcount)

    def _check_there(self) -> None:
        """Check that it was not deleted or replaced: SQLite would go on with what has no name.

        Raises:
            StoreUnusable: it was.
        """
        if not self.is_there:
            raise StoreUnusable(
                f"The run table {self.place} was deleted or replaced while it was in use, so "
                "nothing more is kept there. Start again."
            )


def database(where: str | Path) -> Database:
    """Return an opened database with all its tables, made where there was none.

    What can only be read (a read-only or full disk) is opened for reading.

    Args:
        where: The file of SQLite, or SQLAlchemy's URL of another database.

    Raises:
        StoreUnusable: it cannot be opened.
        StorageError: a newer version of Usable made it.
    """
    try:
        found = _opened(where)
        if not found.is_there:
            _opened.cache_clear()
            found.engine.dispose()
            found = _opened(where)
        return found
    except StoreUnusable as error:
        readable = _only_read(where, error)  # not remembered: space may be free a moment later
        if readable is None:
            raise
        return readable


def forget() -> None:
    """Close what is open; the next one who asks opens it anew."""
    _opened.cache_clear()
    for engine in list(_engines):
        engine.dispose()


atexit.register(forget)  # the last who closes leaves all in one file, which a read-only disk needs


@functools.lru_cache(maxsize=16)
def _opened(where: str | Path) -> Database:
    return patiently(place_of(where), lambda: _open(where))


def _open(where: str | Path) -> Database:
    with told(place_of(where), "opened"):
        url = _url(where)
        file = _file(url)
        if file is not None:
            files.make_folder(file.parent)
            files.touch(file)
        engine = _engine(url)
        _engines.add(engine)
        with _in_transactions(engine).begin() as connection:
            migrations.prepare(connection)
        return Database(engine, place_of(where), file, _identity(file))


def _engine(url: sql.URL) -> sql.Engine:
    if url.get_backend_name() == "sqlite":
        engine = sql.create_engine(url, json_deserializer=_json)
        sql.event.listen(engine, "connect", _prepare_sqlite)
        return engine
    said = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    # Each statement is a change of its own, so it needs no words to a server before and after it.
    settings = {"isolation_level": "AUTOCOMMIT", "json_deserializer": _json, **_POOL}
    return sql.create_engine(url, connect_args=said, **settings)


def _in_transactions(engine: sql.Engine) -> sql.Engine:
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="READ COMMITTED")


def _only_read(where: str | Path, why: StoreUnusable) -> Database | None:
    """Return a database that cannot be written, as far as its file alone holds all of it."""
    cause = why.__cause__
    if not isinstance(where, Path) or not isinstance(cause, Exception):
        return None
    if code_of(cause) not in UNWRITABLE:
        return None
    file = where.absolute()
    log = file.with_name(f"{file.name}-wal")  # what is not in the file yet
    ways = ["mode=ro"] if _size(log) else ["mode=ro", "mode=ro&immutable=1"]
    for way in ways if _size(file) else ():
        address = f"file:{quote(os.fsencode(file))}?{way}"
        engine = sql.create_engine(
            "sqlite://",
            creator=functools.partial(_connect, address),
            poolclass=sql.QueuePool,
            json_deserializer=_json,
        )
        sql.event.listen(engine, "connect", _read_anything)
        with suppress(sql.exc.DBAPIError), engine.connect() as connection:
            if migrations.is_whole(connection):
                return Database(engine, str(file), file, _identity(file), cause)
    return None


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _url(where: str | Path) -> sql.URL:
    """Return a URL; a path is no part of a text, for it may hold any sign."""
    if isinstance(where, Path):
        return sql.URL.create("sqlite", database=str(where.absolute()))
    url = sql.make_url(where)
    is_plain = url.drivername in ("postgres", "postgresql")  # SQLAlchemy 2.0 means psycopg2 by it
    return url.set(drivername="postgresql+psycopg") if is_plain else url


def _file(url: sql.URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def place_of(where: str | Path) -> str:
    """Return what people call a database: its file, or `host:port/name`; never a password."""
    if isinstance(where, Path):
        return str(where)
    try:
        url = _url(where)
    except (sql.exc.ArgumentError, ValueError):
        return "of USABLE_DATABASE_URL"
    if url.get_backend_name() == "sqlite":
        return url.render_as_string()
    host = url.host or ",".join(url.normalized_query.get("host", ["localhost"]))
    return f"{host}:{url.port or 5432}/{url.database or url.username or ''}"


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    _read_anything(connection, record)
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _read_anything(connection: sqlite3.Connection, _record: object) -> None:
    """Let no bytes that are no text stop a reading; and let searches know all letters."""
    connection.text_factory = lambda data: data.decode(errors="backslashreplace")
    connection.create_function("lower", 1, _lower)  # SQLite's own knows ASCII alone


def _lower(value: object) -> str | None:
    return None if value is None else str(value).lower()


def _json(text: Any) -> Any:  # noqa: ANN401 - whatever the column holds
    """Return what a column of JSON holds; as it stands where that is none, for the row to say."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text


def _identity(file: Path | None) -> tuple[int, int] | None:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
