"""Ways of training by name: settings to start from, each of which can be said otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from usable_core.errors import ConfigError

OF_PICTURES = ("augmentation", "mixup", "cutmix")  # settings that texts have none of


@dataclass(frozen=True)
class RecipeRow:
    """One way of fine-tuning.

    Attributes:
        title: As people call it.
        help: What it is for, in one sentence.
        schedule: Fields of `Schedule` that differ from what is usual.
        settings: Fields of `FineTuningConfig` that do.
        preprocessing: How pictures are prepared, where not as the weights were trained.
        faults: What is wrong about it, a sentence each.
        better: The recipe that is without them.
    """

    title: str
    help: str
    schedule: Mapping[str, str | int | float] = field(default_factory=dict)
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    preprocessing: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    better: str = ""

    @property
    def is_of_pictures(self) -> bool:
        """Tell whether it sets what texts have none of."""
        return bool(self.preprocessing) or any(name in self.schedule for name in OF_PICTURES)


def require_fitting(recipe: str | None, kind: str | None) -> None:
    """Check that a recipe is one for what a model takes, as far as that is known.

    Raises:
        ConfigError: it changes pictures, and the model takes texts.
    """
    if recipe is None or kind != "text" or not RECIPES[recipe].is_of_pictures:
        return
    others = [name for name, row in RECIPES.items() if not row.is_of_pictures]
    raise ConfigError(
        f"The recipe {recipe} sets how pictures are prepared or changed, and the model takes "
        f"texts. Choose {', '.join(others[:-1])} or {others[-1]}."
    )


RECIPES = {
    "usual": RecipeRow(
        "Usual",
        "A linear warm-up, a cosine to zero, shifted pictures: the rate that the network's layers "
        "stand.",
    ),
    "probe": RecipeRow(
        "Linear probe",
        "Only a new head on features that are computed once: seconds, and a measure of how good "
        "they are.",
        settings={"method": "linear_probe"},
    ),
    "careful": RecipeRow(
        "Careful",
        "For few examples near what the backbone knows: its weights move at a tenth of the head's "
        "rate, targets are smoothed.",
        schedule={"label_smoothing": 0.1},
        settings={"backbone_rate": 0.1},
    ),
    "probe-then-full": RecipeRow(
        "Probe, then all",
        "For models that will see other data than they are tuned on: first the new head alone, on "
        "features that are computed once, then every weight from there, so that a random head "
        "distorts no feature (Kumar et al. 2022, arXiv:2202.10054).",
        settings={"method": "probe_then_full"},
    ),
    "layer-decay": RecipeRow(
        "Layer decay",
        "For transformers and deep networks: AdamW at a rate that falls to three quarters from "
        "each block to the one before it, since early features are of use for any task (Bao et "
        "al. 2022, arXiv:2106.08254).",
        schedule={"optimizer": "adamw"},
        settings={"layer_decay": 0.75},
    ),
    "last-blocks": RecipeRow(
        "Last blocks",
        "Only the last two blocks and the new head move: quicker than all, and for tasks near what "
        "the backbone knows (Yosinski et al. 2014, arXiv:1411.1792).",
        settings={"last_blocks": 2},
    ),
    "stopped-early": RecipeRow(
        "Stopped early",
        "As many epochs as help: it ends five after the lowest validation loss and keeps that "
        "epoch's weights (Prechelt 1998, doi:10.1007/3-540-49430-8_3).",
        schedule={"epochs": 50, "patience": 5},
    ),
    "averaged": RecipeRow(
        "Averaged",
        "The rate stays up, and what is kept is the moving average of the weights over twenty "
        "steps: smoother than any single step (Polyak & Juditsky 1992, doi:10.1137/0330046).",
        schedule={"ema": 0.95, "decay": "constant"},
    ),
    "augmented": RecipeRow(
        "Augmented",
        "For pictures and many epochs: random changes of every picture and mixtures of two, which "
        "a small data set needs most (Cubuk et al. 2020, arXiv:1909.13719; Zhang et al. 2018, "
        "arXiv:1710.09412; Yun et al. 2019, arXiv:1905.04899).",
        schedule={
            "epochs": 30,
            "augmentation": "rand_augment",
            "mixup": 0.2,
            "cutmix": 1.0,
            "label_smoothing": 0.1,
        },
    ),
    "rare-classes": RecipeRow(
        "Rare classes",
        "Every class is seen equally often, however rare it is.",
        schedule={"sampling": "balanced"},
    ),
    "seed-recipe": RecipeRow(
        "Tutorial",
        "As tutorials have it: SGD at 0.001 with momentum 0.9, batches of 64, ten epochs, pictures "
        "of 32 pixels normalised by 0.5. Meant for torchvision/resnet50 and CIFAR-10.",
        schedule={
            "epochs": 10,
            "batch_size": 64,
            "optimizer": "sgd",
            "momentum_form": "classical",
            "learning_rate": 0.001,
            "decay": "constant",
            "warmup": 0.0,
            "weight_decay": 0.0,
            "clip": 0.0,
            "augmentation": "none",
        },
        preprocessing=(
            ("resize", "32"),
            ("crop", "32"),
            ("mean", "0.5,0.5,0.5"),
            ("std", "0.5,0.5,0.5"),
        ),
        faults=(
            "Pictures are normalised by 0.5, not by the mean and deviation that the weights were "
            "trained with, so the pretrained layers see other numbers than they know.",
            "At 32 pixels the last map of a ResNet-50 is one pixel wide: weights of 224 pixels "
            "lose most of what they can see.",
            "The rate never falls, so the last epoch is as noisy as the first and the weights kept "
            "are a matter of chance.",
            "No picture is ever changed and no weight decays: ten epochs learn the training split "
            "by heart.",
        ),
        better="tutorial-mended",
    ),
    "tutorial-mended": RecipeRow(
        "Tutorial, mended",
        "The tutorial's ten epochs of SGD in batches of 64, with the weights' own normalisation, "
        "64 pixels, a rate that rises and falls, shifts and flips, and weight decay.",
        schedule={
            "epochs": 10,
            "batch_size": 64,
            "optimizer": "sgd",
            "augmentation": "shift_flip",
        },
        preprocessing=(("resize", "64"), ("crop", "64")),
    ),
}
