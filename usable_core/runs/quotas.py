"""How many runs may wait or run at once: of all, so that no visitor can fill the machine; of one.

The parts of a run are not counted: they wait for nothing of others.
"""

from collections.abc import Collection, Mapping
from typing import Any

from usable_core import settings
from usable_core.errors import StorageError

QUOTA = 200  # of all owners together


def check_room(active: Collection[Mapping[str, Any]], owner: str, more: int = 1) -> None:
    """Check that more runs of an owner may wait.

    Args:
        active: The table's rows of the runs that wait or run.
        owner: Who asks.
        more: How many runs they ask at once.

    Raises:
        ConfigError: `USABLE_QUOTA` is no number.
        StorageError: too many wait or run already.
    """
    owners = [row["owner"] for row in active if row["parent"] is None]
    _check(QUOTA, len(owners), more, "")
    if (own := settings.quota()) is not None:
        _check(own, owners.count(owner), more, f" of {owner}")


def _check(most: int, count: int, more: int, whose: str) -> None:
    if count + more > most:
        asked = "" if more == 1 else f", and {more} more are asked for"
        raise StorageError(
            f"At most {most} runs{whose} can wait or run at once, and there are {count}{asked}. "
            "Cancel some on the Runs page, or wait until some are over."
        )
