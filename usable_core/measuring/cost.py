"""What an answer of a model costs: counted where it can be counted, timed batch by batch elsewhere.

A timed batch is answered as a program would answer it: its examples are opened, made the model's
input, sent through the network and their logits brought back, one step after the other; each step
ends when its result is there. Nothing else of Usable works meanwhile.
"""

import gc
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from usable_core.asking.batch_size import best_batch_size, is_out_of_memory
from usable_core.asking.oracle import Oracle
from usable_core.catalog.references import weights_size
from usable_core.datasets.dataset import Dataset
from usable_core.errors import first_line
from usable_core.evaluations.cost import (
    COST_COLUMNS,
    LEAST_TIMINGS,
    CostConfig,
    CostResult,
    place,
)
from usable_core.evaluations.cost_facts import Facts
from usable_core.evaluations.specs import Provenance, Report, silent
from usable_core.measuring.machine import Watch, meter
from usable_core.measuring.opened_pictures import Pictures
from usable_core.measuring.opened_texts import Texts, fastest_size
from usable_core.measuring.provenance import ready
from usable_core.metrics.quantiles import quantile
from usable_core.models.counting import alive_bytes, weight_bytes, work_of
from usable_core.models.model import Model
from usable_core.models.trial import NOT_OURS
from usable_core.versions import versions

# Of timing a batch size that is asked for (1 always is), and the one that is found: then fewer
# timings must do.
ASKED_SECONDS, FOUND_SECONDS = 60.0, 2.0
NARROW = 0.05  # width of the median's interval, of the median, at which that one is known
METERED_SECONDS = 2.0  # meters of energy count in steps of up to 0.1 s
REPORT_SECONDS = 0.25
WARM_UP, WARM_UP_SECONDS = 3, 0.3  # at least so many batches of each size, and so long, untimed

Seconds = tuple[float, float, float]


def measure(
    *,
    model: Model,
    config: CostConfig,
    dataset: Dataset | None = None,
    report: Report = silent,
    folder: Path | None = None,
) -> CostResult:
    """Return what an answer of the model costs on this machine.

    Args:
        model: Pixels, or pieces of texts, to logits.
        config: Settings; the names in it are not looked at again.
        dataset: Where examples are taken from; None times the forward pass of blank ones alone.
        report: Told the progress; raises `Cancelled`.
        folder: Not used: everything is in the records.

    Raises:
        DatasetRefused: no picture can be decoded, or no text read.
        Cancelled: through `report`.
    """
    began = time.perf_counter()
    notes = [*ready(model).warnings]
    pictures = (Texts if model.kind == "text" else Pictures).of(model, dataset, config)
    with Oracle(model), torch.inference_mode():
        report(0, 0, "Finding the fastest batch size")
        fastest = _fastest(model, pictures)
        timing = Timing(model, pictures, config, report, notes)
        watch = Watch(model.device)
        records = timing.table(sorted({1, *config.batch_sizes, fastest}))
        machine = watch.seen()
        facts = _facts(model, pictures, config, records, notes)
    source = _source(model, pictures, fastest, tuple(notes), time.perf_counter() - began)
    result = CostResult(config, source, machine, facts, records)
    warned = replace(source, warnings=(*source.warnings, *result.doubts))
    return replace(result, provenance=warned)


@dataclass(eq=False)
class Timing:
    """Times batches of several sizes.

    Attributes:
        model: What answers.
        pictures: What it answers.
        config: How many batches of which sizes.
        report: Told the progress.
        notes: Sentences for the reader are added here.
    """

    model: Model
    pictures: Pictures | Texts
    config: CostConfig
    report: Report
    notes: list[str]

    def table(self, sizes: Sequence[int]) -> pd.DataFrame:
        """Return the records of all sizes; one that memory does not hold is left out and told."""
        tables = []
        gc.collect()
        for done, size in enumerate(sizes):
            try:
                rows = self._timed(size, done / len(sizes), 1 / len(sizes))
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                what = f"{self.model.kind}s"
                self.notes.append(f"Memory ran out with {size} {what} at once: not timed.")
                continue
            table = pd.DataFrame(rows, columns=["decode", "preprocess", "forward"], dtype=float)
            table.insert(0, "batch", size)
            table.insert(1, "place", np.arange(len(table)))
            tables.append(table)
        return pd.concat(tables, ignore_index=True)[list(COST_COLUMNS)]

    def _timed(self, size: int, before: float, share: float) -> list[Seconds]:
        """Return the seconds of the steps of each timed batch of a size."""
        began, warm = time.monotonic(), 0
        while warm < WARM_UP or time.monotonic() - began < WARM_UP_SECONDS:
            self._batch(size, warm * size)
            warm += 1
        is_asked = size in (1, *self.config.batch_sizes)
        most = ASKED_SECONDS if is_asked else FOUND_SECONDS
        rows: list[Seconds] = []
        began = told = time.monotonic()
        while len(rows) < self.config.timings:
            rows.append(self._batch(size, len(rows) * size))
            now = time.monotonic()
            is_known = now - began > most or (not is_asked and _is_narrow(rows))
            if is_known and len(rows) >= LEAST_TIMINGS:
                break
            if now - told > REPORT_SECONDS:
                done = before + share * max(len(rows) / self.config.timings, (now - began) / most)
                self.report(int(1000 * done), 1000, f"Timing {place(size)}", seconds=rows[-1][2])
                told = now
        self.report(
            int(1000 * (before + share)), 1000, f"Timing {place(size)}", seconds=rows[-1][2]
        )
        return rows

    def _batch(self, size: int, start: int) -> Seconds:
        """Return the seconds that opening, preparing and answering a batch took."""
        began = time.perf_counter()
        opened: Any = self.pictures.opened(start, size)
        decoded = time.perf_counter()
        x = self.pictures.images(opened, size)
        _wait(self.model.device)
        prepared = time.perf_counter()
        self.model(x).cpu()  # the answer is at hand
        answered = time.perf_counter()
        if self.pictures.part is None:
            return math.nan, math.nan, answered - prepared
        return decoded - began, prepared - decoded, answered - prepared


