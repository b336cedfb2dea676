"""`usable evaluate accuracy|robustness|explanation`: measure a model on a data set."""

import math
from collections.abc import Hashable, Mapping
from typing import Annotated, cast

import typer
from rich.table import Table

from usable_core.catalog import lookup
from usable_core.catalog.attacks import ATTACKS, LOSSES, PRESETS
from usable_core.catalog.checks import CHECKS
from usable_core.cli import options as o
from usable_core.cli.explain import (
    BackgroundOption,
    EvaluationsOption,
    MethodOption,
    PrecisionOption,
    SegmentsOption,
    ToleranceOption,
    explainer_options,
    known_methods,
)
from usable_core.cli.output import answer, remark, run_task, share, table, with_run
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.epsilon import grid, number
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.robustness import RobustnessConfig, RobustnessResult
from usable_core.evaluations.specs import Provenance

app = typer.Typer(help="Measure a model on a data set.", no_args_is_help=True)


@app.command()
def accuracy(
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
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    json: o.JsonOption = None,
) -> None:
    """Measure how often a model is right, and whether it knows when."""
    config = AccuracyConfig(
        o.model_spec(model, weights, arch_option, trust, preprocessing),
        o.dataset_spec(dataset, split, limit, seed),
        o.choice(precision, "precision", ("float32", "bfloat16")),  # type: ignore[arg-type]
        batch_size,
    )
    run, found = run_task(config)
    result = cast(AccuracyResult, found)
    rows = [
        ("accuracy", share(result.accuracy)),
        *([("top-5", share(result.top5))] if result.top5 is not None else []),
        ("balanced accuracy", f"{result.balanced_accuracy.value:.1%}".replace("%", " %")),
        ("ECE (15 bins)", f"{result.ece().value:.3f}"),
    ]
    answer(
        with_run(run, result.summary()),
        json,
        [_about(result.provenance, result.n), table("", "", rows=rows)],
    )


