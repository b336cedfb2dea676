"""`usable evaluate corruption`: does the model stay right when the picture gets worse?"""

from typing import Annotated, cast

import typer
from rich.table import Table

from usable_core.catalog.corruptions import COMMON, CORRUPTIONS
from usable_core.cli import options as o
from usable_core.cli.evaluate import _about
from usable_core.cli.output import answer, run_task, share, table, with_run
from usable_core.errors import ConfigError
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig, CorruptionResult
from usable_core.metrics.intervals import Estimate


def corruption(
    model: o.ModelOption,
    dataset: o.DatasetOption,
    weights: o.WeightsOption = None,
    arch_option: o.ArchOption = None,
    trust: o.TrustOption = False,
    preprocessing: o.PreprocessingOption = None,
    split: o.SplitOption = "auto",
    limit: o.LimitOption = None,
    seed: o.SeedOption = 0,
    batch_size: o.BatchOption = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as fog,snow; `common` are the usual 15, `all` these and four more."
        ),
    ] = None,
    severity: Annotated[
        list[str] | None, typer.Option(help="Such as 1,3; all of 1 to 5 when not given.")
    ] = None,
    json: o.JsonOption = None,
) -> None:
    """Measure whether a model stays right under noise, blur, weather and compression."""
    config = CorruptionConfig(
        o.model_spec(model, weights, arch_option, trust, preprocessing),
        o.dataset_spec(dataset, split, limit, seed),
        _corruptions(corruption or ["common"]),
        _severities(severity) if severity else SEVERITIES,
        seed,
        batch_size,
    )
    run, found = run_task(config)
    result = cast(CorruptionResult, found)
    cells = {
        (c, s): f"{100 * result.accuracy(c, s).value:.1f} %"
        for c in result.corruptions
        for s in result.severities
    }
    rows = [
        (CORRUPTIONS[c].title, *(cells[c, s] for s in result.severities), f"{e:.3f}")
        for c, e in zip(result.corruptions, result.by_corruption["ece"], strict=True)
    ]
    lines: list[str | Table] = [
        _about(result.provenance, result.n),
        f"clean accuracy {share(result.clean_accuracy)}; "
        f"mean corruption accuracy {_estimate(result.mean_corruption_accuracy)}; "
        f"relative drop {_estimate(result.relative_drop)}",
        table("accuracy at severity", *map(str, result.severities), "ECE", rows=rows),
    ]
    answer(with_run(run, result.summary()), json, lines)


def _corruptions(texts: list[str]) -> tuple[str, ...]:
    sets = {"common": COMMON, "all": tuple(CORRUPTIONS)}
    found = [name for word in o.words(texts) for name in sets.get(word, (word,))]
    return tuple(dict.fromkeys(found))


def _severities(texts: list[str]) -> tuple[int, ...]:
    found = o.words(texts)
    if not all(word.isdecimal() for word in found):
        raise ConfigError(f"severity must be numbers of 1 to 5, but is {','.join(found)!r}.")
    return tuple(sorted({int(word) for word in found}))


def _estimate(found: Estimate) -> str:
    low, high = f"{100 * found.low:.1f}", f"{100 * found.high:.1f}"
    return f"{100 * found.value:.1f} % ({low} % to {high} %)"