def _is_narrow(rows: Sequence[Seconds]) -> bool:
    """Tell whether the median of the timings is known well enough to say how fast a size is."""
    found = quantile(np.nansum(rows, axis=1), 0.5)
    return found.high - found.low <= NARROW * found.value


def _fastest(model: Model, pictures: Pictures | Texts) -> int:
    """Return the batch size at which an example's forward pass is fastest."""
    if isinstance(pictures, Texts):
        return fastest_size(pictures)
    return best_batch_size(model, images=pictures.some(min(len(pictures.readable), 8) or 1)).current


def _facts(
    model: Model,
    pictures: Pictures | Texts,
    config: CostConfig,
    records: pd.DataFrame,
    notes: list[str],
) -> Facts:
    """Return what is counted and metered; sentences for the reader are added to the notes."""
    held = weights_size(config.model.reference, config.model.weights)
    sizes = [int(size) for size in records["batch"].unique()]
    medians = records.groupby("batch")["forward"].median()
    best = min(sizes, key=lambda size: medians[size] / size)
    energy, energy_by = _energy(model, pictures.some(best))
    return Facts(
        parameters=model.parameter_count,
        macs=_macs(model, notes, pictures.pieces),
        file_size=held or weight_bytes(model),
        file_size_of="file" if held else "weights",
        memory={str(size): _memory(model, pictures.largest(size)) for size in sizes},
        memory_by="torch's allocator" if model.device.type == "cuda" else "counting tensors",
        energy=energy,
        energy_by=energy_by,
        picture=pictures.size,
        pieces=pictures.pieces,
        padding=pictures.padding(best) if isinstance(pictures, Texts) and pictures.part else None,
    )


def counted(model: Model, pieces: tuple[int, int, int] | None = None) -> dict[str, float]:
    """Return what is counted of the network alone, the same on every machine."""
    return {"parameters": model.parameter_count, "macs": _macs(model, [], pieces)}


def _macs(model: Model, notes: list[str], pieces: tuple[int, int, int] | None) -> float:
    """Return the multiply-adds of a picture, or of a text of median length.

    NaN, and a note, where they cannot be counted.
    """
    if not model.has_gradients:
        notes.append("Multiply-adds and memory are not known: torch does not run this model.")
        return math.nan
    try:
        work = work_of(model, None if pieces is None else pieces[1])
    except NOT_OURS as error:
        notes.append(f"Multiply-adds could not be counted ({first_line(error)}).")
        return math.nan
    if work.uncounted:
        notes.append(
            "Multiply-adds could not be counted: there is no formula for "
            f"{', '.join(work.uncounted)}."
        )
        return math.nan
    return float(work.macs)


def _memory(model: Model, x: Tensor) -> float:
    """Return the peak bytes of weights and tensors while images x go through; NaN unknown."""
    if not model.has_gradients:
        return math.nan
    if model.device.type != "cuda":
        return float(alive_bytes(model, x))
    torch.cuda.synchronize(model.device)
    torch.cuda.reset_peak_memory_stats(model.device)
    before = torch.cuda.memory_allocated(model.device) - x.nbytes
    model(x).cpu()
    grown = torch.cuda.max_memory_allocated(model.device) - before
    return float(weight_bytes(model) + grown)


def _energy(model: Model, x: Tensor) -> tuple[float, str]:
    """Return the joules of one picture in batches x, and how they were measured or why not."""
    read, how = meter(model.device)
    if read is None:
        return math.nan, how
    began, joules, count = time.monotonic(), read(), 0
    while time.monotonic() - began < METERED_SECONDS:
        model(x).cpu()
        count += len(x)
    used = read() - joules
    if used <= 0:  # a counter that began anew
        return math.nan, "not measured: the meter of energy began anew meanwhile"
    return used / count, how


def _wait(device: torch.device) -> None:
    """Wait until a device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _source(
    model: Model, pictures: Pictures | Texts, batch: int, notes: tuple[str, ...], seconds: float
) -> Provenance:
    part = pictures.part
    return Provenance(
        model=model.name,
        model_fingerprint=model.fingerprint,
        dataset=f"no {model.kind}s" if part is None else part.name,
        dataset_fingerprint="" if part is None else part.fingerprint,
        split="all" if part is None else part.split_name,
        class_names=model.labels.names,
        refused=() if part is None else part.left_out,
        warnings=notes,
        seconds=seconds,
        device=str(model.device),
        batch_size=batch,
        versions=versions(),
    )
