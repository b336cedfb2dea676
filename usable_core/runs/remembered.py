"""Runs that are over, remembered as they were read: most of a list is asked for at every look."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import Any

from usable_core.runs.rows import readable, to_run
from usable_core.runs.run import Run

MOST = 1000  # runs; some ten KB each
AT_ONCE = 500  # rows in one statement
# Columns of which one changes when anything changes that is known of a run that is over.
MARK = ("id", "status", "finished", "answered_by", "name", "note", "tags")
Row = Mapping[str, Any]


class Remembered:
    """Runs by id with their marks, those read longest ago forgotten first; for many threads."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[tuple[object, ...], Run]] = {}
        self._lock = Lock()

    def runs(self, marks: Sequence[Row], read: Callable[[list[str]], Iterable[Row]]) -> list[Run]:
        """Return the runs of rows in their order, without those that cannot be read.

        Args:
            marks: The `MARK` columns of the rows.
            read: Returns the whole rows of some ids, in any order.
        """
        known = {row["id"]: self._known(row) for row in marks}
        missing = iter([name for name, run in known.items() if run is None])
        while names := list(islice(missing, AT_ONCE)):
            rows = {row["id"]: row for row in read(names)}
            for whole in readable(rows.values(), to_run)[0]:
                known[whole.id] = whole
                if whole.status.is_over:
                    self._keep(whole, _mark(rows[whole.id]))
        return [run for row in marks if (run := known[row["id"]]) is not None]

    def _known(self, row: Row) -> Run | None:
        mark, run = self._runs.get(row["id"], (None, None))
        return run if mark == _mark(row) else None

    def _keep(self, run: Run, mark: tuple[object, ...]) -> None:
        with self._lock:
            self._runs.pop(run.id, None)
            self._runs[run.id] = mark, run
            if len(self._runs) > MOST:
                del self._runs[next(iter(self._runs))]


def _mark(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in MARK)
