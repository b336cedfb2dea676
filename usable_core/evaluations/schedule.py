"""`Schedule`: how the weights of a network move in a training."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    MOST_SEED,
    Precision,
    require,
    require_choices,
    require_range,
)

if TYPE_CHECKING:
    import pandas as pd

LEAST_MICRO_BATCH = 4  # parts of like size then have two and more, which batch normalisation needs
MOST_PROCESSES = 64


@dataclass(frozen=True)
class Schedule:
    """How the parameters move.

    Attributes:
        epochs: Passes over the training split. When not given, 10; where all weights of a network
            of texts are moved, as many as make 600 steps, from 3 to 10.
        batch_size: Examples per step. When not given, 64, and there 32.
        optimizer: When not given, sgd, and adamw for texts and where pictures have no labels.
        momentum: Of sgd.
        momentum_form: Of sgd: Nesterov's looks a step ahead, the classical one does not.
        learning_rate: Its peak. When not given, 0.001 with adamw, but 5e-5 for
            networks of texts and 0.003 for linear probes of them; with sgd 0.05 for linear probes
            of pictures and for networks of batch normalisation alone, which do not mind the scale
            of their weights, and 0.01 for all others (transformers, ConvNeXt, VGG); a tenth of it
            after a probe, whose head sends longer gradients.
        warmup: Share of the steps in which the rate rises to that peak: linearly, but by half a
            cosine for one cycle.
        decay: How the rate falls after it: by half a cosine to 0, not at all, to a tenth after
            half and again after three quarters of the steps, or as one cycle (Smith & Topin 2018).
        weight_decay: Weight decay, on weights of rank 2 and more only. When not given, 5e-4; in
            linear probes of texts by adamw 18 / texts (at most 0.03) / learning rate, at most 10,
            for few texts say little of many features.
        clip: Longest gradient of a step; a longer one is shortened to it. 0 shortens none.
        label_smoothing: Share of the target spread over all classes.
        augmentation: Of pictures, `shift` when not given: it is for signs that have a handedness,
            such as digits. `rand_augment` draws two of many changes for each picture after it is
            shifted and perhaps mirrored (Cubuk et al. 2020). Texts have none.
        mixup: Parameter of the beta distribution by which two pictures are blended; 0 is off.
        cutmix: Of the one by which a part of one picture is put into another; 0 is off.
        ema: Decay d of an exponential moving average of the weights, θ̄ ← d·θ̄ + (1 − d)·θ after each
            step, such as 0.99: the averaged weights, batch statistics too, are validated and kept.
            It reaches 1 / (1 − d) steps back, which the training must have. 0 is off.
        patience: Epochs without a lower validation loss after which a training is stopped; kept are
            then the weights of the epoch of the lowest, stopped or not. When not given, all epochs
            are run and the last one's are kept.
        micro_batch: Examples of a step that go through the network together, at least 4, where all
            do not fit into memory; their gradients add up to those of the step. All when not given.
            Batch normalisation sees the examples of a part.
        processes: How many share a step, each its own GPU where there are such: parts of a batch's
            examples go through a network in each, and gradients and statistics are added up, so
            that the numbers are those of one process with such parts, as which a training that is
            not stored is made. One when not given.
        sampling: `balanced` draws each class equally often, with repetition.
        precision: `auto` is the one in which the device takes a step sooner, by the clock.
        seed: Seed of initial weights, order and augmentation.
    """

    epochs: int | None = None
    batch_size: int | None = None
    optimizer: Literal["sgd", "adamw"] | None = None
    momentum: float = 0.9
    momentum_form: Literal["nesterov", "classical"] = "nesterov"
    learning_rate: float | None = None
    warmup: float = 0.2
    decay: Literal["cosine", "constant", "step", "one_cycle"] = "cosine"
    weight_decay: float | None = None
    clip: float = 5.0
    label_smoothing: float = 0.0
    augmentation: Literal["none", "shift", "shift_flip", "rand_augment"] | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    ema: float = 0.0
    patience: int | None = None
    micro_batch: int | None = None
    processes: int | None = None
    sampling: Literal["uniform", "balanced"] = "uniform"
    precision: Precision | Literal["auto"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        require_choices(self)
        require_range(self, "epochs", 1, 100_000)
        require_range(self, "seed", 0, MOST_SEED)
        require_range(self, "batch_size", 2, LARGEST_BATCH)
        require_range(self, "micro_batch", LEAST_MICRO_BATCH, LARGEST_BATCH)
        require_range(self, "processes", 1, MOST_PROCESSES)
        require_range(self, "learning_rate", 1e-9, 100)
        require_range(self, "warmup", 0, 1)
        require_range(self, "weight_decay", 0, 10)
        require_range(self, "label_smoothing", 0, 0.99)
        require_range(self, "clip", 0, 1e6)
        for name in ("mixup", "cutmix"):
            require_range(self, name, 0, 10)
        require_range(self, "ema", 0, 0.999999)
        require_range(self, "patience", 1, 100_000)
        require_range(self, "momentum", 0, 0.999)
        is_good = self.momentum > 0 or self.momentum_form == "classical"
        require(is_good, "momentum", "above 0 for Nesterov's", self.momentum)

    @property
    def numbers(self) -> tuple[int, int]:
        """Return the epochs and the batch size of a schedule that leaves them not open."""
        if self.epochs is None or self.batch_size is None:
            raise ValueError("epochs and batch_size of the schedule were not said")
        return self.epochs, self.batch_size

    @property
    def together(self) -> int | None:
        """Return how many examples of a step go through a network together; None is all."""
        shared = self.processes or 1
        if shared == 1:
            return self.micro_batch
        part = max(LEAST_MICRO_BATCH, math.ceil(self.numbers[1] / shared))
        return min(part, self.micro_batch or part)


def kept_record(records: "pd.DataFrame", schedule: Schedule) -> dict[str, float]:
    """Return the record of the epoch whose weights were kept; empty where there are none.

    It is the last, or with a patience the first of the lowest validation loss.

    Args:
        records: One row per epoch; of epoch 0 is what was there before.
        schedule: How the weights moved.
    """
    found = records.iloc[-1:]
    if schedule.patience is not None and (epochs := records[records["epoch"] > 0]).size:
        found = epochs.loc[[epochs["validation_loss"].idxmin()]]
    return {str(name): value for row in found.to_dict("records") for name, value in row.items()}
