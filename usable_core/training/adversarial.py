"""Adversarial training: where images are moved to in each step, and the loss that is taken there.

References: `fast`, Wong, Rice & Kolter 2020, arXiv:2001.03994 (FGSM from a random start); `pgd`,
Madry et al. 2018, arXiv:1706.06083; `trades`, Zhang et al. 2019, arXiv:1901.08573.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.modes import frozen

STEP = 1.25  # of `fast`, in multiples of epsilon, section 4 of the paper
# Way of all steps together, in multiples of epsilon: on CIFAR-10 Madry et al. take 7 steps of 2 at
# 8, Zhang et al. 10 of 0.007 at 0.031; more steps are shorter ones.
REACH = {"pgd": 7 * 2 / 8, "trades": 10 * 0.007 / 0.031}
BETA = 6.0  # 1/λ of Zhang et al., table 5: what the network's steadiness weighs
NEAR = 0.001  # standard deviation of where `trades` starts, as in the authors' code


def perturb(
    network: nn.Module, preprocessing: Preprocessing, x: Tensor, target: Tensor, epsilon: float
) -> Tensor:
    """Return x (N, 3, H, W) moved one gradient step up the loss, within epsilon (Linf) and [0, 1].

    The target is classes (N,), or shares of them (N, classes) where images were mixed.
    Batch normalisation keeps to its running statistics meanwhile, and no parameter gets a gradient.
    """
    was_training = network.training
    network.eval()
    start = torch.empty_like(x).uniform_(-epsilon, epsilon)
    start = ((x + start).clamp(0, 1) - x).requires_grad_(True)
    loss = F.cross_entropy(network(preprocessing.normalise(x + start)), target)
    (gradient,) = torch.autograd.grad(loss, start)
    delta = (start.detach() + STEP * epsilon * gradient.sign()).clamp(-epsilon, epsilon)
    network.train(was_training)
    return (x + delta).clamp(0, 1)


def climbed(
    loss: Callable[[Tensor], Tensor], x: Tensor, start: Tensor, epsilon: float, sizes: list[float]
) -> Tensor:
    """Return images moved up a loss by signs of its gradient, within epsilon of x and in [0, 1].

    Args:
        loss: Of images (N, 3, H, W), a scalar.
        x: Images (N, 3, H, W) in [0, 1].
        start: Where to begin, of the same shape.
        epsilon: Largest change of any pixel.
        sizes: Of the steps.

    Reference: Madry et al. 2018, section 2.1.
    """
    x_adv = start.clamp(0, 1)
    for size in sizes:
        x_adv = x_adv.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(loss(x_adv), x_adv)
        moved = x_adv.detach() + size * gradient.sign()
        x_adv = (x + (moved - x).clamp(-epsilon, epsilon)).clamp(0, 1)
    return x_adv.detach()


def divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Return KL(softmax of target || softmax of logits), both (N, classes), as a mean over N."""
    wanted = F.log_softmax(target, 1)
    return F.kl_div(F.log_softmax(logits, 1), wanted, reduction="batchmean", log_target=True)


@dataclass(frozen=True)
class Adversary:
    """The adversary of one training.

    Attributes:
        network: What is trained, and attacked.
        preprocessing: Of its images.
        config: Its `adversarial`, `epsilon` and `attack_steps`; epsilon is above 0.
        label_smoothing: Of the cross-entropy that is minimised.
    """

    network: nn.Module
    preprocessing: Preprocessing
    config: PretrainingConfig
    label_smoothing: float = 0.0

    def loss(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, a differentiable scalar, and the logits (N, classes) under attack.

        Args:
            x: Images (N, 3, H, W) in [0, 1].
            target: Classes (N,), or shares of them (N, classes) where images were mixed.
        """
        if self.config.adversarial == "trades":
            return self._trades(x, target)
        is_fast = self.config.adversarial == "fast"
        x_adv = self._fast(x, target) if is_fast else self.pgd(x, target)
        logits = self._logits(x_adv)
        return F.cross_entropy(logits, target, label_smoothing=self.label_smoothing), logits

    def pgd(self, x: Tensor, target: Tensor) -> Tensor:
        """Return x moved up its cross-entropy from a uniformly drawn start."""
        epsilon = self.config.epsilon
        start = x + torch.empty_like(x).uniform_(-epsilon, epsilon)
        with frozen(self.network):
            return climbed(
                lambda x_adv: F.cross_entropy(self._logits(x_adv), target),
                x,
                start,
                epsilon,
                self._sizes("pgd"),
            )

    def away(self, x: Tensor) -> Tensor:
        """Return x moved to where the network's answer differs most from that to x."""
        start = x + NEAR * torch.randn_like(x)
        with frozen(self.network):
            answer = self._logits(x).detach()
            return climbed(
                lambda x_adv: divergence(self._logits(x_adv), answer),
                x,
                start,
                self.config.epsilon,
                self._sizes("trades"),
            )

    def answers(self, x: Tensor) -> Tensor:
        """Return which class (N,) the network says of each image, in evaluation mode."""
        with frozen(self.network), torch.inference_mode():
            return self._logits(x).argmax(1)

    def _trades(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        x_adv = self.away(x)
        clean, moved = self._logits(x), self._logits(x_adv)
        natural = F.cross_entropy(clean, target, label_smoothing=self.label_smoothing)
        return natural + BETA * divergence(moved, clean), moved

    def _fast(self, x: Tensor, target: Tensor) -> Tensor:
        return perturb(self.network, self.preprocessing, x, target, self.config.epsilon)

    def _sizes(self, kind: str) -> list[float]:
        steps = self.config.adversary_steps
        return [REACH[kind] * self.config.epsilon / steps] * steps

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(self.preprocessing.normalise(x))
        return logits.float()
