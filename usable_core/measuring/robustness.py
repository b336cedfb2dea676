"""What an attack does to each example at each budget, streamed; with noise as the baseline."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.attacks.checks import (
    PROBABILITIES_WARNING,
    are_probabilities,
    check_budget,
    check_logits,
)
from usable_core.attacks.noise import noise
from usable_core.attacks.sweep import Level, sweep
from usable_core.catalog import implementation, lookup
from usable_core.catalog.attacks import ATTACKS
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches
from usable_core.errors import DatasetRefused
from usable_core.evaluations.robustness import RobustnessConfig, RobustnessResult
from usable_core.evaluations.specs import Norm, Report, silent
from usable_core.measuring.batching import (
    BatchSize,
    batch_size,
    best_batch_size,
    in_batches,
    remember,
)
from usable_core.measuring.gallery import Gallery
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import channels_last, frozen, watched
from usable_core.randomness import example_seeds

_ROUNDS = 4  # attacked batches read at once, so that survivors can be put together again


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: RobustnessConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> RobustnessResult:
    """Return the outcome of every example at every budget.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Where `gallery/{index}_{k}.png` go; None keeps no pictures.

    Raises:
        AttackError: a budget or the model's outputs are not what the attack needs.
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate.
        ImageRefused: a picture cannot be decoded.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    for epsilon in config.epsilons:
        check_budget(epsilon, config.norm, (3, *model.input_size))
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to evaluate. Choose another part of it.")
    with frozen(model.network), channels_last(ready(model).network):
        work = _Work(model, part, config, report, folder)
        work.run()
    records = work.records()
    return RobustnessResult(
        config,
        provenance(
            model,
            part,
            seconds=time.perf_counter() - started,
            batch_size=work.attack_size.current,
            warnings=(*work.warnings(), *weaknesses(records, config, model.input_size)),
        ),
        records,
    )


def weaknesses(
    records: pd.DataFrame, config: RobustnessConfig, input_size: tuple[int, int]
) -> tuple[str, ...]:
    """Return sentences on what the numbers do not show."""
    found = []
    if not lookup(ATTACKS, "attack", config.attack).is_iterative:
        title = ATTACKS[config.attack].title
        found.append(f"{title} is no strong attack: read the accuracy under it as an upper bound.")
    if config.norm == "l2" and input_size != (32, 32):
        found.append(
            f"L2 budgets grow with the number of pixels: at {input_size[0]} x {input_size[1]} "
            "these are not comparable with published ones at 32 x 32."
        )
    right = records.assign(
        attack=records["prediction"] == records["label"],
        noise=(records["noise_prediction"] == records["label"])
        & (records["clean_prediction"] == records["label"]),  # what noise mends is no strength
    )
    accuracy = right.groupby("epsilon")[["attack", "noise"]].mean()
    beaten = accuracy.index[accuracy["noise"] < accuracy["attack"]]
    if len(beaten):
        found.append(
            f"Random noise broke more examples than the attack at {len(beaten)} of "
            f"{len(accuracy)} budgets: the attack fails on this model, so its curve is an upper "
            "bound only."
        )
    return tuple(found)