@app.command()
def robustness(
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
    preset: Annotated[
        str | None,
        typer.Option(
            help="glance, standard or benchmark: several attacks, worst case per example."
        ),
    ] = None,
    attack: Annotated[
        str | None, typer.Option(help=f"One attack instead: {', '.join(ATTACKS)}.")
    ] = None,
    norm: Annotated[str, typer.Option(help="linf, l2 or l1.")] = "linf",
    epsilons: Annotated[
        list[str] | None,
        typer.Option("--epsilons", "--epsilon", help="Such as 1/255,4/255,8/255; 0 is added."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Gradient steps, or queries of Square.")] = None,
    restarts: Annotated[int | None, typer.Option(help="Random starts.")] = None,
    step_size: Annotated[
        str | None, typer.Option(help="Multiple of epsilon; 2.5 / steps when not given.")
    ] = None,
    loss: Annotated[str | None, typer.Option(help=f"{', '.join(LOSSES)}.")] = None,
    momentum: Annotated[
        float | None, typer.Option(help="Weight of PGD's earlier gradients.")
    ] = None,
    targets: Annotated[int | None, typer.Option(help="Classes aimed at.")] = None,
    draws: Annotated[int, typer.Option(help="Passes averaged, for randomised models.")] = 1,
    surrogate: Annotated[
        str | None, typer.Option(help="Backbone whose adversarial images are tried too.")
    ] = None,
    walked: Annotated[
        int | None, typer.Option(help="Examples walked in full for the checks; 0: no checks.")
    ] = None,
    gallery: Annotated[int, typer.Option(help="Pictures kept per breaking epsilon.")] = 4,
    json: o.JsonOption = None,
) -> None:
    """Measure whether a model stays right when its input is changed a little, with checks."""
    choice = AttackChoice(
        preset=preset,
        attack=attack,
        steps=steps,
        restarts=restarts,
        step_size=None if step_size is None else number(step_size, "step_size"),
        loss=loss,
        momentum=momentum,
        targets=targets,
    )
    if preset is not None and limit is None:
        limit = lookup(PRESETS, "preset", preset).examples
    config = RobustnessConfig(
        o.model_spec(model, weights, arch_option, trust, preprocessing),
        o.dataset_spec(dataset, split, limit, seed),
        attacks=choice.attacks,
        norm=norm,  # type: ignore[arg-type]
        epsilons=grid(",".join(epsilons)) if epsilons else (),
        seed=seed,
        gallery=gallery,
        batch_size=batch_size,
        preset=preset,
        draws=draws,
        surrogate=None if surrogate is None else o.model_spec(surrogate, None, None, trust, None),
        walked=walked,
    )
    run, found = run_task(config)
    result = cast(RobustnessResult, found)
    rows = [
        (_epsilon(e, norm), share(under), share(noise), f"{change.value:+.3f}", worst or "")
        for e, under, noise, change, worst in zip(
            result.epsilons,
            result.robust_accuracy,
            result.noise_accuracy,
            result.robustness,
            result.worst_attack,
            strict=True,
        )
    ]
    titles = {name: row.title for name, row in CHECKS.items()}
    seen = [(check.verdict, titles[check.name], check.sentence) for check in result.checks]
    lines: list[str | Table] = [
        _about(result.provenance, result.n),
        f"clean accuracy {share(result.clean_accuracy)}; {config.title}, {norm}",
        table("epsilon", "under attack", "random noise", "change", "worst attack", rows=rows),
        smallest_in_words(result, norm),
        *([table("check", "", "", rows=seen)] if seen else []),
        f"{result.cost.forward + result.cost.backward:,} passes in {result.cost.seconds:.0f} s, "
        f"checks {result.cost.checks:,} in {result.cost.check_seconds:.0f} s",
    ]
    answer(with_run(run, result.summary()), json, lines)


def _epsilon(epsilon: float, norm: str) -> str:
    return f"{epsilon * 255:g}/255" if norm == "linf" else f"{epsilon:g}"


def smallest_in_words(result: RobustnessResult, norm: str) -> str:
    """Return the median of the smallest breaking epsilons, and how many images withstand all."""
    median = result.median_smallest_epsilon
    if median.n == 0:
        return "smallest epsilon that breaks: none, for no example is right when clean"
    shown = [
        _epsilon(e, norm) if math.isfinite(e) else "beyond the grid"
        for e in (median.value, median.low, median.high)
    ]
    return (
        f"smallest epsilon that breaks: median {shown[0]} ({shown[1]} to {shown[2]}); "
        f"withstand all: {share(result.censored)}"
    )


@app.command()
def explanation(
    model: o.ModelOption,
    dataset: o.DatasetOption,
    weights: o.WeightsOption = None,
    arch_option: o.ArchOption = None,
    trust: o.TrustOption = False,
    preprocessing: o.PreprocessingOption = None,
    split: o.SplitOption = "auto",
    limit: Annotated[int, typer.Option(help="Images that are explained.")] = 10,
    seed: o.SeedOption = 0,
    method: MethodOption = None,
    target: Annotated[str, typer.Option(help="predicted, true, or a class name.")] = "predicted",
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence",
            help="Also a second background, ROAD, random weights and another class.",
        ),
    ] = False,
    evaluations: EvaluationsOption = 500,
    segments: SegmentsOption = 50,
    background: BackgroundOption = "blur",
    tolerance: ToleranceOption = 0.0,
    precision: PrecisionOption = "float32",
    json: o.JsonOption = None,
) -> None:
    """Measure how far a model's explanations are to be believed."""
    config = ExplanationConfig(
        o.model_spec(model, weights, arch_option, trust, preprocessing),
        o.dataset_spec(dataset, split, limit, seed),
        known_methods(method),
        target,
        explainer_options(evaluations, segments, background, seed, tolerance, precision),
        "all" if evidence else "curves",
    )
    run, found = run_task(config)
    result = cast(ExplanationResult, found)
    per_method = result.per_method
    rows = [
        [row["method"], *(_median(row, figure) for figure in _SHOWN)]
        for row in per_method.to_dict("records")
    ]
    worst = result.worst(5)[["index", "id", "method", "reason"]]
    lines: list[str | Table] = [
        _about(result.provenance, result.n),
        table("method", *_SHOWN.values(), rows=rows),
        table("worst explained", "id", "method", "why", rows=worst.to_numpy().tolist()),
    ]
    answer(with_run(run, result.summary()), json, lines)


# Columns of `per_method` that people see at once; the JSON holds all.
_SHOWN = {
    "r2": "R²",
    "additivity_gap": "gap",
    "error_share": "error",
    "deletion_gain": "deletion gain",
    "insertion_gain": "insertion gain",
    "road_gain": "ROAD gain",
    "randomised": "random weights",
    "other_class": "other class",
    "agreement": "agreement",
    "doubtful": "doubtful",
    "evaluations": "evaluations",
    "seconds": "seconds",
}


def _median(row: Mapping[Hashable, float], figure: str) -> str:
    """Return a figure with its interval; a dash where the method has none."""
    if math.isnan(row[figure]):
        return "-"
    low, high = (row.get(f"{figure}_{end}", math.nan) for end in ("low", "high"))
    interval = "" if math.isnan(low) else f" ({low:.2g} to {high:.2g})"
    return f"{row[figure]:.3g}{interval}"


def _about(provenance: Provenance, n: int) -> str:
    for warning in provenance.warnings:
        remark(f"Note: {warning}")
    if provenance.refused:
        first = provenance.refused[0]
        remark(
            f"Note: {len(provenance.refused)} examples were left out, the first: {first.name}: "
            f"{first.reason}"
        )
    return f"{provenance.model} on {provenance.dataset} ({provenance.split}), n = {n}"
