"""`Keeping`: what a fine-tuning keeps of its start, and how that is weighed against the task."""

import copy
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import nn

from usable_core.errors import UsableError
from usable_core.evaluations.specs import Report, require
from usable_core.evaluations.training import FineTuningConfig, Start
from usable_core.inputs.tokens import Tokens
from usable_core.models.model import Model
from usable_core.models.modes import frozen
from usable_core.training.joint import Balance, Joint, Keep, at_once
from usable_core.training.language_modelling import language_modelling
from usable_core.training.micro_batches import SourceParts
from usable_core.training.probing import linear_head
from usable_core.training.remarks import on_proxy, on_unit
from usable_core.training.retained import Kept, Source, SourceData, load_source, load_texts


@dataclass(frozen=True)
class Keeping:
    """What is kept while the task is learned.

    Attributes:
        joint: The network beside its start.
        keep: L_pre; where there is source data, of all examples of a step at once.
        balance: How it is weighed.
        source: The source's data; None where there is a proxy.
        proxy: What stands in for L_pre.
        parts: L_pre of source data in parts; None where it is of the task's examples.
    """

    joint: Joint
    keep: Keep
    balance: Balance
    source: SourceData | None
    proxy: str
    parts: SourceParts | None = None

    def remarks(self, start: Start) -> tuple[str, ...]:
        """Return what a reader must know of L_pre."""
        unit = self.balance.source_unit(start)
        is_other = self.balance.unit is None and unit != start.source
        stand_in = (on_proxy(self.proxy),) if self.source is None else ()
        return stand_in + ((on_unit(start, unit),) if is_other else ())

    def measured(self) -> Kept | None:
        """Return the source model that is left, with what it retained; None without source data."""
        return None if self.source is None else self.source.measured(self.joint.retained())


def _check_joint(model: Model) -> None:
    shown = model.input.trial().to(model.device)
    with frozen(model.network):
        last = linear_head(model.network, model.input.normalise(shown))
    if last is None:
        raise UsableError(
            f"L_pre needs a pretrained network that ends in one linear layer; {model.name} does "
            "not. Leave the source out, or choose another backbone."
        )


def keeping_of(
    config: FineTuningConfig,
    network: nn.Module,
    resting: Set[str],
    model: Model,
    source: Source | None,
    report: Report,
) -> Keeping:
    """Return what a question asks to keep.

    Args:
        config: The question, its schedule resolved.
        network: What will be trained: so far the model's but for its head.
        resting: Names of its modules that rest.
        model: Where it starts.
        source: The data of L_pre; None where there is a proxy.
        report: Told the progress.

    Raises:
        UsableError: the pretrained head is not one linear layer, or the source cannot be used.
    """
    _check_joint(model)
    device = next(network.parameters()).device
    start = copy.deepcopy(model.network).to(device).to(memory_format=torch.channels_last)
    joint = Joint(network, start, resting)
    balance = Balance(config.task_weight, len(model.labels))
    if config.proxy == "distance":
        return Keeping(joint, joint.distance(), replace(balance, unit=1.0), None, config.proxy)
    if source is None:
        require(
            bool(model.labels),
            "proxy",
            f"distance for {model.name}, which has no classes whose answers could be kept; or give "
            "source texts (--source)",
            config.proxy,
        )
        return Keeping(joint, joint.distillation(), balance, None, config.proxy)
    if model.labels:
        data = load_source(source, model, start, report)
        parts = joint.labels(data.material, model.input, config.schedule)
        return Keeping(joint, at_once(parts), balance, data, config.proxy, parts)
    expected = f"left out for {model.name}, which has no classes; or --proxy distance"
    require(model.kind == "text", "source", expected, config.source and config.source.reference)
    takes = cast(Tokens, model.input)
    modelling = language_modelling(network, takes, model.name)
    data = load_texts(source, model, start, modelling, report)
    parts = joint.guesses(data.material, modelling, config.schedule)
    balance = replace(balance, classes=takes.known)
    return Keeping(joint, at_once(parts), balance, data, config.proxy, parts)
