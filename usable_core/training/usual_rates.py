"""The usual learning rate of a network, by the rule that its layers say, not by a list of names.

Batch normalisation makes a layer's answer independent of the scale of its weights, so that a large
step does no harm (Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.3). Where layers are normalised
otherwise, or not at all, the same step destroys what was learned.
"""

from dataclasses import replace

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from usable_core.evaluations.training import Schedule

ADAMW_RATE = 1e-3  # Kingma & Ba 2015, arXiv:1412.6980
RATE = 0.05  # a tenth and less of what the bundled backbones were trained with from random weights
CAREFUL_RATE = 0.01  # Dosovitskiy et al. 2021, arXiv:2010.11929, appendix B.1.1: 0.003 to 0.03
# What normalises by other means than the batch; `GroupNorm` has no subclass among torch's.
_OTHERWISE = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def resolved(schedule: Schedule, network: nn.Module, method: str = "full") -> Schedule:
    """Return a schedule whose learning rate is a number: what was asked for, else the usual.

    Args:
        schedule: As it was asked.
        network: What is trained.
        method: A `linear_probe` is trained on standardised features, alike for every network.
    """
    if schedule.learning_rate is not None:
        return schedule
    if schedule.optimizer == "adamw":
        return replace(schedule, learning_rate=ADAMW_RATE)
    is_robust = method == "linear_probe" or stands_large_steps(network)
    return replace(schedule, learning_rate=RATE if is_robust else CAREFUL_RATE)


def stands_large_steps(network: nn.Module) -> bool:
    """Tell whether batch normalisation, and no other kind, keeps the network's layers in scale."""
    modules = list(network.modules())
    has_batch_norm = any(isinstance(module, _BatchNorm) for module in modules)
    return has_batch_norm and not any(isinstance(module, _OTHERWISE) for module in modules)
