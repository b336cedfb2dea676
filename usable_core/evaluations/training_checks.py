"""What parts of a question of fine-tuning go together, and a sentence where they do not."""

import math
from typing import TYPE_CHECKING

from usable_core.evaluations.specs import is_between, is_number, require, require_range

if TYPE_CHECKING:
    from usable_core.evaluations.training import FineTuningConfig

UNUSED = {  # value of each field that is not used
    "source": None,
    "proxy": "none",
    "layer_decay": 1.0,
    "last_blocks": None,
    "mixup": 0.0,
    "cutmix": 0.0,
    "micro_batch": None,
    "processes": None,
}
_PROBED = {
    **dict.fromkeys(
        ("source", "proxy"), "absent for a linear probe, which moves no backbone weight"
    ),
    "layer_decay": "1 for a linear probe, which moves no block",
    "last_blocks": "absent for a linear probe, which moves no block",
    **dict.fromkeys(("mixup", "cutmix"), "0 for a linear probe, whose features are computed once"),
    "micro_batch": "left out for a linear probe, whose features are small",
    "processes": "left out for a linear probe, whose head is one layer",
}
_RANDOM = {
    **dict.fromkeys(("source", "proxy"), "absent from random weights, which know nothing to keep"),
    "layer_decay": "1 from random weights, of which every block has as much to learn",
    "last_blocks": "absent from random weights, which would rest as they were drawn",
}


def check(config: "FineTuningConfig") -> None:
    """Check the numbers of a question, and that its parts go together.

    Raises:
        ConfigError: they do not; the sentence says which one, and why.
    """
    is_good = is_number(config.task_weight) and is_between(config.task_weight, 0, math.inf)
    require(is_good, "task_weight (λ)", "a finite number, 0 or more", config.task_weight)
    require_range(config, "backbone_rate", 0, 100)
    require_range(config, "layer_decay", 0.01, 1)
    require_range(config, "last_blocks", 1)
    require_range(config, "train_size", 2)
    if config.method == "linear_probe":
        _require_unused(config, _PROBED)
    if config.from_scratch:
        _require_unused(config, _RANDOM)
        is_good = config.method != "probe_then_full"
        expected = "full or linear_probe from random weights, whose features mean nothing yet"
        require(is_good, "method", expected, config.method)
    _check_weighing(config)


def _require_unused(config: "FineTuningConfig", expected: dict[str, str]) -> None:
    said = {**vars(config.schedule), **vars(config)}
    for name, sentence in expected.items():
        require(said[name] == UNUSED[name], name, sentence, said[name])


def _check_weighing(config: "FineTuningConfig") -> None:
    is_one = config.source is None or config.proxy == "none"
    expected = "absent beside source data, which it stands in for"
    require(is_one, "proxy", expected, config.proxy)
    expected = (
        "left out (1) where there is no L_pre to weigh against; give source data (--source) or "
        "a stand-in (--proxy distillation, --proxy distance)"
    )
    is_good = config.is_joint or config.task_weight == 1
    require(is_good, "task_weight (λ)", expected, config.task_weight)
