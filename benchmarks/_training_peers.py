"""The loops that our training is timed beside: one written by hand, and those of two libraries.

All train the same network on the same pixels in memory by the same settings: SGD with Nesterov
momentum, gradients clipped, a warm-up and half a cosine, channels-last, one validation in the end.
Each returns the processor seconds from its first step to the end of its validation.
"""

import copy
import logging
import math
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks._timing import clock
from usable_core.evaluations.schedule import Schedule
from usable_core.models.heads import features, head
from usable_core.randomness import generator
from usable_core.training.material import Pictures
from usable_core.training.rates import learning_rate_factor
from usable_core.training.trainee import Trainee

RATE, MOMENTUM, DECAY, CLIP, WARM_UP = 0.01, 0.9, 5e-4, 5.0, 0.2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Task:
    """What is trained on.

    Attributes:
        network: Where a training starts; it is copied.
        pixels: Pictures (N, 3, H, W) uint8.
        labels: Theirs (N,).
        held_out: How many of them, the last ones, validate.
        batch: Pictures in a step.
    """

    network: nn.Module
    pixels: Tensor
    labels: Tensor
    held_out: int
    batch: int

    @property
    def train(self) -> int:
        """Return how many are trained on."""
        return len(self.labels) - self.held_out

    @property
    def steps(self) -> int:
        """Return the steps of the one epoch."""
        return math.ceil(self.train / self.batch)

    def x(self, rows: Tensor) -> Tensor:
        """Return pictures as the network takes them."""
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        x = (self.pixels[rows].float().div_(255) - mean).div_(std)
        return x.contiguous(memory_format=torch.channels_last)

    def copied(self) -> nn.Module:
        """Return a network to train."""
        return copy.deepcopy(self.network).to(memory_format=torch.channels_last).train()

    def descent(
        self, network: nn.Module
    ) -> tuple[torch.optim.SGD, torch.optim.lr_scheduler.LambdaLR]:
        """Return an optimizer and its schedule."""
        groups = [
            {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": DECAY},
            {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)
        warm = max(1, round(WARM_UP * self.steps))

        def share(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))

        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def lean(task: Task) -> float:
    """Train by the shortest loop that does all that the training needs, and watches its loss."""
    network = task.copied()
    optimizer, rate = task.descent(network)
    parameters, total = list(network.parameters()), 0.0
    began = clock()
    for rows in torch.randperm(task.train).split(task.batch):
        loss = F.cross_entropy(network(task.x(rows)), task.labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        rate.step()
        total += float(loss.detach()) * len(rows)
    network.eval()
    with torch.inference_mode():
        for rows in torch.arange(task.train, len(task.labels)).split(256):
            total += float(F.cross_entropy(network(task.x(rows)), task.labels[rows]))
    return clock() - began


class _Rows(torch.utils.data.Dataset[int]):
    """Numbers of pictures: the batch is made at once, as nobody's loader would, to be kind."""

    def __init__(self, rows: range) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> int:
        return self.rows[index]


def trainer(task: Task) -> float:
    """Train by transformers' Trainer."""
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    began: list[float] = []

    class Began(TrainerCallback):
        def on_train_begin(self, *_: object, **__: object) -> None:
            began.append(clock())

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = task.copied()

        def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.own(pixel_values)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    def batch(rows: list[int]) -> dict[str, Tensor]:
        return {"pixel_values": task.x(torch.tensor(rows)), "labels": task.labels[rows]}

    network = Network()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=task.batch,
            per_device_eval_batch_size=256,
            num_train_epochs=1,
            max_grad_norm=CLIP,
            eval_strategy="epoch",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=True,
        )
        runner = Trainer(
            network,
            arguments,
            data_collator=batch,
            train_dataset=_Rows(range(task.train)),
            eval_dataset=_Rows(range(task.train, len(task.labels))),
            optimizers=task.descent(network),
            callbacks=[Began()],
        )
        runner.remove_callback(PrinterCallback)
        runner.train()
    return clock() - began[0]


def lightning(task: Task) -> float:
    """Train by Lightning."""
    import lightning as pl
    from torch.utils.data import DataLoader

    began: list[float] = []

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.own = task.copied()

        def on_train_start(self) -> None:
            began.append(clock())

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return F.cross_entropy(self.own(batch[0]), batch[1])

        def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
            self.log("loss", F.cross_entropy(self.own(batch[0]), batch[1]))

        def configure_optimizers(self) -> dict[str, object]:
            optimizer, rate = task.descent(self.own)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def batch(rows: list[int]) -> tuple[Tensor, Tensor]:
        return task.x(torch.tensor(rows)), task.labels[rows]

    train, held_out = range(task.train), range(task.train, len(task.labels))
    runner = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        gradient_clip_val=CLIP,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    runner.fit(
        Module(),
        DataLoader(_Rows(train), task.batch, shuffle=True, collate_fn=batch),
        DataLoader(_Rows(held_out), 256, collate_fn=batch),
    )
    return clock() - began[0]


def frozen_loop(
    own: Trainee,
    task: Pictures,
    held_out: Pictures,
    schedule: Schedule,
    spread: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the head, folded back, of a loop that works out features at every step."""
    mean, std = spread
    torch.manual_seed(0)
    layer = nn.Linear(len(mean), head(own.network).out_features)
    groups = [
        {"params": [layer.weight], "weight_decay": DECAY},
        {"params": [layer.bias], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=MOMENTUM, nesterov=True)
    network, (epochs, size) = own.network.to(memory_format=torch.channels_last), schedule.numbers
    network.eval()
    steps, step = epochs * -(-len(task) // size), 0

    def known(data: Pictures, rows: Tensor) -> Tensor:
        with torch.no_grad():
            x = data.images(rows).contiguous(memory_format=torch.channels_last)
            return (features(network, own.input.normalise(x)) - mean) / std

    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(task), generator=generator(schedule.seed, "order", epoch))
        for rows in order.split(size):
            for group in optimizer.param_groups:
                group["lr"] = RATE * learning_rate_factor(schedule, step, steps)
            loss = F.cross_entropy(layer(known(task, rows)), task.labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(layer.parameters(), CLIP)
            optimizer.step()
            step += 1
        with torch.no_grad():
            logits = layer(known(held_out, torch.arange(len(held_out))))
            float(F.cross_entropy(logits, held_out.labels))
    weight = layer.weight.detach() / std
    return weight, layer.bias.detach() - (weight * mean).sum(1)


def peers() -> dict[str, Callable[[Task], float]]:
    """Return the libraries' loops that are installed here."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    found: dict[str, Callable[[Task], float]] = {}
    if find_spec("accelerate"):
        found["transformers' Trainer"] = trainer
    if find_spec("lightning"):
        found["Lightning"] = lightning
    return found
