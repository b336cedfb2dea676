"""What corruptions do to each example, streamed: decoded once, corrupted where it is classified."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.attacks.checks import PROBABILITIES_WARNING, are_probabilities, check_logits
from usable_core.batching import BatchSize, batch_size, in_batches, remember
from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.corruptions.corruption import SMALL, Corruption
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches
from usable_core.errors import DatasetRefused
from usable_core.evaluations.corruption import CORRUPTION_COLUMNS, CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring.accuracy import outcomes
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.models.model import Model, check_pixels
from usable_core.models.modes import channels_last, frozen
from usable_core.randomness import example_seeds

_PUBLISHED_SIZES = (32, 224)  # pixels, that the constants were chosen for


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: CorruptionConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> CorruptionResult:
    """Return the outcome of every example under every corruption at every severity.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Not used: this task leaves no artifacts.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate.
        ImageRefused: a picture cannot be decoded.
        AttackError: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to evaluate. Choose another part of it.")
    work = _Work(ready(model), part, config, report)
    with frozen(model.network), channels_last(model.network), torch.inference_mode():
        work.run()
    remember(model, work.size)
    softmax = (PROBABILITIES_WARNING,) if work.is_softmax else ()
    return CorruptionResult(
        config,
        provenance(
            model,
            part,
            seconds=time.perf_counter() - started,
            batch_size=work.size.current,
            warnings=(*softmax, *_remarks(model.input_size, config), *work.size.halvings),
        ),
        work.records(),
    )


def _remarks(input_size: tuple[int, int], config: CorruptionConfig) -> tuple[str, ...]:
    """Return sentences on what the numbers may not be compared with."""
    found = []
    height, width = input_size
    if (height, width) not in {(side, side) for side in _PUBLISHED_SIZES}:
        which = "CIFAR-C (32)" if max(height, width) <= SMALL else "ImageNet-C (224)"
        found.append(
            f"Images were corrupted at {height} x {width} pixels with the constants of {which}: "
            "at another size the same severity is another strength."
        )
    if "frost" in config.corruptions:
        found.append(
            "Frost is drawn by a procedure, not taken from the photographs of ImageNet-C, so its "
            "numbers are not comparable with published ones."
        )
    return tuple(found)


class _Work:
    """One measurement in progress: columns so far and what the user must know."""

    def __init__(
        self, model: Model, part: Dataset, config: CorruptionConfig, report: Report
    ) -> None:
        self.model, self.part, self.report = model, part, report
        self.config = config
        self.labels = target_indices(model, part)[part.targets]
        self.seeds = example_seeds(part.ids, config.seed)
        self.size: BatchSize = batch_size(model, fixed=config.batch_size)
        self.cells = [(c, s) for c in config.corruptions for s in config.severities]
        self.tables: list[dict[str, np.ndarray]] = []
        self.is_softmax = True
        self.done = self.right = self.seen = self.right_clean = self.seen_clean = 0

    def run(self) -> None:
        """Go through the data once, in pieces that are small enough to hold."""
        for x, _, indices in batches(self.part, self.model.preprocessing, self.size.largest):
            self._take(check_pixels(x).to(self.model.device), indices)

    def records(self) -> pd.DataFrame:
        """Return the rows, by example, corruption and severity, in small types."""
        columns = {name: np.concatenate([t[name] for t in self.tables]) for name in self.tables[0]}
        names, ids = self.config.corruptions, list(dict.fromkeys(self.part.ids))
        place = {identity: i for i, identity in enumerate(ids)}
        codes = np.array([place[identity] for identity in self.part.ids], dtype=np.int32)
        columns["id"] = pd.Categorical.from_codes(codes[columns["index"]], ids)
        columns["corruption"] = pd.Categorical.from_codes(columns["corruption"], list(names))
        table = pd.DataFrame({name: columns[name] for name in CORRUPTION_COLUMNS})
        order = np.argsort(columns["index"], kind="stable")  # cells were made in their order
        return table.iloc[order].reset_index(drop=True)

    def _take(self, x: Tensor, indices: Tensor) -> None:
        places = indices.numpy()
        labels, seeds = self.labels[places], self.seeds[indices].to(x.device)
        clean = self._outcomes(x, labels)
        self.right_clean += int((clean["rank"] == 0).sum())
        self.seen_clean += len(x)
        base = {
            "index": places.astype(np.int32),
            "label": labels.astype(np.int16),
            "clean_prediction": clean["prediction"].astype(np.int16),
            "clean_confidence": clean["confidence"].astype(np.float32),
        }
        self._tell(len(x), "Classifying")
        for cell, corrupt in self._corruptions():
            name, severity = cell
            found = self._outcomes(corrupt(x, severity, seeds), labels)
            self.tables.append(base | _columns(found, self._code(name), severity, x.shape))
            self.right += int((found["rank"] == 0).sum())
            self.seen += len(x)
            self._tell(len(x), f"{CORRUPTIONS[name].title}, severity {severity}")

    def _corruptions(self) -> Iterator[tuple[tuple[str, int], Corruption]]:
        for name, severity in self.cells:
            yield (name, severity), implementation(CORRUPTIONS[name].function)

    def _code(self, name: str) -> int:
        return self.config.corruptions.index(name)

    def _outcomes(self, x: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
        x = x.contiguous(memory_format=torch.channels_last)

        def logits_of(piece: slice) -> Tensor:
            return self.model(x[piece]).cpu().double()

        found = torch.cat([logits for _, logits in in_batches(self.size, len(x), logits_of)])
        check_logits(found)
        self.is_softmax = self.is_softmax and are_probabilities(found)
        return outcomes(found.numpy(), labels)

    def _tell(self, count: int, message: str) -> None:
        self.done += count
        metrics = {"clean_accuracy": self.right_clean / self.seen_clean}
        if self.seen:
            metrics["corruption_accuracy"] = self.right / self.seen
        self.report(self.done, len(self.part) * (len(self.cells) + 1), message, **metrics)


def _columns(
    found: dict[str, np.ndarray], code: int, severity: int, shape: torch.Size
) -> dict[str, np.ndarray]:
    n = shape[0]
    return {
        "corruption": np.full(n, code, dtype=np.int8),
        "severity": np.full(n, severity, dtype=np.int8),
        "prediction": found["prediction"].astype(np.int16),
        "confidence": found["confidence"].astype(np.float32),
        "nll": found["nll"].astype(np.float32),
        "height": np.full(n, shape[2], dtype=np.int16),
        "width": np.full(n, shape[3], dtype=np.int16),
    }
