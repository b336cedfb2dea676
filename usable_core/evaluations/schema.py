"""The form of stored questions: its number, and the steps that bring an older one up to date.

A change of a config's fields adds a step here, so that what was stored before still opens.
"""

from collections.abc import Callable
from typing import Any

from usable_core.errors import StorageError
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.records import to_json

Stored = dict[str, Any]


def _attacks_resolved(task: str, config: Stored) -> Stored:
    """Step 1: a robustness question holds its attacks, not a preset's name and seven settings."""
    if task != "robustness":
        return config
    names = ("attack", "steps", "restarts", "step_size", "loss", "momentum", "targets")
    said = {name: config[name] for name in names if config["preset"] is None}
    kept = {name: value for name, value in config.items() if name not in names}
    choice = AttackChoice(preset=config["preset"], **said)
    return kept | {"attacks": to_json(choice.attacks)}


def _nothing_to_weigh(task: str, config: Stored) -> Stored:
    """Step 2: λ is said only where there is an L_pre, which random weights have none of."""
    if task != "finetune":
        return config
    source = None if config.get("from_scratch") else config.get("source")
    weight = config.get("task_weight", 1.0) if source else 1.0
    return config | {"source": source, "task_weight": weight}


STEPS: tuple[Callable[[str, Stored], Stored], ...] = (_attacks_resolved, _nothing_to_weigh)
SCHEMA = 1 + len(STEPS)  # the number of the present form; what has no number is of form 1


def check_schema(number: int, what: str) -> None:
    """Check that this version can read what was stored.

    Raises:
        StorageError: a newer version stored it.
    """
    if number > SCHEMA:
        raise newer(what, f"form {number}", f"forms up to {SCHEMA}")


def newer(what: str, of: str, known: str) -> StorageError:
    """Return the sentence about what a newer version stored, and what this one reads."""
    return StorageError(
        f"{what} was stored by a newer version of Usable ({of}; this version reads {known}). "
        "Update Usable, or name another store by USABLE_HOME."
    )


def upgraded(task: str, config: Stored) -> Stored:
    """Return a stored question in the present form.

    Args:
        task: Its task.
        config: As `tasks.config_to_json` wrote it, in this version or an earlier one.

    Raises:
        StorageError: a newer version stored it.
    """
    config = dict(config)
    number = config.pop("schema", 1)
    check_schema(number, "This question")
    for step in STEPS[number - 1 :]:
        config = step(task, config)
    return config
