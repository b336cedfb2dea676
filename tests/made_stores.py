"""Homes that something is wrong with, made by rule from a sound one.

Each generator yields (name, function that damages a home). The same names give the same damage.
"""

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from made_results import accuracy_result

from usable_core.runs import RunStore
from usable_core.runs.columns import runs as table
from usable_core.runs.database import forget

Damage = Callable[[Path], None]
COUNT = 4  # runs in a sound home: done, done, failed, queued
KEY = "k" * 24
# One value of each type that SQLite holds, for a column of any other.
VALUES = {
    "null": None,
    "an empty text": "",
    "a text": "yesterday",
    "a number": 7,
    "a huge number": 2**62,
    "a negative number": -1.5e300,
    "bytes": b"\xff\x00\xfe",
    "JSON of another type": "[1, {}]",
    "JSON null": "null",
    "torn JSON": '{"model": ',
    "deep JSON": "[" * 100_000,
}
# Takes every constraint and type from the table.
LOOSE = (
    "CREATE TABLE loose AS SELECT * FROM runs",
    "DROP TABLE runs",
    "ALTER TABLE loose RENAME TO runs",
)
JSON_VALUES = (None, "text", 3, -2.5, True, [1], {"odd": 1}, [], {}, 10**30, "\udcff", [[]])


def sound(home: Path) -> list[str]:
    """Make a home of four runs and return their ids, oldest first."""
    store = RunStore(home=home)
    found = []
    for seed in range(2):
        result = accuracy_result([0, 1, 2, 1], [0, 1, 2, 2], start=seed)
        run = store.create(result.config)
        store.start(run.id, os.getpid())
        store.set_key(run.id, KEY)
        store.progress(run.id, 4, 4, "measuring", accuracy=0.75)
        store.finish(run.id, result)
        found.append(run.id)
    failed = store.create(result.config)
    store.start(failed.id, os.getpid())
    store.fail(failed.id, "As planned.", "Traceback: none")
    found += [failed.id, store.create(result.config).id]
    forget()  # all is in one file
    return found


def sql(*statements: str, values: tuple[object, ...] = ()) -> Damage:
    """Return the damage of SQL statements."""

    def change(home: Path) -> None:
        connection = sqlite3.connect(home / "runs.sqlite")
        for statement in statements:
            connection.execute(statement, values if "?" in statement else ())
        connection.commit()
        connection.close()

    return change


def files_of_the_database(seed: int = 0) -> Iterator[tuple[str, Damage]]:
    """Yield cut, flipped, overwritten and replaced database files, and odd files beside them."""
    chance = random.Random(seed)

    def rewrite(change: Callable[[bytearray], bytes | bytearray]) -> Damage:
        def damage(home: Path) -> None:
            path = home / "runs.sqlite"
            path.write_bytes(change(bytearray(path.read_bytes())))

        return damage

    def flip(data: bytearray, place: float, bit: int) -> bytearray:
        data[int(place * len(data))] ^= 1 << bit
        return data

    def blank(data: bytearray, page: float, fill: int) -> bytearray:
        start = int(page * len(data)) // 4096 * 4096
        data[start : start + 4096] = bytes([fill]) * 4096
        return data

    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, *(chance.random() for _ in range(6))):
        yield f"cut at {share:.3f}", rewrite(lambda data, s=share: data[: int(s * len(data))])
    for count in (0, 1, 15, 16, 18, 59, 99, 100, 101, 4095, 4096, 4097):
        yield f"cut after {count} bytes", rewrite(lambda data, c=count: data[:c])
    for place in range(16, 100, 3):
        yield (
            f"byte {place} of the head",
            rewrite(lambda data, p=place: data[:p] + bytes([data[p] ^ 255]) + data[p + 1 :]),
        )
    for k in range(40):
        place, bit = chance.random(), chance.randrange(8)
        yield f"flip {k}", rewrite(lambda data, p=place, b=bit: flip(data, p, b))
    for k in range(12):
        share, fill = chance.random(), chance.choice((0, 255, 13))
        yield f"page {k} of {fill}", rewrite(lambda data, s=share, f=fill: blank(data, s, f))
    yield "noise", rewrite(lambda data: chance.randbytes(len(data)))
    yield "a text", rewrite(lambda _: b"this is no database\n" * 99)
    yield "twice", rewrite(lambda data: data + data)
    yield "another's", _replaced_by("CREATE TABLE notes (text)")
    yield "a view", _replaced_by("CREATE VIEW runs AS SELECT 1 AS id")
    yield "a table of the same name", _replaced_by("CREATE TABLE runs (id, amount)")
    for ending in ("-wal", "-shm", "-journal"):
        for what, content in (
            ("noise", chance.randbytes(9000)),
            ("nothing", b""),
            ("a folder", None),
        ):
            yield f"{ending} is {what}", _beside(ending, content)


