"""Where Usable keeps its things, read from the environment at each call (so tests can move it)."""

import os
from pathlib import Path

import platformdirs

DATABASE = "runs.sqlite"  # in the home
PIXELS = "pixels"  # in the home: decoded pictures of data, which can be deleted at any time


def home() -> Path:
    """Return the folder of runs, uploads and caches: `USABLE_HOME` or the user's data folder."""
    named = os.environ.get("USABLE_HOME")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("usable"))


def database_url() -> str | Path:
    """Return where the run table is: `USABLE_DATABASE_URL`, else the file of SQLite in `home()`."""
    return os.environ.get("USABLE_DATABASE_URL") or home() / DATABASE


def let_threads_sleep() -> None:
    """Have OpenMP threads sleep while they wait; call it before torch is imported.

    Threads that turn in circles take the cores from each other on a busy machine: four times the
    processor time, measured with two jobs on two cores. `OMP_WAIT_POLICY` overrides.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def assets() -> Path:
    """Return the folder of bundled files, in a checkout or in an installed wheel."""
    package = Path(__file__).parent
    checkout = package.parent / "assets"
    return checkout if checkout.is_dir() else package / "assets"
