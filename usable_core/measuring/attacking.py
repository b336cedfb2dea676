"""Adversarial images of a batch, for a caller who wants the images and no evaluation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from usable_core.asking.batch_size import best_batch_size
from usable_core.attacks.campaign import Attacked, run_attack
from usable_core.attacks.needs import check_gradients
from usable_core.datasets.dataset import hash_bytes
from usable_core.errors import AttackError
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.measuring.attacked_texts import check_kind
from usable_core.measuring.provenance import ready
from usable_core.models.model import Model
from usable_core.models.pixels import pixels_of
from usable_core.randomness import example_seeds


def adversarial_images(
    model: Model, images: object, labels: Sequence[int | str], config: RobustnessConfig
) -> Tensor:
    """Return the worst images (N, 3, H, W) that the attacks of a config find; see `api.attack`."""
    check_kind(model, config)
    check_gradients(model, config.attacks)
    x = pixels_of(images, model.preprocessing)
    y = _indices(model, labels, len(x))
    seeds = example_seeds([hash_bytes(image.numpy().tobytes()) for image in x], config.seed)
    size = best_batch_size(ready(model), needs_gradient=True, images=x, at_most=len(x)).current
    found = [x[:0]]
    for part in (slice(start, start + size) for start in range(0, len(x), size)):
        found.append(_worst(model, x[part], y[part], seeds[part], config))
    return torch.cat(found)


def _worst(model: Model, x: Tensor, y: Tensor, seeds: Tensor, config: RobustnessConfig) -> Tensor:
    """Return what the first attack that succeeds made of each image, else the last one."""
    x_adv, left = x.clone(), torch.arange(len(x))
    for spec in config.attacks:
        examples = Attacked(x[left].to(model.device), y[left].to(model.device), seeds[left])
        outcome = run_attack(model, examples, config.epsilons[-1], spec, norm=config.norm)
        x_adv[left] = outcome.x_adv.cpu()
        left = left[~outcome.is_fooled.cpu()]
    return x_adv


def _indices(model: Model, labels: Sequence[int | str], count: int) -> Tensor:
    """Return the class (N,) of each label."""
    listed = [label.item() if hasattr(label, "item") else label for label in labels]
    if len(listed) != count:
        raise AttackError(f"Each image needs its true class: {count} images, {len(listed)} labels.")
    found = [model.labels.index(one) if isinstance(one, str) else one for one in listed]
    for one in found:
        if not (isinstance(one, int) and 0 <= one < len(model.labels)):
            raise AttackError(
                f"A label must be a class name or its position from 0 to {len(model.labels) - 1}, "
                f"but is {one!r}."
            )
    return torch.tensor(found, dtype=torch.int64)
