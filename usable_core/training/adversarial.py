"""The inner step of fast adversarial training.

Reference: Wong, Rice & Kolter 2020, arXiv:2001.03994 (FGSM from a random start).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.inputs.preprocessing import Preprocessing

STEP = 1.25  # step size in multiples of epsilon, section 4 of the paper


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