def _replaced_by(statement: str) -> Damage:
    def damage(home: Path) -> None:
        (home / "runs.sqlite").unlink()
        sql(statement)(home)

    return damage


def _beside(ending: str, content: bytes | None) -> Damage:
    def damage(home: Path) -> None:
        path = home / f"runs.sqlite{ending}"
        path.mkdir() if content is None else path.write_bytes(content)

    return damage


def forms_of_the_table() -> Iterator[tuple[str, Damage]]:
    """Yield tables of other versions: columns that are missing, more, called otherwise."""
    indexed = [column.name for column in table.columns if column.index]
    free = [f"DROP INDEX IF EXISTS ix_runs_{name}" for name in indexed]
    for column in table.columns:
        if not column.primary_key:
            yield (
                f"without {column.name}",
                sql(*free, f'ALTER TABLE runs DROP COLUMN "{column.name}"'),
            )
            yield (
                f"{column.name} is called otherwise",
                sql(*free, f'ALTER TABLE runs RENAME COLUMN "{column.name}" TO other'),
            )
    yield "a column more", sql("ALTER TABLE runs ADD COLUMN owner TEXT")
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    strict = f"CREATE TABLE runs ({names}, owner TEXT NOT NULL)"
    moved = f"INSERT INTO runs SELECT {names}, 'me' FROM n"
    away = ("CREATE TABLE n AS SELECT * FROM runs", "DROP TABLE runs")
    yield "a column that must be given", sql(*away, strict, moved)
    for number in ("NULL", "-3", "0", "1", "99", "'x'", "2.5", "x'ff'"):
        made = "CREATE TABLE store (schema)", f"INSERT INTO store VALUES ({number})"
        yield f"form {number}", sql("DROP TABLE store", *made)
    yield "without its form", sql("DROP TABLE store")
    yield "its form is of another", sql("DROP TABLE store", "CREATE TABLE store (number)")
    yield "no table", sql("DROP TABLE runs")
    yield (
        "a trigger that refuses",
        sql("CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END"),
    )


def rows(which: int = 0) -> Iterator[tuple[str, Damage]]:
    """Yield tables in one row of which one column holds what it should not."""
    for column in table.columns:
        for what, value in VALUES.items():
            if column.name != "id" or value is not None:
                yield f"{column.name} is {what}", cell(column.name, value, which)
    for status in ("paused", "DONE", "done ", "\n"):
        yield f"status {status!r}", cell("status", status, which)
    for task in ("fairness", "", "Accuracy"):
        yield f"task {task!r}", cell("task", task, which)
    for task in ("robustness", "assess", "finetune"):
        yield f"the question of another task, {task}", cell("task", task, which)


def cell(column: str, value: object, which: int) -> Damage:
    def damage(home: Path) -> None:
        sql(*LOOSE)(home)
        one = f"(SELECT rowid FROM runs ORDER BY created LIMIT 1 OFFSET {which})"
        sql(f'UPDATE runs SET "{column}" = ? WHERE rowid = {one}', values=(value,))(home)

    return damage


def questions(seed: int = 0) -> Iterator[tuple[str, Damage]]:
    """Yield stored questions and answers of other versions: each field gone, more, or another."""
    chance = random.Random(seed)

    def changed(column: str, path: tuple[str, ...], value: object) -> Damage:
        def damage(home: Path) -> None:
            connection = sqlite3.connect(home / "runs.sqlite")
            query = f"SELECT rowid, {column} FROM runs ORDER BY created LIMIT 1"
            row, text = connection.execute(query).fetchone()
            stored = json.loads(text)
            _put(stored, path, value)
            connection.execute(
                f"UPDATE runs SET {column} = ? WHERE rowid = ?", (json.dumps(stored), row)
            )
            connection.commit()
            connection.close()

        return damage

    fields = [("model",), ("dataset",), ("seed",), ("batch_size",), ("schema",), ("new",)]
    fields += [
        ("model", "reference"),
        ("dataset", "reference"),
        ("dataset", "limit"),
        ("model", "x"),
    ]
    for path in fields:
        yield f"question without {path}", changed("config", path, _GONE)
        for value in chance.sample(JSON_VALUES, 4):
            yield f"question's {path} is {value!r}", changed("config", path, value)
    for path in (("accuracy",), ("n",), ("model",), ("new",)):
        for value in (_GONE, *chance.sample(JSON_VALUES, 2)):
            yield f"summary's {path} is {value!r}", changed("summary", path, value)


_GONE = object()


