"""An answer of transferability for a terminal."""

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.cli.output import Line, about, table
from usable_core.evaluations.transferability import TransferabilityResult
from usable_core.runs.run import Run


def lines(run: Run, result: TransferabilityResult) -> list[Line]:
    """Return the answer for people."""
    rows = []
    for number in result.numbers():
        row, found = METRICS[number.metric], number.found
        value, low, high = (written(v, row.unit) for v in (found.value, found.low, found.high))
        rows.append((row.title, value, f"{low} to {high}"))
    model, data = result.config.model.reference, result.config.dataset.reference
    return [
        about(result),
        table("", "", "95 %", rows=rows),
        f"{result.width:,} features; {result.neighbours} neighbours; probes in cross-validation.",
        "Ask it of the other backbones and compare: usable compare RUN RUN. It is a hint: the "
        f"tuning itself is usable finetune --model {model} --dataset {data}",
    ]
