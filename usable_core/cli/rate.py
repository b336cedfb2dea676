"""A learning-rate range test for a terminal."""

from usable_core.cli.output import Line, notes, table
from usable_core.evaluations.rate import RateResult, in_words
from usable_core.runs.run import Run

SHOWN = 20  # rows: the curve at every fifth of the usual 100 steps


def lines(run: Run, result: RateResult) -> list[Line]:
    """Return the answer for people: the curve, thinned out, and what it suggests."""
    notes(result.provenance)
    about, config = result.provenance, result.config
    every = max(1, len(result.records) // SHOWN)
    rows = [
        (f"{row.rate:.2g}", f"{row.loss:.3g}", f"{row.smoothed:.3g}")
        for row in result.records.iloc[::every].itertuples()
    ]
    taken = result.usual if result.suggested is None else result.suggested
    return [
        f"{about.model} on {about.dataset} ({about.split}), {config.method.replace('_', ' ')}, "
        f"{result.optimizer}, {len(result.records)} steps of {about.batch_size}",
        table("rate", "loss", "smoothed", rows=rows),
        in_words(result),
        f"usable finetune --model {config.model.reference} --dataset {config.dataset.reference} "
        f"--method {config.method} --learning-rate {taken:.2g}",
    ]
