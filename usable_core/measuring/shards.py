"""Parts of a long evaluation that are finished: what a killed run goes on from."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from usable_core.files import write_json, write_parquet
from usable_core.runs.artifacts import PARTS


class Shards:
    """Tables of finished parts in `folder/shards`, and the plan that all of them follow.

    Every file is whole or absent. Without a folder, parts are kept in memory and nothing can be
    gone on from.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / PARTS
        self._tables: dict[int, pd.DataFrame] = {}
        self._plan: dict[str, Any] | None = None
        if self._folder is not None and (self._folder / "plan.json").is_file():
            self._plan = json.loads((self._folder / "plan.json").read_text(encoding="utf-8"))

    @property
    def plan(self) -> dict[str, Any] | None:
        """Return the plan of the parts that were found; None where there are none."""
        return self._plan

    def begin(self, plan: dict[str, Any]) -> None:
        """Store the plan that the parts follow."""
        self._plan = plan
        if self._folder is not None:
            write_json(self._folder / "plan.json", plan)

    def has(self, start: int) -> bool:
        """Tell whether the part that begins at an example is finished."""
        return start in self._tables or (self._folder is not None and self._path(start).is_file())

    def add(self, start: int, table: pd.DataFrame) -> None:
        """Store a finished part."""
        if self._folder is None:
            self._tables[start] = table
        else:
            write_parquet(self._path(start), table)

    def read(self) -> list[pd.DataFrame]:
        """Return all parts that have rows, in order."""
        if self._folder is None:
            found = [self._tables[start] for start in sorted(self._tables)]
        else:
            found = [pd.read_parquet(path) for path in sorted(self._folder.glob("*.parquet"))]
        return [table for table in found if len(table)]

    def clear(self) -> None:
        """Remove the files: the answer holds what they held."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, start: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{start:09d}.parquet"
