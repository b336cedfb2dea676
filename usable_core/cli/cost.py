"""An answer of cost for a terminal."""

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.cli.output import Line, notes, table
from usable_core.evaluations.cost import CostResult, Part, place
from usable_core.metrics.intervals import Estimate
from usable_core.runs.run import Run

_WHAT: dict[Part, str] = {
    "latency": "decode, preprocess, forward",
    "forward": "forward alone",
}
_OF_TEXTS: dict[Part, str] = {**_WHAT, "latency": "open, cut into pieces, forward"}


def lines(run: Run, result: CostResult) -> list[Line]:
    """Return the answer for people."""
    notes(result.provenance)
    facts, unit = result.facts, {name: row.unit for name, row in METRICS.items()}
    counted = [
        (METRICS["parameters"].title, f"{facts.parameters:,}"),
        (METRICS["macs"].title, written(facts.macs, unit["macs"])),
        (METRICS["file_size"].title, f"{written(facts.file_size, 'bytes')} ({facts.file_size_of})"),
        (METRICS["energy"].title, result.energy_in_words),
        *((METRICS[n].title, t) for n, t in rates_of(result).items()),
    ]
    rows = [
        (
            place(size),
            (_OF_TEXTS if result.kind == "text" else _WHAT)[part],
            timed(result.time(part, size, 0.5)),
            timed(result.time(part, size, 0.95)),
            len(result.timings(part, size)),
            written(facts.memory[str(size)], "bytes"),
        )
        for size in result.batch_sizes
        for part in result.parts
    ]
    heads = ("", "", "median (95 %)", "p95 (95 %)", "timings", "peak memory")
    return [
        f"{result.provenance.model}, {result.pictures_in_words}",
        f"on {result.machine.words}",
        "",
        table("", "", rows=counted),
        "",
        table(*heads, rows=rows),
        "",
        "Times are of this machine as it was; they say nothing of other machines and loads.",
    ]


def timed(found: Estimate) -> str:
    """Return a time with its interval: `12.3 ms (11.9 ms to 13 ms)`."""
    ends = f"{written(found.low, 'seconds')} to {written(found.high, 'seconds')}"
    return f"{written(found.value, 'seconds')} ({ends})"


def rates_of(result: CostResult) -> dict[str, str]:
    """Return the throughputs by their keys in `METRICS`, each with its batch size."""
    found = {}
    for part, name in (("latency", "throughput"), ("forward", "forward_throughput")):
        if part in result.parts:
            rate = written(result.throughput(part).value, "rate")
            found[name] = f"{rate} at {place(result.best(part))}"
    return found
