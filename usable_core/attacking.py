"""Usable from Python: the adversarial pictures themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from usable_core.arguments import Question, config_of, model_of
from usable_core.evaluations import keywords
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec

if TYPE_CHECKING:
    from torch import Tensor

    from usable_core.arguments import ModelLike


def attack(
    model: "ModelLike",
    images: object,
    labels: Sequence[int | str],
    *,
    epsilon: float,
    **settings: Unpack[keywords.AttackSettings],
) -> "Tensor":
    """Return adversarial images: the worst that an attack finds near each image.

    Args:
        model: As for `evaluate_accuracy`.
        images: As `Model.predict` takes them.
        labels: True class of each (N,), as its name or as its position among the logits.
        epsilon: Largest change, in units of the [0, 1] pixel range.
        **settings: As for `evaluate_robustness`, such as `attack`, `norm`, `steps` and `seed`; of a
            preset's attacks the first that succeeds counts.

    Returns:
        Images (N, 3, H, W) in [0, 1] within epsilon of what the model sees, whether or not the
        attack succeeded; `Model.predict` takes them as they are.

    Raises:
        AttackError: epsilon or the outputs are not what the attack needs.
        UsableError: images or labels are not those of the model, or a setting is out of its range.
    """
    from usable_core.measuring.attacking import adversarial_images

    loaded = model_of(model)
    question = Question({}, loaded.spec, DatasetSpec("images"))
    config = config_of(RobustnessConfig, question, {**settings, "epsilons": epsilon})
    return adversarial_images(loaded, images, labels, config)
