"""Linear probe: features computed once, a linear head trained on them, the backbone untouched.

The head is trained on standardised features and then folded back, so that one learning rate suits
every backbone; the folded head on raw features gives the same logits.
"""

from dataclasses import dataclass, replace

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.asking.oracle import Oracle
from usable_core.errors import UsableError
from usable_core.evaluations.schedule import Schedule, kept_record
from usable_core.evaluations.specs import InputKind, Report
from usable_core.models.heads import features, head
from usable_core.training.loop import Fitted, fit, starting_losses
from usable_core.training.material import Material
from usable_core.training.meter import Validation
from usable_core.training.micro_batches import Memory
from usable_core.training.objective import Loss, Objective
from usable_core.training.resuming import Checkpoints
from usable_core.training.trainee import Trainee
from usable_core.training.usual_rates import resolved

BATCH = 64
TOLERANCE = 1e-3
# Features that hardly vary among the training examples (units of ReLU that are off) are not blown
# up: among others they may be on, 200,000 deviations away. So much of the mean is taken at least.
LEAST_STD, TINY = 0.01, 1e-6


def probe(
    trainee: Trainee,
    task: Material,
    held_out: Material,
    schedule: Schedule,
    report: Report,
    checkpoints: Checkpoints,
) -> Fitted:
    """Train only the network's new head, in place, in float32.

    Raises:
        UsableError: the network's head is not one linear layer on its features.
    """
    probing = prepared_probe(trainee, task, held_out, schedule, report)
    fitted = fit(probing.objective, replace(schedule, precision="float32"), report, checkpoints)
    probing.fold()
    return fitted


@dataclass(frozen=True)
class Probing:
    """A linear head on cached features, which is trained in place of a network's own.

    Attributes:
        objective: What is minimised.
        last: The network's own head.
        probe: The head that is trained, on standardised features.
        mean: Of the features (D,).
        std: Of the features (D,).
    """

    objective: Objective
    last: nn.Linear
    probe: nn.Linear
    mean: Tensor
    std: Tensor

    @torch.no_grad()
    def fold(self) -> None:
        """Let the network's own head say of raw features what the trained one says."""
        weight = self.probe.weight
        self.last.weight.copy_(weight / self.std)
        self.last.bias.copy_(self.probe.bias - (weight * (self.mean / self.std)).sum(1))


def prepared_probe(
    trainee: Trainee, task: Material, held_out: Material, schedule: Schedule, report: Report
) -> Probing:
    """Return a new head on features that are computed now; errors as of `probe`."""
    network = trainee.network.eval()
    x = trainee.input.normalise(task.images(slice(0, 2)))
    last = linear_head(network, x)
    if last is None or last.bias is None:
        raise UsableError(
            f"A linear probe needs a network that ends in one linear layer; "
            f"{type(network).__name__} does not. Choose full fine-tuning."
        )
    train = _cached_features(trainee, task, report)
    test = _cached_features(trainee, held_out, report)
    mean, std = train.mean(0), train.std(0)
    least = max(LEAST_STD * float(std.mean()), TINY)
    is_dead, std = std < least, std.clamp_min(least)
    train, test = (train - mean) / std, (test - mean) / std
    probe_head = nn.Linear(train.shape[1], last.out_features).to(train.device)
    with torch.no_grad():
        probe_head.weight[:, is_dead] = 0  # they say nothing until an example says otherwise

    def loss(indices: Tensor, _step: int) -> Loss:
        chosen = indices.to(train.device)
        logits, y = probe_head(train[chosen]), task.labels[chosen]
        total = F.cross_entropy(logits, y, label_smoothing=schedule.label_smoothing)
        return Loss(total, logits.detach().argmax(1).eq(y).sum())

    @torch.inference_mode()
    def validate() -> Validation:
        logits = probe_head(test)
        nll = float(F.cross_entropy(logits, held_out.labels))
        return Validation(nll, float(logits.argmax(1).eq(held_out.labels).float().mean()))

    objective = Objective(
        parts=[(probe_head, 1.0)],
        loss=loss,
        validate=validate,
        examples=len(task),
        classes=last.out_features,
        device=train.device,
        labels=task.labels,
    )
    return Probing(objective, last, probe_head, mean, std)


def probe_then_fit(
    trainee: Trainee,
    task: Material,
    held_out: Material,
    objective: Objective,
    schedule: Schedule,
    report: Report,
    checkpoints: Checkpoints,
) -> Fitted:
    """Train the new head alone first, then all that an objective says; in place.

    A head that fits the features from the first step on distorts them less: Kumar et al. 2022,
    arXiv:2202.10054. The losses of the start, which λ weighs by, are those before the probe.

    Args:
        trainee: The network.
        task: What is trained on.
        held_out: What is validated by.
        objective: What is minimised after the probe.
        schedule: How; the probe has its epochs and optimizer, and its own rate and weight decay.
        report: Told the progress of both.
        checkpoints: Of both.

    Returns:
        How the second training went; epoch 0 is the probe's end.

    Raises:
        UsableError: as `probe` does.
    """

    def told(done: int, total: int, message: str, **_metrics: float) -> None:
        report(done, total, f"Probe: {message}")

    memory = Memory(objective, schedule.together)
    start = starting_losses(objective, schedule, "float32", memory)
    settings = of_probe(schedule, trainee.network, trainee.kind, examples=len(task))
    first = probe(trainee, task, held_out, settings, told, checkpoints.within("probe"))
    if first.divergence is not None:
        return first
    second = fit(objective, schedule, report, checkpoints, start)
    earlier = first.earlier + second.earlier
    if second.records.empty:
        return replace(second, earlier=earlier)
    seconds = first.records["seconds"].sum()
    end = {**kept_record(first.records, settings), "epoch": 0.0, "seconds": seconds}
    records = pd.concat([pd.DataFrame([end]), second.records], ignore_index=True)
    return replace(second, records=records, earlier=earlier)


def of_probe(schedule: Schedule, network: nn.Module, kind: InputKind, *, examples: int) -> Schedule:
    """Return the schedule of a probe before a training: its own rate and decay, and no mixtures."""
    open_ = replace(schedule, learning_rate=None, weight_decay=None, mixup=0.0, cutmix=0.0)
    return resolved(open_, network, "linear_probe", kind, examples=examples)


def linear_head(network: nn.Module, x: Tensor) -> nn.Linear | None:
    """Return the last layer, if it is linear and sees exactly what `features` returns, or None.

    Args:
        network: In evaluation mode.
        x: Normalised examples (N, …) to find out with.
    """
    last = head(network)
    if isinstance(last, nn.Sequential):
        last = last[-1]
    if isinstance(last, nn.Linear):
        with torch.inference_mode():
            if torch.allclose(last(features(network, x)), network(x), atol=TOLERANCE):
                return last
    return None


def _cached_features(trainee: Trainee, material: Material, report: Report) -> Tensor:
    def features_of(part: slice) -> Tensor:
        with torch.inference_mode():
            x = material.images(part).contiguous(memory_format=torch.channels_last)
            return trainee.features(x).float()

    cached = []
    with Oracle(trainee, fixed_size=BATCH) as oracle:
        for part, one in oracle.each(len(material), features_of):
            cached.append(one)
            report(part.stop, len(material), "Computing features")
    return torch.cat(cached)
