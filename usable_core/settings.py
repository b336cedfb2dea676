"""Where Usable keeps its things, read from the environment at each call (so tests can move it)."""

import getpass
import os
from pathlib import Path

import platformdirs

from usable_core.errors import ConfigError, ReadOnly, quoted

DATABASE = "runs.sqlite"  # in the home
PIXELS = "pixels"  # in the home: decoded pictures of data, which can be deleted at any time
READ_ONLY = (
    "This Usable only shows what it holds (USABLE_READ_ONLY): nothing is started, uploaded, "
    "changed or deleted. Run Usable on your own machine for that."
)


def home() -> Path:
    """Return the folder of runs, uploads and caches: `USABLE_HOME` or the user's data folder."""
    named = os.environ.get("USABLE_HOME")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("usable"))


def database_url() -> str | Path:
    """Return where the run table is: `USABLE_DATABASE_URL`, else the file of SQLite in `home()`."""
    return os.environ.get("USABLE_DATABASE_URL") or home() / DATABASE


def ray_address() -> str | None:
    """Return where the Ray cluster is that measures (`USABLE_RAY_ADDRESS`); None for none."""
    return os.environ.get("USABLE_RAY_ADDRESS") or None


def measure_at(address: str | None) -> str | None:
    """Let a cluster measure for this process and those that it starts, where one is named."""
    if address is not None:
        os.environ["USABLE_RAY_ADDRESS"] = address
    return address


def user() -> str:
    """Return the name of the operating system's user, who owns what this process asks."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user that has no name
        return f"user {os.getuid()}"


def quota() -> int | None:
    """Return how many runs of one owner may wait or run at once: `USABLE_QUOTA`; None for any.

    Raises:
        ConfigError: it is no whole number of at least 1.
    """
    text = os.environ.get("USABLE_QUOTA", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise ConfigError(
            "USABLE_QUOTA says how many runs of one owner may wait or run at once, a whole number "
            f"from 1, but is {quoted(text)}. Correct or unset it."
        )
    return int(text)


def is_read_only() -> bool:
    """Tell whether what is kept here is only shown: `USABLE_READ_ONLY` is set, and not to no."""
    said = os.environ.get("USABLE_READ_ONLY", "").strip().lower()
    return said not in ("", "0", "no", "off", "false")


def check_writable() -> None:
    """Check that things may be started, kept, changed and deleted here.

    Raises:
        ReadOnly: they may not.
    """
    if is_read_only():
        raise ReadOnly(READ_ONLY)


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
