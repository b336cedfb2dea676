"""How far an assessment is: every part of every candidate, and what is decided already.

It stands in a file of the run's folder, whole at every moment, which pages read while the run goes
on. A run that ended early keeps it; of one that is done the answer says more.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from usable_core import files
from usable_core.errors import StorageError
from usable_core.evaluations.specs import Report
from usable_core.records import MALFORMED, from_json, to_json
from usable_core.runs import RunStore
from usable_core.runs.artifacts import PARTS

FILE = "so_far.json"
BEFORE = ("Loading", "Looking", "Reading")  # how messages begin that come before the work
TENTHS = 10  # steps of the progress in a second of the estimate

State = Literal["to do", "under way", "known", "measured", "refused"]


@dataclass(frozen=True)
class Part:
    """One evaluation of one candidate.

    Attributes:
        name: The candidate, as people call it.
        task: A key of `TASKS`.
        seconds: What it will take, as far as that was told before.
        state: How far it is; `known` was answered from the store.
        said: What it decided, or why it was refused.
    """

    name: str
    task: str
    seconds: float = 0.0
    state: State = "to do"
    said: str = ""

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more comes of it."""
        return self.state in ("known", "measured", "refused")


@dataclass(frozen=True)
class SoFar:
    """What is known of an assessment that is not over.

    Attributes:
        estimate: How long it will take, in a sentence, told at its start.
        parts: Every part, in the order in which they are worked on.
        records: The rows of the requirements that are looked at already; see
            `verdicts.assessment`.
    """

    estimate: str = ""
    parts: tuple[Part, ...] = ()
    records: list[dict[str, Any]] = field(default_factory=list)


def so_far(run_id: str) -> SoFar | None:
    """Return how far an assessment is; None where nothing is known of it.

    Raises:
        UnknownName: there is no run of this id.
    """
    path = RunStore().folder(run_id) / PARTS / FILE
    with suppress(OSError, *MALFORMED):
        found: SoFar = from_json(SoFar, json.loads(path.read_text(encoding="utf-8")))
        return found
    return None


class Steps:
    """Tells and keeps how far the whole is."""

    def __init__(self, report: Report, folder: Path, start: SoFar) -> None:
        self._report, self._path, self._known = report, folder / PARTS / FILE, start
        self._costs = [max(1, round(TENTHS * part.seconds)) for part in start.parts]
        self._total, self._done, self._shown, self._at = sum(self._costs), 0, 0, 0
        self._keep()
        if start.estimate:
            report(0, self._total, start.estimate, parts=0.0)

    @property
    def name(self) -> str:
        """Return the candidate of the next part, as people call it."""
        return self._known.parts[self._at].name

    def begin(self, title: str) -> Report:
        """Begin the next part and return what it reports to."""
        cost = self._costs[self._at]
        self._change(state="under way")
        self._keep()

        def inner(done: int, total: int, message: str, **metrics: float) -> None:
            # Reading comes before the work and counts by itself.
            is_work = total > 0 and not message.startswith(BEFORE)
            share = min(1.0, done / total) if is_work else 0.0
            self._shown = max(self._shown, self._done + int(cost * share))
            self._report(self._shown, self._total, f"{title}: {message}")

        return inner

    def over(self, title: str, state: State, said: str, records: list[dict[str, Any]]) -> None:
        """End the part under way.

        Args:
            title: What it is called.
            state: How it ended.
            said: What it decided, or why it was refused.
            records: All rows that are known now.
        """
        self._change(state=state, said=said)
        self._known = replace(self._known, records=records)
        self._keep()
        self._done = self._shown = self._done + self._costs[self._at]
        self._at += 1
        message = f"{title}: {said}" if said else title
        self._report(self._done, self._total, message, parts=float(self._at))

    def _change(self, **values: Any) -> None:  # noqa: ANN401 - fields of a part
        parts = list(self._known.parts)
        parts[self._at] = replace(parts[self._at], **values)
        self._known = replace(self._known, parts=tuple(parts))

    def _keep(self) -> None:
        """Write what is known; what a full disk refuses is no reason to stop measuring."""
        with suppress(OSError, StorageError):
            files.make_folder(self._path.parent)
            files.write_json(self._path, to_json(self._known))
