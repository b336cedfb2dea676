"""The tables of a store in the form of this version: made, or brought there from an older one.

Columns and indexes that came later are added in any database, for they are told by what the tables
lack. What is more than an addition is a step of Alembic's in `versions`, for PostgreSQL alone: the
columns of SQLite have no types that could become too narrow.
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from usable_core.errors import StoreUnusable
from usable_core.evaluations.schema import SCHEMA, check_schema, newer
from usable_core.runs.columns import form, runs
from usable_core.runs.trouble import AWAY

HEAD = "0001"  # the newest of `versions`
_WHAT = "This store of runs"
_ALONE = 0x75736162  # any number, of a lock: who holds it changes the tables, the others wait
_steps = sql.table("alembic_version", sql.column("version_num", sql.String))


def prepare(connection: sql.Connection) -> None:
    """Make the tables that are missing, or bring them to the form of this version.

    Raises:
        StorageError: a newer version made them, or they are none of Usable's.
    """
    if is_whole(connection):
        return
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:  # two processes may come first together
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sql.select(sql.func.pg_advisory_xact_lock(_ALONE)))
    is_new = not sql.inspect(connection).has_table(runs.name)
    for table in (form, runs):
        connection.execute(CreateTable(table, if_not_exists=True))
    number = _number(connection)
    _complete(connection)
    if number != SCHEMA:
        connection.execute(sql.insert(form).values(schema=SCHEMA))
    if not is_sqlite and _step(connection) != HEAD:
        _migrate(connection, is_new=is_new)


def is_whole(connection: sql.Connection) -> bool:
    """Tell whether the tables are those of this version.

    Raises:
        StorageError: a newer version made them.
    """
    there = set(sql.inspect(connection).get_table_names())
    if not {form.name, runs.name} <= there:
        return False
    is_last = connection.dialect.name == "sqlite" or _step(connection) == HEAD
    return is_last and _number(connection) == SCHEMA and not _missing(connection)


def _complete(connection: sql.Connection) -> None:
    """Add the columns and indexes that an older version did not know."""
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


def _migrate(connection: sql.Connection, *, is_new: bool) -> None:
    """Take the steps that an older store has not taken; a new one needs none."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    (command.stamp if is_new else command.upgrade)(config, HEAD)


def _step(connection: sql.Connection) -> str | None:
    """Return the last of Alembic's steps that the tables have taken; None before the first.

    Raises:
        StorageError: a newer version took it.
    """
    if not sql.inspect(connection).has_table(_steps.name):
        return None
    step = connection.execute(sql.select(_steps)).scalar()
    if step is not None and step > HEAD:
        raise newer(_WHAT, f"step {step}", f"steps up to {HEAD}")
    return step


def _number(connection: sql.Connection) -> int:
    """Return the number of the store's form; what has none is of form 1.

    Raises:
        StorageError: a newer version made the store, or the number is none.
    """
    number = connection.execute(sql.select(sql.func.max(form.c.schema))).scalar()
    if not isinstance(number, int | None):
        raise StoreUnusable(f"The form of this store of runs is no number: {number!r:.40}. {AWAY}.")
    check_schema(number or 1, _WHAT)
    return number or 1


def _missing(connection: sql.Connection) -> list[sql.Column[Any]]:
    there = {column["name"] for column in sql.inspect(connection).get_columns(runs.name)}
    return [column for column in runs.columns if column.name not in there]