class _Work:
    """One sweep in progress: columns so far, batch sizes and what the user must know."""

    def __init__(
        self,
        model: Model,
        part: Dataset,
        config: RobustnessConfig,
        report: Report,
        folder: Path | None,
    ) -> None:
        self.model, self.part, self.config, self.report = model, part, config, report
        self.labels = torch.from_numpy(target_indices(model, part)[part.targets])
        self.seeds = example_seeds(part.ids, config.seed)
        self.attack_size: BatchSize = batch_size(
            model, fixed=config.batch_size, needs_gradient=self._needs_gradient
        )
        self.forward_size = batch_size(model, fixed=config.batch_size)
        self.gallery = Gallery(folder, config.gallery)
        self.tables: list[pd.DataFrame] = []
        self.is_softmax = True
        self.done = self.finished = self.right_clean = self.right_last = 0
        self.message = "Classifying"
        self.told = 0.0

    @property
    def _needs_gradient(self) -> bool:
        return ATTACKS[self.config.attack].is_gradient_based

    def run(self) -> None:
        """Go through the data in pieces that are small enough to hold."""
        read = max(self.forward_size.largest, _ROUNDS * self.attack_size.largest)
        with watched(self.model.network, self._tick):
            for x, _, indices in batches(self.part, self.model.preprocessing, read):
                x = check_pixels(x).to(self.model.device, memory_format=torch.channels_last)
                self._choose_attack_size(x)
                self._attack_all(x, indices)
        remember(self.model, self.forward_size)

    def records(self) -> pd.DataFrame:
        """Return the rows, by example and then by budget."""
        table = pd.concat(self.tables, ignore_index=True)
        return table.sort_values(["index", "epsilon"], ignore_index=True)

    def warnings(self) -> tuple[str, ...]:
        """Return what the work itself has to say."""
        halvings = dict.fromkeys((*self.forward_size.halvings, *self.attack_size.halvings))
        return (*((PROBABILITIES_WARNING,) if self.is_softmax else ()), *halvings)

    def _choose_attack_size(self, x: Tensor) -> None:
        if not self.attack_size.is_settled:
            self.message = "Finding the best batch size"
            best_batch_size(self.model, needs_gradient=self._needs_gradient, images=x)
            self.attack_size = batch_size(self.model, needs_gradient=self._needs_gradient)

    def _attack_all(self, x: Tensor, indices: Tensor) -> None:
        y, seeds = self.labels[indices].to(x.device), self.seeds[indices]
        clean = self._classify(x)
        self.gallery.choose(indices, clean == y)
        base = {
            "index": indices.numpy(),
            "id": np.array([self.part.ids[i] for i in indices.tolist()], dtype=object),
            "label": y.cpu().numpy(),
        }
        levels = sweep(self._attack, self._classify, x, y, clean, self.config.epsilons, seeds)
        for k, level in enumerate(levels):
            is_clean = level.epsilon == 0
            noisy = clean if is_clean else self._classify(self._noise(x, y, level.epsilon, seeds))
            self.tables.append(_rows(base, level, clean, noisy))
            self.gallery.save(k, level, indices, self._classify)
            self.done += len(x)
            if k == len(self.config.epsilons) - 1:
                self.finished += len(x)
                self.right_clean += int((clean == y).sum())
                self.right_last += int((level.prediction == y).sum())
            self._tell()

    def _attack(self, x: Tensor, y: Tensor, epsilon: float, seeds: Tensor) -> Tensor:
        attack = implementation(ATTACKS[self.config.attack].function)
        self.message = f"Attacking at ε = {_shown(epsilon, self.config.norm)}"

        def one(piece: slice) -> Tensor:
            x_adv: Tensor = attack(
                self.model,
                x[piece],
                y[piece],
                epsilon,
                norm=self.config.norm,
                steps=self.config.steps,
                restarts=self.config.restarts,
                step_size=self.config.step_size,
                seeds=seeds[piece],
            )
            return x_adv

        return torch.cat([x_adv for _, x_adv in in_batches(self.attack_size, len(x), one)])

    def _noise(self, x: Tensor, y: Tensor, epsilon: float, seeds: Tensor) -> Tensor:
        """Return one draw of noise per example; the model is not asked, so it needs no batches."""
        return noise(
            self.model,
            x,
            y,
            epsilon,
            norm=self.config.norm,
            steps=1,
            restarts=1,
            step_size=None,
            seeds=seeds,
        )

    def _classify(self, x: Tensor) -> Tensor:
        def one(piece: slice) -> Tensor:
            with torch.inference_mode():
                logits = self.model(x[piece]).float().cpu()
            check_logits(logits)
            self.is_softmax = self.is_softmax and are_probabilities(logits)
            return logits.argmax(1)

        answers = [answer for _, answer in in_batches(self.forward_size, len(x), one)]
        return torch.cat(answers).to(x.device)

    def _tick(self) -> None:
        """Show life at most twice a second, from inside an attack too."""
        if time.monotonic() - self.told > 0.5:
            self._tell()

    def _tell(self) -> None:
        self.told = time.monotonic()
        metrics = {}
        if self.finished:  # over the examples that have been through all budgets
            metrics["clean_accuracy"] = self.right_clean / self.finished
            metrics["robust_accuracy"] = self.right_last / self.finished
        total = len(self.part) * len(self.config.epsilons)
        self.report(self.done, total, self.message, **metrics)


def _rows(base: dict[str, np.ndarray], level: Level, clean: Tensor, noisy: Tensor) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **base,
            "epsilon": level.epsilon,
            "clean_prediction": clean.cpu().numpy(),
            "prediction": level.prediction.cpu().numpy(),
            "found_epsilon": level.found_epsilon.cpu().numpy(),
            "noise_prediction": noisy.cpu().numpy(),
        }
    )


def _shown(epsilon: float, norm: Norm) -> str:
    return f"{epsilon * 255:.3g}/255" if norm == "linf" else f"{epsilon:.3g}"
