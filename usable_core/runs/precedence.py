"""What the store knows of requirements and data: which came first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from usable_core import tasks
from usable_core.evaluations.specs import is_between, is_number
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.precedence import Precedence

if TYPE_CHECKING:
    from usable_core.runs.table import RunTable

LAST = 4e9  # seconds since 1970, in the year 2096
ANY = ("auto", "all")  # splits that can hold any other


def precedence(table: "RunTable", config: AssessmentConfig, fingerprint: str) -> Precedence:
    """Return when requirements were first asked for, and when data were first looked at.

    Requirements are the same whatever their order and whomever they are asked of. A look is an
    evaluation of any model that came to its first number.

    Args:
        table: All runs.
        config: The assessment, which is in the table itself.
        fingerprint: Of the data.
    """
    asked = _set_of(tasks.config_to_json(config))
    written = [row["created"] for row in table.asked("assess") if _set_of(row["config"]) == asked]
    own = tasks.config_to_json(tasks.placed(config))["dataset"]
    looks = [
        row["started"]
        for row in table.looked_at(fingerprint)
        if _is_evaluation(row["task"]) and _is_same_part(row, own, fingerprint)
    ]
    return Precedence(_moment(written), _moment(looks))


def _is_evaluation(task: str) -> bool:
    """Tell whether a task shows how models do on data."""
    row = tasks.TASKS.get(task)
    return row is not None and hasattr(row.config, "same") and not row.precedes_training


def _set_of(config: Any) -> object:  # noqa: ANN401 - JSON of any version
    """Return what two sets of requirements share where they are the same."""
    try:
        return sorted(config["require"]), config["norm"]
    except (LookupError, TypeError):
        return None


def _is_same_part(row: dict[str, Any], own: dict[str, Any], fingerprint: str) -> bool:
    """Tell whether a run is about these data: by what they hold, by their name where none is."""
    config = row["config"] if isinstance(row["config"], dict) else {}
    data = config.get("dataset")
    if not isinstance(data, dict):
        return False
    is_same = row["data"] == fingerprint or (
        row["data"] is None and data.get("reference") == own["reference"]
    )
    splits = {str(data.get("split")), own["split"]}
    return is_same and (len(splits) == 1 or not splits.isdisjoint(ANY))


def _moment(seconds: list[Any]) -> str:
    """Return the earliest of several times; what another program wrote there is none."""
    times = [one for one in seconds if is_number(one) and is_between(one, 0, LAST)]
    return datetime.fromtimestamp(min(times), UTC).isoformat() if times else ""
