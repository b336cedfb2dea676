"""`RunPlaces`: the opened table of runs, and where the files of each run lie."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core import settings
from usable_core.runs import artifacts, living
from usable_core.runs.run import Status

if TYPE_CHECKING:
    from usable_core.runs.table import RunTable


class RunPlaces:
    """The run table and the folders beside it, as they are found."""

    def __init__(self, where: str | Path | None = None, home: Path | None = None) -> None:
        self.home = home or settings.home()
        default = settings.database_url() if home is None else home / settings.DATABASE
        self._where = where or default

    @functools.cached_property
    def _table(self) -> "RunTable":
        """The opened database; not before it is needed, for SQLAlchemy takes a while to import.

        Raises:
            StoreUnusable: it cannot be opened.
        """
        from usable_core.runs.table import RunTable

        return RunTable(self._where)

    @property
    def is_untouched(self) -> bool:
        """Tell whether nothing was ever stored here, without opening the database."""
        if "_table" in vars(self) or not isinstance(self._where, Path):
            return False
        try:
            return not self._where.exists()
        except OSError:  # opening it tells why
            return False

    @property
    def is_outdated(self) -> bool:
        """Tell whether the database was deleted, replaced, or could only be read when opened."""
        return "_table" in vars(self) and self._table.is_outdated

    def row(self, run_id: str) -> dict[str, Any]:
        """Return the table's row of a run: what `Run` shows and what only recovery needs.

        Raises:
            UnknownName: there is none of this id.
        """
        return self._table.row(run_id)

    def data_names(self, limit: int = 200) -> list[str]:
        """Return the references of the data of the newest runs, each once, newest first."""
        found = [] if self.is_untouched else self._table.data_names(limit)
        return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    def owners(self) -> list[str]:
        """Return who asked the runs, by name."""
        found = [] if self.is_untouched else self._table.owners()
        return [name for name in found if isinstance(name, str)]

    def log_path(self, run_id: str) -> Path:
        """Return the path of what the run's process wrote to its terminal."""
        return self._own_folder(self.row(run_id)["id"]) / artifacts.LOG

    def _own_folder(self, checked_id: str) -> Path:
        return self.home / "runs" / checked_id

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts (those of the run that answered it).

        Raises:
            UnknownName: there is no run of this id.
        """
        row = self.row(run_id)
        shares = row["answered_by"] is not None and row["status"] == Status.DONE
        return self._own_folder(row["answered_by"] if shares else row["id"])

    def elsewhere(self, run_id: str) -> str:
        """Return where the files of a run are, as a sentence; empty where this machine sees them.

        Raises:
            UnknownName: there is no run of this id.
        """
        folder = self.folder(run_id)
        return living.elsewhere(self.row(folder.name), self.home, folder)
