"""The run table: its columns, and the connection to SQLite (the default) or PostgreSQL."""

import functools
import sqlite3
from pathlib import Path

import sqlalchemy as sql
from sqlalchemy.schema import CreateIndex, CreateTable

BUSY_MILLISECONDS = 30_000  # several processes write; each statement is short

metadata = sql.MetaData()
runs = sql.Table(
    "runs",
    metadata,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("task", sql.String(32), nullable=False, index=True),
    sql.Column("title", sql.Text, nullable=False),
    sql.Column("config", sql.JSON, nullable=False),
    sql.Column("status", sql.String(16), nullable=False, index=True),
    sql.Column("created", sql.Double, nullable=False, index=True),  # times: seconds since 1970
    sql.Column("started", sql.Double),
    sql.Column("finished", sql.Double),
    sql.Column("heartbeat", sql.Double),
    sql.Column("done", sql.Integer, nullable=False, default=0),
    sql.Column("total", sql.Integer, nullable=False, default=0),
    sql.Column("message", sql.Text, nullable=False, default=""),
    sql.Column("metrics", sql.JSON, nullable=False, default=dict),
    sql.Column("summary", sql.JSON(none_as_null=True)),
    sql.Column("error", sql.Text),
    sql.Column("traceback", sql.Text),  # for developers; no page shows it
    sql.Column("key", sql.String(32), index=True),
    sql.Column("parent", sql.String(32), index=True),
    sql.Column("answered_by", sql.String(32), index=True),
    sql.Column("pid", sql.Integer),
    sql.Column("host", sql.Text),
    sql.Column("attempts", sql.Integer, nullable=False, default=0),  # processes started for it
    sql.Column("cancel_requested", sql.Double),
    sql.Column("versions", sql.JSON, nullable=False, default=dict),
)


@functools.lru_cache(maxsize=16)
def engine(url: str) -> sql.Engine:
    """Return the connection pool of a database, with its table made where it was missing."""
    parsed = sql.make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    made = sql.create_engine(parsed, pool_pre_ping=not is_sqlite)
    if is_sqlite:
        sql.event.listen(made, "connect", _prepare_sqlite)
    with made.begin() as connection:  # "if not exists": two processes may come first together
        connection.execute(CreateTable(runs, if_not_exists=True))
        for index in runs.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    return made


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
