"""The run table in SQLite (the default) or PostgreSQL: every statement on it.

Several processes write at once, so every change is one statement that says in its `WHERE` which
state it expects. SQLAlchemy is imported here and in the modules of the database alone.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from usable_core.errors import UnknownName
from usable_core.runs.columns import runs, storable
from usable_core.runs.database import database
from usable_core.runs.run import ACTIVE, ENDED_EARLY, Status, Wanted

Row = dict[str, Any]
# In JSON: signs beyond 16 bits, which are two escapes; then escapes that stand for no sign.
_PAIRS, _NO_TEXT = r"\\ud[89ab]..\\ud[c-f]..", r"\\u(0000|d[89a-f]..)"


class RunTable:
    """The rows of all runs. Where rows are returned, they are whole and in the named order."""

    def __init__(self, where: str | Path) -> None:
        self._database = database(where)

    @property
    def is_outdated(self) -> bool:
        """Tell whether to open the database again may give more."""
        return self._database.is_outdated

    # Asking

    def row(self, run_id: str) -> Row:
        """Return the row of a run.

        Raises:
            UnknownName: there is none of this id.
        """
        found = self._rows(sql.select(runs).where(runs.c.id == storable(run_id)))
        if not found:
            known = self._values(sql.select(runs.c.id).limit(1000))
            raise UnknownName("run", run_id, [each for each in known if isinstance(each, str)])
        return found[0]

    def newest(
        self,
        wanted: Wanted,
        *,
        limit: int,
        offset: int = 0,
        columns: Collection[str] | None = None,
    ) -> list[Row]:
        """Return a page of the wanted rows, newest first.

        Args:
            wanted: Which rows.
            limit: How many at most.
            offset: How many newer ones are passed over.
            columns: Names of those that are read; None reads all.
        """
        read = runs.c if columns is None else [runs.c[name] for name in columns]
        query = sql.select(*read).where(*self._conditions(wanted))
        newest_first = query.order_by(runs.c.id.desc())  # times can be set back
        return self._rows(newest_first.limit(limit).offset(offset))

    def last_id(self) -> str:
        """Return the newest id; empty where there is none."""
        return self._values(sql.select(sql.func.max(runs.c.id)))[0] or ""

    def rows(self, ids: Collection[str]) -> list[Row]:
        """Return the rows of some runs, in no order."""
        return self._rows(sql.select(runs).where(runs.c.id.in_(list(ids))))

    def questions_naming(self, text: str) -> dict[str, str]:
        """Return ids of runs to their questions, as stored, where `text` stands in those."""
        question = sql.cast(runs.c.config, sql.Text)
        query = sql.select(runs.c.id, question.label("question"))
        found = self._rows(query.where(question.contains(text, autoescape=True)))
        return {row["id"]: row["question"] for row in found}

    def data_names(self, limit: int) -> list[Any]:
        """Return what the newest runs call their data, newest first, as it is stored."""
        return self._values(sql.select(self._names()[1]).order_by(runs.c.id.desc()).limit(limit))

    def owners(self) -> list[Any]:
        """Return who asked runs, as it is stored, by name."""
        query = sql.select(runs.c.owner).where(runs.c.owner.is_not(None)).distinct()
        return [row["owner"] for row in self._rows(query.order_by(runs.c.owner))]

    def count(self, wanted: Wanted) -> int:
        """Return how many rows are wanted."""
        query = sql.select(sql.func.count()).select_from(runs).where(*self._conditions(wanted))
        return int(self._values(query)[0])

    def _conditions(self, wanted: Wanted) -> list[sql.ColumnElement[bool]]:
        """Return what holds of the wanted rows: each word stands in one of the texts.

        A row that ended before its answer, which a later one of the same question has, is no more
        than a step on the way to that.
        """
        is_shown = sql.or_(runs.c.answered_by.is_(None), runs.c.status == Status.DONE)
        found: list[sql.ColumnElement[bool]] = [is_shown]
        if wanted.tasks is not None:
            found.append(runs.c.task.in_(list(wanted.tasks)))
        if wanted.statuses is not None:
            found.append(runs.c.status.in_(list(wanted.statuses)))
        if wanted.owners is not None:
            found.append(runs.c.owner.in_([storable(owner) for owner in wanted.owners]))
        for tag in wanted.tags:
            line = f"\n{storable(tag)}\n"
            found.append(sql.cast(runs.c.tags, sql.Text).icontains(line, autoescape=True))
        texts = [runs.c.id, runs.c.title, runs.c.task, runs.c.status, *self._names()]
        texts += [runs.c.name, runs.c.note, runs.c.owner, sql.cast(runs.c.tags, sql.Text)]
        for word in storable(wanted.search).split():
            found.append(sql.or_(*(text.icontains(word, autoescape=True) for text in texts)))
        return found

    def _names(self) -> list[sql.ColumnElement[Any]]:
        """Return the names in a question by which it is searched for.

        A database stops at JSON that is none, and PostgreSQL at what no text of its own can hold:
        NUL, and bytes of a file's name that are no text. Such a question has no names.
        """
        config: sql.ColumnElement[Any] = runs.c.config
        if self._database.engine.dialect.name == "sqlite":
            is_sound = sql.func.json_valid(config) == 1
        else:
            text = sql.func.regexp_replace(sql.cast(config, sql.Text), _PAIRS, "", "g")
            is_sound = sql.not_(text.regexp_match(_NO_TEXT))
        config = sql.type_coerce(sql.case((is_sound, config), else_=sql.null()), sql.JSON)
        paths = ("model", "reference"), ("dataset", "reference"), ("architecture",)
        return [config[path].as_string() for path in paths]

    def active(self) -> list[Row]:
        """Return the rows that wait or run, oldest first."""
        return self._where(runs.c.status.in_(ACTIVE))

    def children(self, run_id: str) -> list[Row]:
        """Return the parts of a run, oldest first."""
        return self._where(runs.c.parent == run_id)

    def measured(self, key: str) -> list[Row]:
        """Return the DONE rows that measured the answer of `key` themselves, newest first."""
        is_own = runs.c.key == key, runs.c.answered_by.is_(None)
        return self._where(*is_own, runs.c.status == Status.DONE)[::-1]

    def answered(self, questions: Collection[str], versions: str) -> list[Row]:
        """Return the answers of questions asked with versions, both as their JSON is stored.

        Each once, however many runs share it: the id of the run that measured it, its task, and
        config as text.
        """
        text = sql.cast(runs.c.config, sql.Text)
        same = sql.cast(runs.c.versions, sql.Text) == versions
        measured = sql.func.coalesce(runs.c.answered_by, runs.c.id).label("id")
        query = sql.select(measured, runs.c.task, text.label("config")).distinct()
        is_done = runs.c.status == Status.DONE
        return self._rows(query.where(is_done, same, text.in_(list(questions))))

    def asked(self, task: str) -> list[Row]:
        """Return the rows of a task, oldest first."""
        return self._where(runs.c.task == task)

    def looked_at(self, data: str) -> list[Row]:
        """Return the rows that came to numbers on data, or whose data nobody noted, oldest first.

        Args:
            data: Fingerprint of the data.
        """
        is_about = sql.or_(runs.c.data == data, runs.c.data.is_(None))
        has_numbers = sql.or_(runs.c.done > 0, runs.c.status == Status.DONE)
        return self._where(is_about, runs.c.started.is_not(None), has_numbers)

    def ended_early(self, key: str) -> list[Row]:
        """Return the rows that ended before they had the answer of `key`, newest first."""
        return self._where(runs.c.key == key, runs.c.status.in_(ENDED_EARLY))[::-1]

    def lost_while_loading(self, task: str) -> list[Row]:
        """Return the LOST rows of a task that ended before the key of their question was known."""
        return self._where(runs.c.task == task, runs.c.status == Status.LOST, runs.c.key.is_(None))

    def answered_by(self, run_id: str) -> list[Row]:
        """Return the rows whose answer is that of a run, oldest first."""
        return self._where(runs.c.answered_by == run_id)

    def is_cancel_requested(self, run_id: str) -> bool:
        """Tell whether a run is to stop: its end was asked for, or its row is gone."""
        found = self._values(sql.select(runs.c.cancel_requested).where(runs.c.id == run_id))
        return found != [None]

    # Changing

    def add(self, row: Row) -> None:
        """Insert a row."""
        self._database.write(sql.insert(runs).values(row))

    def change(
        self, run_id: str, expected: Collection[Status], when: Row | None = None, **values: object
    ) -> bool:
        """Change a run that is in an expected state; return whether it was.

        Args:
            run_id: The run.
            expected: States in which the change is made.
            when: Column to the value (None: no value) that it must have beside.
            **values: Column to new value.
        """
        where = [runs.c.id == run_id, runs.c.status.in_(list(expected))]
        where += [runs.c[column] == value for column, value in (when or {}).items()]
        return self._database.write(sql.update(runs).where(*where).values(**values)) == 1

    def describe(self, run_id: str, **values: object) -> None:
        """Change what its owner says of a run, whatever its state."""
        self._database.write(sql.update(runs).where(runs.c.id == run_id).values(**values))

    def tags(self) -> list[tuple[str, ...]]:
        """Return the tags of each run that has any, the newest first."""
        query = sql.select(runs.c.tags).where(runs.c.tags.is_not(None))
        return [row["tags"] for row in self._rows(query.order_by(runs.c.id.desc()))]

    def change_children(self, run_id: str, expected: Collection[Status], **values: object) -> None:
        """Change the parts of a run that are in an expected state."""
        where = runs.c.parent == run_id, runs.c.status.in_(list(expected))
        self._database.write(sql.update(runs).where(*where).values(**values))

    def pass_answer(self, run_id: str, heir: str) -> None:
        """Make `heir` the one that measured what the rows answered by a run share."""
        answer = sql.case((runs.c.id == heir, sql.null()), else_=heir)
        shared = sql.update(runs).where(runs.c.answered_by == run_id)
        self._database.write(shared.values(answered_by=answer))

    def join(self, ids: Collection[str], run_id: str) -> None:
        """Note that a run has the answer that rows, and those joined to them, ended before."""
        rows = runs.c.id.in_(list(ids)), runs.c.answered_by.in_(list(ids))
        self._database.write(sql.update(runs).where(sql.or_(*rows)).values(answered_by=run_id))

    def delete(self, run_id: str) -> None:
        """Delete a row."""
        self._database.write(sql.delete(runs).where(runs.c.id == run_id))

    def _where(self, *conditions: sql.ColumnElement[bool]) -> list[Row]:
        query = sql.select(runs).where(*conditions)
        return self._rows(query.order_by(runs.c.id))

    def _rows(self, query: sql.Select[Any]) -> list[Row]:
        return [dict(zip(row._fields, row, strict=True)) for row in self._database.read(query)]

    def _values(self, query: sql.Select[Any]) -> list[Any]:
        """Return the first column of what a query finds."""
        return [row[0] for row in self._database.read(query)]
