"""The question "what does an answer of the model cost?" and its answer.

Records, one row per timed batch:
    batch (pictures in it), place (0, 1, … in the order of timing), decode, preprocess, forward
    (seconds of the whole batch; decode and preprocess are NaN where no data were named).
Times are of one machine as it was; the machine is part of the answer, and of the question's key.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.units import written
from usable_core.evaluations.cost_facts import Facts, texts_in_words
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.result import Answer, Number, summed_up
from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    DatasetSpec,
    InputKind,
    ModelSpec,
    Provenance,
    asked,
    require,
    require_range,
)
from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import CONFIDENCE, Estimate
from usable_core.metrics.quantiles import quantile, values_needed

if TYPE_CHECKING:
    import pandas as pd

COST_COLUMNS = ("batch", "place", "decode", "preprocess", "forward")
LEAST_TIMINGS, TIMINGS, MOST_TIMINGS = 5, 100, 10_000
MOST_SIZES = 8  # batch sizes of one question
STEADY = 1.25  # from this ratio of medians on, the machine's speed changed while it was timed
# Of a multiply-add, 32-bit floating point, 45 nm: 3.7 + 0.9 pJ (Horowitz 2014, ISSCC, fig. 1.1.9).
MAC_JOULES = 4.6e-12

Part = Literal["latency", "forward"]


@dataclass(frozen=True)
class CostConfig:
    """What to measure: one model, on examples of a data set or without any.

    Attributes:
        model: The model.
        dataset: Data whose pictures are decoded and preprocessed, or texts cut into pieces; the
            forward pass alone is timed when not given.
        batch_sizes: Examples at once, beside 1 and the fastest, such as 8,32.
        timings: Batches timed at each size; fewer where they take long.
    """

    model: ModelSpec
    dataset: DatasetSpec | None = field(
        default=None, metadata=asked(choices=lambda: [*DATASETS, "PATH"])
    )
    batch_sizes: tuple[int, ...] = field(default=(), metadata=asked("--batch-size"))
    timings: int = TIMINGS
    same: ClassVar[tuple[str, ...]] = ("batch_sizes", "timings")

    def __post_init__(self) -> None:
        sizes = self.batch_sizes
        is_good = all(type(s) is int and 1 <= s <= LARGEST_BATCH for s in sizes)
        is_good = is_good and len(sizes) <= MOST_SIZES and list(sizes) == sorted(set(sizes))
        expected = f"at most {MOST_SIZES} whole numbers from 1 to {LARGEST_BATCH:,}, increasing"
        require(is_good, "batch_sizes", expected, sizes)
        require_range(self, "timings", LEAST_TIMINGS, MOST_TIMINGS)


@dataclass(frozen=True)
class CostResult(Answer):
    """Timings of single batches, and what was counted; every number of time is of the timings."""

    config: CostConfig
    provenance: Provenance
    machine: Machine
    facts: Facts
    records: "pd.DataFrame"

    def __repr__(self) -> str:
        found = self.time("forward", 1, 0.95)
        return self.headline({"forward p95 at batch 1": found}, "seconds")

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "picture" if self.facts.pieces is None else "text"

    @property
    def n(self) -> int:
        """Return the number of examples that were timed one by one."""
        return int((self.records["batch"] == 1).sum())

    @property
    def axis(self) -> str:  # type: ignore[override]
        """Return what times share that may be compared: one machine, one way of working."""
        torch = self.provenance.versions.get("torch", "")
        where = self.machine
        return f"{where.mark} {where.device} {where.threads} threads {where.cores} cores {torch}"

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes that were timed, increasing."""
        return tuple(int(size) for size in sorted(self.records["batch"].unique()))

    @property
    def has_pictures(self) -> bool:
        """Tell whether examples were opened and prepared, so that whole answers were timed."""
        return self.config.dataset is not None

    def timings(self, part: Part, batch: int) -> Floats:
        """Return the seconds of each timed batch of a size, in their order (N,)."""
        rows = self.records[self.records["batch"] == batch].sort_values("place")
        names = ["decode", "preprocess", "forward"] if part == "latency" else ["forward"]
        return np.asarray(rows[names].sum(axis=1, skipna=False), dtype=float)

    def time(
        self, part: Part, batch: int, share: float, confidence: float = CONFIDENCE
    ) -> Estimate:
        """Return a quantile of the seconds of a batch, with its distribution-free interval."""
        return quantile(self.timings(part, batch), share, confidence)

    def best(self, part: Part) -> int:
        """Return the batch size at which most examples a second are answered."""
        return max(self.batch_sizes, key=lambda size: size / self.time(part, size, 0.5).value)

    def throughput(self, part: Part, confidence: float = CONFIDENCE) -> Estimate:
        """Return the examples a second at the best batch size, by the median batch."""
        size = self.best(part)
        found = self.time(part, size, 0.5, confidence)
        high = size / found.low if found.low > 0 else math.inf
        return Estimate(size / found.value, size / found.high, high, found.n)

    @property
    def pictures_in_words(self) -> str:
        """Return what it answered: `64 × 64 pixels of digits (test)`."""
        if self.facts.pieces is not None:
            return texts_in_words(self.facts, self.provenance, self.best("forward"))
        if self.facts.picture is None:
            return "grey pictures (no data were named, so decoding was not timed)"
        width, height = self.facts.picture
        source = self.provenance
        return f"pictures of {width} × {height} pixels of {source.dataset} ({source.split})"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return what was timed."""
        return ("latency", "forward") if self.has_pictures else ("forward",)

    @property
    def energy_estimate(self) -> float:
        """Return joules of a picture by its multiply-adds alone, a floor; NaN without them."""
        return self.facts.macs * MAC_JOULES

    @property
    def energy_in_words(self) -> str:
        """Return the energy of a picture, and whether that is measured or estimated and how."""
        if not math.isnan(self.facts.energy):
            return f"{written(self.facts.energy, 'joules')}, {self.facts.energy_by}"
        if math.isnan(self.energy_estimate):
            return self.facts.energy_by
        return (
            f"at least {written(self.energy_estimate, 'joules')}, estimated from the multiply-adds "
            f"at 4.6 pJ each (arithmetic alone); {self.facts.energy_by}"
        )

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return why the times are not those of the model alone, as sentences."""
        return tuple(filter(None, (self.machine.busy, self._drift)))

    @property
    def _drift(self) -> str:
        """Return a sentence where the second half of the timings is of another speed."""
        times = self.timings("forward", 1)
        half = len(times) // 2
        if half < LEAST_TIMINGS:
            return ""
        first, second = float(np.median(times[:half])), float(np.median(times[-half:]))
        if max(first, second) < STEADY * min(first, second):
            return ""
        return (
            "The machine's speed changed during the timing: the median forward pass took "
            f"{1000 * first:.3g} ms in the first half and {1000 * second:.3g} ms in the second."
        )

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown."""
        facts = self.facts
        # A network without parameters that torch knows, such as a quantised one, holds others.
        counted = {
            "parameters": facts.parameters or math.nan,
            "macs": facts.macs,
            "file_size": facts.file_size or math.nan,
            "energy_estimate": self.energy_estimate,
        }
        found = [Number(name, exact(value)) for name, value in counted.items()]
        unmetered = facts.energy_by if math.isnan(facts.energy) else ""
        found.append(Number("energy", exact(facts.energy), excuse=unmetered))
        for size in self.batch_sizes:
            found += [
                Number("peak_memory", exact(facts.memory[str(size)]), at=place(size)),
                *(self._timed(part, size, p) for part in self.parts for p in (50, 95)),
            ]
        return (*found, *map(self._rate, self.parts))

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per timed batch."""
        return self.records.copy()

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: times in seconds, sizes in bytes, energy in joules."""
        facts = self.facts
        batches = [
            {
                "batch": size,
                "timings": len(self.timings("forward", size)),
                "peak_memory": facts.memory[str(size)],
                **{
                    f"{part}_p{p}": self.time(part, size, p / 100)
                    for part in self.parts
                    for p in (50, 95)
                },
            }
            for size in self.batch_sizes
        ]
        return summed_up(
            self,
            **{name: getattr(facts, name) for name in ("parameters", "macs", "file_size")},
            file_size_of=facts.file_size_of,
            batches=batches,
            **{_RATES[part]: self.throughput(part) for part in self.parts},
            best_batch={part: self.best(part) for part in self.parts},
            memory_by=facts.memory_by,
            energy=facts.energy,
            energy_by=facts.energy_by,
            energy_estimate=self.energy_estimate,
            machine=self.machine,
            doubts=self.doubts,
        )

    def _timed(self, part: Part, size: int, percent: int) -> Number:
        share = percent / 100
        return Number(
            f"{part}_p{percent}",
            self.time(part, size, share),
            at=place(size),
            within=lambda confidence: self.time(part, size, share, confidence),
            excuse=" ".join(self.doubts),
        )

    def _rate(self, part: Part) -> Number:
        return Number(
            _RATES[part],
            self.throughput(part),
            within=lambda confidence: self.throughput(part, confidence),
            excuse=" ".join(self.doubts),
        )


_RATES: dict[Part, str] = {"latency": "throughput", "forward": "forward_throughput"}


def timings_for(candidates: int) -> int:
    """Return how many timings bound the p95 of each of several candidates from both sides."""
    return max(TIMINGS, values_needed(0.95, 1 - (1 - CONFIDENCE) / candidates))


def place(batch: int) -> str:
    """Return a batch size as people write it: `batch 16`."""
    return f"batch {batch}"


def exact(value: float) -> Estimate:
    """Return a number that was counted: its interval is itself."""
    return Estimate(value, value, value, 1)
