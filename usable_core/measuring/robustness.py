"""What a ladder of attacks does to each example at each budget, streamed, with its checks."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.attacks.campaign import build
from usable_core.attacks.checks import PROBABILITIES_WARNING, are_probabilities, check_budget
from usable_core.attacks.norms import random_edge
from usable_core.attacks.oracle import Oracle, attacking
from usable_core.attacks.sweep import Found, Scene, descend, nothing_found, towards, walk
from usable_core.batching import batch_size, best_batch_size, in_batches, remember
from usable_core.catalog.attacks import ATTACKS
from usable_core.datasets.dataset import Dataset, stratified_sample
from usable_core.datasets.pixels import batches
from usable_core.errors import ConfigError, DatasetRefused, StorageError
from usable_core.evaluations.robustness import Check, Cost, RobustnessConfig
from usable_core.evaluations.robustness_cost import examined_by
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring import checks
from usable_core.measuring.gallery import Gallery
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.measuring.shards import Shards
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import channels_last, frozen, watched
from usable_core.randomness import example_seeds
from usable_core.records import from_json, to_json

# Examples worked on together, in batches: enough that a batch seldom waits for its last lanes.
_BATCHES = 4
_LEAST = 64


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: RobustnessConfig,
    report: Report = silent,
    folder: Path | None = None,
    surrogate: Model | None = None,
) -> RobustnessResult:
    """Return the outcome of every example at every budget, and the checks of the attack.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Where `gallery/{index}_{k}.png` and finished parts go; None keeps neither.
        surrogate: Another backbone of the same input size and classes, for the black-box check.

    Raises:
        AttackError: a budget or the model's outputs are not what the attack needs.
        IncompatibleLabels: the model or the surrogate does not know the data set's classes.
        ConfigError: the surrogate takes images of another size or knows more or fewer classes.
        DatasetRefused: there is nothing to evaluate.
        ImageRefused: a picture cannot be decoded.
        StorageError: finished parts were taken away meanwhile.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    for epsilon in config.epsilons:
        check_budget(epsilon, config.norm, (3, *model.input_size))
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to evaluate. Choose another part of it.")
    _check_surrogate(model, surrogate)
    with frozen(model.network), channels_last(ready(model).network), attacking(model):
        work = _Work(model, part, config, report, folder, surrogate)
        with watched(model.network, work.tick):
            records = work.run()
    seconds = time.perf_counter() - started
    work.shards.clear()
    return RobustnessResult(
        config,
        provenance(
            model,
            part,
            seconds=seconds,
            batch_size=work.sizes[True].current,
            warnings=(*work.warnings(), *weaknesses(config, model.input_size)),
        ),
        records,
        work.checks,
        work.cost,
    )


def weaknesses(config: RobustnessConfig, input_size: tuple[int, int]) -> tuple[str, ...]:
    """Return sentences on what the numbers do not show."""
    found = []
    if not any(ATTACKS[spec.name].is_iterative for spec in config.attacks):
        title = " and ".join(dict.fromkeys(ATTACKS[spec.name].title for spec in config.attacks))
        found.append(f"{title} is no strong attack: read the accuracy under it as an upper bound.")
    if config.norm != "linf" and input_size != (32, 32):
        found.append(
            f"{config.norm.upper()} budgets grow with the number of pixels: at {input_size[0]} x "
            f"{input_size[1]} these are not comparable with published ones at 32 x 32."
        )
    return tuple(found)


def _check_surrogate(model: Model, surrogate: Model | None) -> None:
    if surrogate is None:
        return
    ready(surrogate)
    ours, theirs = (
        f"{len(m.labels)} classes at {m.input_size[0]} x {m.input_size[1]} pixels"
        for m in (model, surrogate)
    )
    if ours != theirs:
        raise ConfigError(
            f"The surrogate {surrogate.name} must see what the model sees: {ours}, but it knows "
            f"{theirs}. Choose another surrogate."
        )


