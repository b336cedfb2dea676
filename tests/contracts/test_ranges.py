"""Every number that a question has is checked, whichever question and number."""

import dataclasses
from numbers import Real

import pytest

from usable_core.catalog.attacks import AttackSpec
from usable_core.errors import ConfigError
from usable_core.evaluations.attack_choice import check_attack
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.records import hints_of
from usable_core.tasks import TASKS

GIVEN = {
    "model": ModelSpec("bundled/resnet"),
    "models": (ModelSpec("bundled/resnet"),),
    "dataset": DatasetSpec("digits"),
    "architecture": "small_resnet",
    "proxy": "distance",
}
NEVER = (10**20, -(10**20), -1, float("nan"), float("inf"), -float("inf"), 1.5, True, "1")
MAY_BE = {
    1.5: (
        "momentum",
        "clip",
        "mixup",
        "cutmix",
        "learning_rate",
        "weight_decay",
        "task_weight",
        "backbone_rate",
        "step_size",
        "highest",
    ),
    10**20: ("task_weight",),
}


def checked(kind, **values):
    """Return a config of some values; an attack is checked as a config checks it."""
    names = {field.name for field in dataclasses.fields(kind)}
    made = kind(**{name: v for name, v in GIVEN.items() if name in names}, **values)
    if kind is AttackSpec:
        check_attack(made, "linf")
    return made


def records():
    configs = [row.config for row in TASKS.values()]
    return [*dict.fromkeys([*configs, DatasetSpec, Schedule, ExplainerOptions, AttackSpec])]


def numbers():
    """Return every field of every question that holds one number."""
    for kind in records():
        for field in dataclasses.fields(kind):
            hint = hints_of(kind)[field.name]
            if hint in (int, float, int | None, float | None):
                yield kind, field.name


@pytest.mark.parametrize(
    ("kind", "name"), list(numbers()), ids=lambda one: getattr(one, "__name__", one)
)
def test_a_number_out_of_range_is_a_sentence(kind, name):
    required = {"name": "pgd"} if kind is AttackSpec else {}
    required |= {"reference": "digits"} if kind is DatasetSpec else {}
    for value in NEVER:
        if name in MAY_BE.get(value, ()):
            continue
        with pytest.raises(ConfigError) as refused:
            checked(kind, **required, **{name: value})
        assert len(str(refused.value)) < 300, name
    default = getattr(checked(kind, **required), name)
    assert default is None or isinstance(default, Real)


def test_there_are_numbers_to_check():
    assert len(list(numbers())) > 25
