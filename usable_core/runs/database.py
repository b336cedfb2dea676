"""The database of runs: opening it, as far as that is possible, and completing an older one."""

import atexit
import functools
import json
import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from usable_core import files
from usable_core.errors import StoreUnusable
from usable_core.evaluations.schema import SCHEMA, check_schema
from usable_core.runs.columns import form, runs
from usable_core.runs.trouble import AWAY, UNWRITABLE, code_of, refusal, told

BUSY_MILLISECONDS = 30_000  # several processes write; each statement is short

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

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """Give a connection that only reads.

        Raises:
            StoreUnusable: something hinders it.
        """
        with told(self.place, "read"):
            self._check_there()
            with self.engine.connect() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """Give a connection whose changes are kept all together at the end of the block.

        Raises:
            StoreUnusable: something hinders it.
        """
        if self.hindrance is not None:
            raise refusal(self.place, "written", self.hindrance)
        with told(self.place, "written"):
            self._check_there()
            with self.engine.begin() as connection:
                yield connection

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
    with told(_place(where), "opened"):
        url = _url(where)
        file = _file(url)
        if file is not None:
            files.make_folder(file.parent)
            files.touch(file)
        is_sqlite = url.get_backend_name() == "sqlite"
        engine = sql.create_engine(url, pool_pre_ping=not is_sqlite, json_deserializer=_json)
        if is_sqlite:
            sql.event.listen(engine, "connect", _prepare_sqlite)
        _engines.add(engine)
        with engine.begin() as connection:
            _prepare(connection)
        return Database(engine, _place(where), file, _identity(file))


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
            if _is_whole(connection):
                return Database(engine, str(file), file, _identity(file), cause)
    return None


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _url(where: str | Path) -> sql.URL:
    """Return a URL; a path is no part of a text, for it may hold any sign."""
    if isinstance(where, Path):
        return sql.URL.create("sqlite", database=str(where.absolute()))
    return sql.make_url(where)


def _file(url: sql.URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def _place(where: str | Path) -> str:
    """Return what people call a database, without its password."""
    if isinstance(where, Path):
        return str(where)
    try:
        return sql.make_url(where).render_as_string()
    except (sql.exc.ArgumentError, ValueError):
        return "of USABLE_DATABASE_URL"


def _prepare(connection: sql.Connection) -> None:
    """Make the tables that are missing, or add to them what an older version did not know."""
    if _is_whole(connection):
        return
    if connection.dialect.name == "sqlite":  # two processes may come first together
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    for table in (form, runs):
        connection.execute(CreateTable(table, if_not_exists=True))
    number = _number(connection)
    for column in _missing(connection):
        if not column.nullable and column.server_default is None:
            raise StoreUnusable(
                f"The run table {connection.engine.url.database} has no column {column.name}, so "
                f"it is damaged or none of Usable's. {AWAY}."
            )
        added = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {runs.name} ADD COLUMN {added}")
    for index in runs.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))
    if number != SCHEMA:
        connection.execute(sql.insert(form).values(schema=SCHEMA))


def _is_whole(connection: sql.Connection) -> bool:
    """Tell whether the tables are those of this version.

    Raises:
        StorageError: a newer version made them.
    """
    there = set(sql.inspect(connection).get_table_names())
    is_numbered = form.name in there and _number(connection) == SCHEMA
    return is_numbered and runs.name in there and not _missing(connection)


def _number(connection: sql.Connection) -> int:
    """Return the number of the store's form; what has none is of form 1.

    Raises:
        StorageError: a newer version made the store, or the number is none.
    """
    number = connection.execute(sql.select(sql.func.max(form.c.schema))).scalar()
    if not isinstance(number, int | None):
        raise StoreUnusable(f"The form of this store of runs is no number: {number!r:.40}. {AWAY}.")
    check_schema(number or 1, "This store of runs")
    return number or 1


def _missing(connection: sql.Connection) -> list[sql.Column[Any]]:
    there = {column["name"] for column in sql.inspect(connection).get_columns(runs.name)}
    return [column for column in runs.columns if column.name not in there]


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