class _Work:
    """One evaluation in progress."""

    def __init__(
        self,
        model: Model,
        part: Dataset,
        config: RobustnessConfig,
        report: Report,
        folder: Path | None,
        surrogate: Model | None,
    ) -> None:
        self.model, self.part, self.config, self.report = model, part, config, report
        self.surrogate = surrogate
        self.labels = torch.from_numpy(target_indices(model, part)[part.targets])
        self.their_labels = (
            None
            if surrogate is None
            else torch.from_numpy(target_indices(surrogate, part)[part.targets])
        )
        self.seeds = example_seeds(part.ids, config.seed)
        self.sizes = {
            g: batch_size(model, fixed=config.batch_size, needs_gradient=g) for g in (False, True)
        }
        self.oracle = Oracle(model, draws=config.draws, divide=self._divide)
        self.shards = Shards(folder)
        self.gallery = Gallery(folder, config.gallery, config.epsilons)
        self.checks: tuple[Check, ...] = ()
        self.cost = Cost()
        self.is_softmax: bool | None = None
        self.done, self.seen, self.attacked, self.right_clean, self.right_last = 0, 0, 0, 0, 0
        self.message, self.told = "Reading images", 0.0

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The budgets that are attacked: those above 0."""
        return tuple(epsilon for epsilon in self.config.epsilons if epsilon > 0)

    def run(self) -> pd.DataFrame:
        """Go through the data in shards and return the rows, by example and then by budget."""
        if self.shards.plan is None:
            self._choose_sizes()
            sample_rows = self._examine()
            self.shards.begin(
                {
                    "sizes": [self.sizes[g].current for g in (False, True)],
                    "checks": to_json(self.checks),
                    "check_passes": self.cost.checks,
                    "check_seconds": self.cost.check_seconds,
                    "raw": sample_rows,
                }
            )
        self._follow()
        size = max(_BATCHES * self.sizes[True].current, _LEAST)
        for x, indices in self._images(self.part, size):
            if self.shards.has(int(indices[0])):
                self.done += len(x)
            else:
                self.shards.add(int(indices[0]), self._paid(x, indices))
            self._tell()
        if self.config.batch_size is None:
            for g, chosen in self.sizes.items():
                remember(self.model, chosen, needs_gradient=g)
        tables = self.shards.read()
        if sum(len(table) for table in tables) != len(self.part):
            raise StorageError(
                "Finished parts of this evaluation are gone: it was silent for so long that "
                "another run went on from them. Start it again."
            )
        self.checks += (_noise_check(tables),)
        spent = pd.concat(tables)[["forward", "backward", "seconds"]].sum()
        self.cost = replace(
            self.cost,
            forward=int(spent["forward"]),
            backward=int(spent["backward"]),
            seconds=float(spent["seconds"]),
        )
        return self._records(tables)

    def warnings(self) -> tuple[str, ...]:
        """Return what the work itself has to say."""
        halvings = [sentence for size in self.sizes.values() for sentence in size.halvings]
        reds = [check.sentence for check in self.checks if check.verdict == "red"]
        weak = (
            f"A check of the attack failed, so this curve is an upper bound only: {reds[0]}"
            if reds
            else None
        )
        softmax = PROBABILITIES_WARNING if self.is_softmax else None
        return tuple(s for s in (weak, softmax, *dict.fromkeys(halvings)) if s is not None)

    def tick(self) -> None:
        """Show life at most twice a second, from inside an attack too."""
        if time.monotonic() - self.told > 0.5:
            self._tell()

    def _follow(self) -> None:
        """Take over the plan: that of this run, or of the killed one that is gone on from."""
        plan = self.shards.plan or {}
        self.checks = tuple(from_json(Check, check) for check in plan["checks"])
        self.cost = Cost(checks=plan["check_passes"], check_seconds=plan["check_seconds"])
        for g, size in zip((False, True), plan["sizes"], strict=True):
            if self.sizes[g].current != size:
                self.sizes[g] = batch_size(self.model, fixed=size)

    def _images(self, part: Dataset, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for x, _, indices in batches(part, self.model.preprocessing, size):
            images = check_pixels(x).to(self.model.device, memory_format=torch.channels_last)
            yield images, indices

    def _choose_sizes(self) -> None:
        self.message = "Finding the best batch size"
        x, _ = next(self._images(self.part.take(np.arange(min(16, len(self.part)))), 16))
        for g in (False, True):
            if not self.sizes[g].is_settled:
                best_batch_size(self.model, needs_gradient=g, images=x)
                self.sizes[g] = batch_size(self.model, needs_gradient=g)

    def _divide(
        self, needs_gradient: bool, count: int, function: Callable[[slice], tuple[Tensor, ...]]
    ) -> Iterator[tuple[slice, tuple[Tensor, ...]]]:
        return in_batches(self.sizes[needs_gradient], count, function)

    def _scene(self, x: Tensor, indices: Tensor, oracle: Oracle, classes: int) -> Scene:
        return Scene(
            x,
            self.labels[indices].to(x.device),
            self.seeds[indices],
            self.epsilons,
            self.config.norm,
            tuple(build(spec, self.config.norm, classes) for spec in self.config.attacks),
            oracle,
            lambda g: self.sizes[g].current,
            self._finished,
        )

    # The sample

    def _examine(self) -> dict[str, list[int]]:
        """Make the checks on the walked sample; return its index to which budgets break it."""
        began = time.perf_counter()
        wanted = self.config.sample_size
        if not wanted or not self.epsilons:
            return {}
        self.message = "Checking the attack on a sample"
        chosen = stratified_sample(self.part.targets, min(2 * wanted, len(self.part)), 0)
        oracle = Oracle(self.model, draws=self.config.draws, divide=self._divide)
        x, places = next(self._images(self.part.take(chosen), len(chosen)))
        indices = torch.from_numpy(chosen)[places]
        logits = oracle.logits(x)
        is_right = (logits.argmax(1).cpu() == self.labels[indices]).nonzero()[:, 0]
        if len(is_right) == 0:
            return {}
        targets = self.part.targets[indices[is_right].numpy()]
        is_right = is_right[stratified_sample(targets, min(wanted, len(is_right)), 0)]
        indices, classes = indices[is_right], logits.shape[1]
        scene = replace(
            self._scene(x[is_right.to(x.device)], indices, oracle, classes), tick=lambda count: None
        )
        spec = examined_by(self.config.attacks)
        sample = checks.walked(scene, spec, classes, self.config.draws)
        self.checks = (
            *(check(sample) for check in checks.OF_THE_SAMPLE),
            checks.white_box(
                sample,
                self.surrogate,
                None if self.their_labels is None else self.their_labels[indices],
            ),
            checks.descent(sample),
        )
        self.cost = Cost(checks=oracle.passes.total, check_seconds=time.perf_counter() - began)
        return {
            str(index): row
            for index, row in zip(indices.tolist(), sample.broken.int().tolist(), strict=True)
        }

    @property
    def _may_descend(self) -> bool:
        """Whether the descent was found to be right, or there is no walked sample to tell."""
        is_iterative = any(ATTACKS[spec.name].is_iterative for spec in self.config.attacks)
        failed = any(c.name == "descent" and c.verdict != "green" for c in self.checks)
        return is_iterative and not failed

    # A shard

    def _paid(self, x: Tensor, indices: Tensor) -> pd.DataFrame:
        """Return the rows of a shard, the first of them with what the shard cost."""
        passes, began = replace(self.oracle.passes), time.perf_counter()
        table = self._attack(x, indices)
        spent = {
            "forward": self.oracle.passes.forward - passes.forward,
            "backward": self.oracle.passes.backward - passes.backward,
            "seconds": time.perf_counter() - began,
        }
        for name, value in spent.items():
            table[name] = np.where(np.arange(len(table)) == 0, value, 0)
        return table

    def _attack(self, x: Tensor, indices: Tensor) -> pd.DataFrame:
        """Return one row per example: where it breaks, under what, and the answers to noise."""
        self.message = "Attacking"
        y = self.labels[indices].to(x.device)
        logits = self.oracle.logits(x)
        self.is_softmax = self.is_softmax is not False and are_probabilities(logits)
        clean = logits.argmax(1)
        right = torch.nonzero(clean == y)[:, 0]
        self.right_clean, self.seen = self.right_clean + len(right), self.seen + len(x)
        self.done += len(x) - len(right)
        scene = self._scene(x[right], indices[right.cpu()], self.oracle, logits.shape[1])
        found = nothing_found(scene)
        prediction = clean.clone()
        if len(right) and self.epsilons:
            found, prediction[right] = self._searched(scene)
            self.gallery.save(scene, found, indices[right.cpu()], self._classify)
        withstood = int((found.level == len(self.epsilons)).sum())
        self.right_last, self.attacked = self.right_last + withstood, self.seen
        return self._shard(
            indices, y, clean, right.cpu(), found, prediction, self._noisy(x, indices)
        )

    def _searched(self, scene: Scene) -> tuple[Found, Tensor]:
        """Return what breaks the examples of a scene, and the answers (N,) to that.

        Whatever an attack says is asked again: only a changed answer counts as broken. Where the
        answer does not change (random models; rounding, in other company), the next larger budgets
        are asked about along the same direction.
        """
        if self._may_descend:
            found = descend(scene)
        else:
            found = nothing_found(scene)
            walk(scene, found)
        answers = scene.y.clone()
        claimed = torch.nonzero(found.level < len(scene.epsilons))[:, 0]
        while len(claimed):
            at = claimed.to(scene.y.device)
            answers[at] = self._classify(found.x_adv[at])
            claimed = claimed[(answers[at] == scene.y[at]).cpu()]
            found.level[claimed] += 1
            claimed = claimed[found.level[claimed] < len(scene.epsilons)]
            at = claimed.to(scene.y.device)
            found.x_adv[at] = towards(scene, found.x_adv[at], at, found.level[claimed])
        return found, answers

    def _noisy(self, x: Tensor, indices: Tensor) -> Tensor:
        """Return the answers under random noise of each budget (N, budgets)."""
        seeds, norm = self.seeds[indices].to(x.device), self.config.norm
        answers = [self._classify(random_edge(x, e, norm, seeds)) for e in self.epsilons]
        return torch.stack(answers, 1) if answers else x.new_zeros(len(x), 0).long()

    def _classify(self, x: Tensor) -> Tensor:
        return self.oracle.logits(x).argmax(1)

    def _shard(
        self,
        indices: Tensor,
        y: Tensor,
        clean: Tensor,
        right: Tensor,
        found: Found,
        prediction: Tensor,
        noisy: Tensor,
    ) -> pd.DataFrame:
        level = torch.full((len(indices),), -1)  # −1: wrong when clean, never attacked
        attack, step = torch.full_like(level, -1), torch.zeros_like(level)
        level[right], attack[right], step[right] = found.level, found.attack, found.step
        names = np.array([*(spec.title for spec in self.config.attacks), "fgsm"], dtype=object)
        columns = {
            "index": indices.numpy().astype(np.int32),
            "label": y.cpu().numpy().astype(np.int32),
            "clean_prediction": clean.cpu().numpy().astype(np.int32),
            "adversarial": prediction.cpu().numpy().astype(np.int32),
            "level": level.numpy().astype(np.int16),
            "step": step.numpy().astype(np.int32),
            "attack": names[attack.numpy()],  # −1, the scout, is the last: one gradient step
        }
        for place, answers in enumerate(noisy.T):
            columns[f"noise_{place}"] = answers.cpu().numpy().astype(np.int32)
        return pd.DataFrame(columns)

    # The answer

    def _records(self, tables: list[pd.DataFrame]) -> pd.DataFrame:
        """Return one row per example and budget."""
        table = pd.concat(tables, ignore_index=True)
        ids = np.array(self.part.ids, dtype=object)[table["index"]]
        raw = self._raw(table["index"].to_numpy())
        frames = []
        for epsilon in self.config.epsilons:
            place = self.epsilons.index(epsilon) if epsilon > 0 else -1
            level = table["level"].to_numpy()
            is_broken = (level >= 0) & (level <= place)
            grid = np.array([*self.epsilons, np.nan])
            frames.append(
                pd.DataFrame(
                    {
                        "index": table["index"],
                        "id": ids,
                        "label": table["label"],
                        "epsilon": epsilon,
                        "clean_prediction": table["clean_prediction"],
                        "prediction": table["adversarial"].where(
                            is_broken, table["clean_prediction"]
                        ),
                        "found_epsilon": np.where(is_broken, grid[level], np.nan),
                        "found_attack": pd.Categorical(table["attack"].where(is_broken, "")),
                        "found_step": table["step"].where(is_broken, 0),
                        "noise_prediction": table[
                            "clean_prediction" if place < 0 else f"noise_{place}"
                        ],
                        "raw_broken": np.where(np.isnan(raw).all(1), np.nan, 0.0)
                        if place < 0
                        else raw[:, place],
                    }
                )
            )
        records = pd.concat(frames, ignore_index=True)
        records["found_attack"] = records["found_attack"].astype("category")
        return records.sort_values(["index", "epsilon"], ignore_index=True)

    def _raw(self, indices: np.ndarray) -> np.ndarray:
        """Return what the walk of the sample saw (N, budgets); NaN for all other examples."""
        found = np.full((len(indices), max(len(self.epsilons), 1)), np.nan, dtype=np.float32)
        rows = {index: row for row, index in enumerate(indices.tolist())}
        for index, broken in (self.shards.plan or {}).get("raw", {}).items():
            found[rows[int(index)]] = broken
        return found

    # Progress

    def _finished(self, count: int) -> None:
        self.done += count

    def _tell(self) -> None:
        self.told = time.monotonic()
        metrics = {}
        if self.seen:
            metrics["clean_accuracy"] = self.right_clean / self.seen
        if self.attacked:  # of the shards that are finished
            metrics["robust_accuracy"] = self.right_last / self.attacked
        self.report(self.done, len(self.part), self.message, **metrics)


def _noise_check(tables: list[pd.DataFrame]) -> Check:
    """Compare attack and noise over all examples."""
    table = pd.concat(tables, ignore_index=True)
    label, level = table["label"].to_numpy(), table["level"].to_numpy()
    budgets = sum(name.startswith("noise_") for name in table.columns)
    clean = level >= 0
    attacked = clean[:, None] & (level[:, None] > np.arange(budgets))
    noisy = (
        np.stack([table[f"noise_{k}"].to_numpy() == label for k in range(budgets)], 1)
        if budgets
        else np.zeros((len(table), 0), dtype=bool)
    )
    return checks.noise(*(torch.from_numpy(part) for part in (clean, attacked, noisy)))
