"""What is usual where a schedule leaves it open: by the rule that layers say, not by names.

Batch normalisation makes a layer's answer independent of the scale of its weights, so that a large
step does no harm (Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.3). Where layers are normalised
otherwise, or not at all, the same step destroys what was learned.
"""

import math
from dataclasses import replace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from usable_core.errors import ConfigError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import InputKind

ADAMW_RATE = 1e-3  # Kingma & Ba 2015, arXiv:1412.6980
TEXT_RATE = 5e-5  # of AdamW; Devlin et al. 2019, arXiv:1810.04805, appendix A.3: 2e-5 to 5e-5
TEXT_PROBE_RATE = 3e-3  # of 1e-3 and 3e-3 the better for 600 texts, and no worse for 8,662
EPOCHS, BATCH, DECAY = 10, 64, 5e-4
# A probe of texts: what a step at the peak takes off the weights, times the texts, and at most.
# As a prior it weighs the less against a mean loss the more texts there are: of 150 and 600 texts
# it is 1 to 2 points better than 5e-4, of 6,662 the same.
TEXT_SHRINKING, MOST_SHRINKING, MOST_DECAY = 18, 0.03, 10
TEXT_BATCH = 32  # Devlin et al. 2019, appendix A.3
# There 3 or 4 passes do, of data of ten thousand texts; few texts need as many steps to be learnt.
FEWEST_EPOCHS, TEXT_STEPS = 3, 600
RATE = 0.05  # a tenth and less of what the bundled backbones were trained with from random weights
CAREFUL_RATE = 0.01  # Dosovitskiy et al. 2021, arXiv:2010.11929, appendix B.1.1: 0.003 to 0.03
# A head that fits sends longer gradients into the backbone than a random one, which is near 0: at
# the usual rate of sgd they drive the features off before the head can follow.
AFTER_PROBE = 10
# What normalises by other means than the batch; `GroupNorm` has no subclass among torch's.
_OTHERWISE = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def resolved(
    schedule: Schedule,
    network: nn.Module,
    method: str = "full",
    kind: InputKind = "picture",
    *,
    examples: int = 0,
) -> Schedule:
    """Return a schedule that leaves nothing open: what was asked for, else the usual.

    Args:
        schedule: As it was asked.
        network: What is trained.
        method: A `linear_probe` is trained on standardised features, alike for every network;
            `probe_then_full` is what comes after it.
        kind: What the network takes.
        examples: How many texts a network is tuned by; 0 where that is not what is done.

    Raises:
        ConfigError: texts are to be shifted, mirrored or mixed.
    """
    is_text, is_whole = kind == "text", method != "linear_probe"
    if is_text and schedule.augmentation not in (None, "none"):
        raise ConfigError(
            f"augmentation must be none for texts, which cannot be shifted or mirrored, but is "
            f"{schedule.augmentation!r}. Leave it out."
        )
    if is_text and (schedule.mixup or schedule.cutmix):
        raise ConfigError(
            f"mixup and cutmix must be 0 for texts, which cannot be blended, but are "
            f"{schedule.mixup:g} and {schedule.cutmix:g}. Leave them out."
        )
    optimizer = schedule.optimizer or ("adamw" if is_text else "sgd")
    rate = schedule.learning_rate
    if rate is None and optimizer == "adamw":
        rate = ADAMW_RATE if not is_text else TEXT_RATE if is_whole else TEXT_PROBE_RATE
    elif rate is None:
        is_probed = not is_whole and not is_text  # whose features go together
        rate = RATE if is_probed or stands_large_steps(network) else CAREFUL_RATE
        rate /= AFTER_PROBE if method == "probe_then_full" else 1
    augmentation = schedule.augmentation or ("none" if is_text else "shift")
    epochs, batch_size = _passes(schedule, examples if is_text and is_whole else 0)
    decay = schedule.weight_decay
    if decay is None:
        is_prior = is_text and not is_whole and optimizer == "adamw" and examples > 0
        decay = _prior(examples, rate) if is_prior else DECAY
    return replace(
        schedule,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=rate,
        weight_decay=decay,
        augmentation=augmentation,
    )


def _passes(schedule: Schedule, texts: int) -> tuple[int, int]:
    """Return the epochs and the batch size of a schedule; see `resolved`."""
    batch_size = schedule.batch_size or (TEXT_BATCH if texts else BATCH)
    enough = math.ceil(TEXT_STEPS / math.ceil(texts / batch_size)) if texts else EPOCHS
    return schedule.epochs or min(max(enough, FEWEST_EPOCHS), EPOCHS), batch_size


def _prior(texts: int, rate: float) -> float:
    """Return the weight decay of a probe of texts: with that of AdamW a step takes rate x decay."""
    return min(min(TEXT_SHRINKING / texts, MOST_SHRINKING) / rate, MOST_DECAY)


def stands_large_steps(network: nn.Module) -> bool:
    """Tell whether batch normalisation, and no other kind, keeps the network's layers in scale."""
    modules = list(network.modules())
    has_batch_norm = any(isinstance(module, _BatchNorm) for module in modules)
    return has_batch_norm and not any(isinstance(module, _OTHERWISE) for module in modules)