def _put(stored: object, path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        stored = stored.get(name, {})
    if value is _GONE:
        stored.pop(path[-1], None)
    else:
        stored[path[-1]] = value


def artifacts(seed: int = 0) -> Iterator[tuple[str, Damage]]:
    """Yield homes in which the files of the first run's answer are not what they were."""
    chance = random.Random(seed)
    for name in ("result.json", "records.parquet", "events.jsonl"):
        for share in (0.0, 0.3, 0.9, chance.random()):
            yield f"{name} cut at {share:.2f}", _file(name, lambda d, s=share: d[: int(s * len(d))])
        for k in range(6):
            place = chance.random()
            yield f"{name} flipped {k}", _file(name, lambda d, p=place: _flipped(d, p))
        for text in (b"[1]", b"{}", b"null", b"7", b'"x"', b"\xff\xfe", b"PAR1PAR1", b"[" * 99_999):
            yield f"{name} is {text[:8]!r}", _file(name, lambda _, t=text: t)
        yield f"{name} is gone", _file(name, None)
        yield f"{name} is a folder", _folder(name)
    for field in ("config", "provenance"):
        for value in (_GONE, *JSON_VALUES):
            yield f"result's {field} is {value!r:.20}", _result(field, value)
    yield "result has a field more", _result("new", 1)
    for column in ("index", "label", "prediction", "confidence", "id"):
        yield f"records without {column}", _records(lambda t, c=column: t.drop_columns([c]))
        yield f"records whose {column} is text", _records(lambda t, c=column: _retyped(t, c))
    yield "no records", _records(lambda t: t.slice(0, 0))
    yield "records without columns", _records(lambda t: t.select([]))
    yield "the folder is gone", lambda home: shutil.rmtree(_first(home))
    yield "the folder is a file", lambda home: (shutil.rmtree(_first(home)), _first_file(home))


def _first(home: Path) -> Path:
    return sorted(path for path in (home / "runs").iterdir())[0]


def _first_file(home: Path) -> None:
    connection = sqlite3.connect(home / "runs.sqlite")
    name = connection.execute("SELECT id FROM runs ORDER BY created LIMIT 1").fetchone()[0]
    connection.close()
    (home / "runs" / name).write_text("a file")


def _flipped(data: bytes, place: float) -> bytes:
    at = int(place * len(data))
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def _file(name: str, change: Callable[[bytes], bytes] | None) -> Damage:
    def damage(home: Path) -> None:
        path = _first(home) / name
        path.unlink() if change is None else path.write_bytes(change(path.read_bytes()))

    return damage


def _folder(name: str) -> Damage:
    def damage(home: Path) -> None:
        (_first(home) / name).unlink()
        (_first(home) / name).mkdir()

    return damage


def _result(field: str, value: object) -> Damage:
    def damage(home: Path) -> None:
        path = _first(home) / "result.json"
        stored = json.loads(path.read_text(encoding="utf-8"))
        _put(stored, (field,), value)
        path.write_text(json.dumps(stored), encoding="utf-8")

    return damage


def _records(change: Callable[[pa.Table], pa.Table]) -> Damage:
    def damage(home: Path) -> None:
        path = _first(home) / "records.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return damage


def _retyped(found: pa.Table, name: str) -> pa.Table:
    texts = pa.array(["x"] * len(found))
    return found.set_column(found.column_names.index(name), name, texts)


def places() -> Iterator[tuple[str, Damage]]:
    """Yield homes in which files stand in the place of folders, and folders in that of files."""
    for name in ("runs", "logs", "interactive", "uploads", "locks", "calibrations", "contents"):
        yield f"{name} is a file", _file_at(name)
        yield f"{name} is a dangling link", _link_at(name)
    yield "the database is a folder", folder_at("runs.sqlite")
    yield "the database is a dangling link", _link_at("runs.sqlite")
    yield "the database is a pipe", _pipe_at("runs.sqlite")
    yield "the home is a file", home_is(lambda home: home.write_text("a file"))
    yield "the home is a dangling link", home_is(lambda home: home.symlink_to("nowhere/at/all"))
    yield "the home is a link to itself", home_is(lambda home: home.symlink_to(home.name))
    yield "the home is gone", home_is(lambda home: None)


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _file_at(name: str) -> Damage:
    return lambda home: (_clear(home / name), (home / name).write_text("a file"))


def folder_at(name: str) -> Damage:
    return lambda home: (_clear(home / name), (home / name).mkdir())


def _link_at(name: str) -> Damage:
    return lambda home: (_clear(home / name), (home / name).symlink_to("nowhere/at/all"))


def _pipe_at(name: str) -> Damage:
    return lambda home: (_clear(home / name), os.mkfifo(home / name))


def home_is(make: Callable[[Path], object]) -> Damage:
    return lambda home: (shutil.rmtree(home), make(home))
