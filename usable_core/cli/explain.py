"""`usable explain`: what in one image made each model say so."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from usable_core.cli import options as o
from usable_core.cli.output import answer, progress_bar, table
from usable_core.errors import ConfigError, StorageError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import ModelSpec, Report

if TYPE_CHECKING:
    from usable_core.api import Explanation


def explain(
    image: Annotated[Path, typer.Option("--image", help="A picture file.")],
    model: Annotated[list[str], typer.Option("--model", help="Reference of a model; repeatable.")],
    weights: o.WeightsOption = None,
    arch_option: o.ArchOption = None,
    trust: o.TrustOption = False,
    preprocessing: o.PreprocessingOption = None,
    method: Annotated[
        list[str] | None, typer.Option(help="lime, partition_shap, gradient_shap; repeatable.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Class that is explained; else the predicted one.")
    ] = None,
    evaluations: Annotated[int, typer.Option(help="Model evaluations per map.")] = 500,
    segments: Annotated[int, typer.Option(help="Superpixels.")] = 50,
    background: Annotated[str, typer.Option(help="blur, mean, grey or black.")] = "blur",
    seed: o.SeedOption = 0,
    out: Annotated[
        Path, typer.Option(help="Folder of the maps: (H, W) arrays as .npy files.")
    ] = Path("explanations"),
    json: o.JsonOption = None,
) -> None:
    """Explain one image: predictions and maps of one or several models."""
    references = o.words(model)
    if len(references) > 1 and (weights or arch_option or preprocessing):
        raise ConfigError(
            "--weights, --arch-option and --preprocessing are for one model, but several are "
            "given. "
            "Explain them one after the other."
        )
    specs = [o.model_spec(r, weights, arch_option, trust, preprocessing) for r in references]
    settings = ExplainerOptions(evaluations, segments, background, seed)
    methods = _known_methods(method)
    found = []
    with progress_bar() as report:
        for spec in specs:
            found.append(_explained(spec, image, methods, target, settings, out, report))
    data: dict[str, Any] = found[0] if len(found) == 1 else {"image": str(image), "models": found}
    answer(data, json, [line for one in found for line in _lines(one)])


def _known_methods(method: list[str] | None) -> tuple[str, ...]:
    from usable_core.catalog import lookup
    from usable_core.catalog.explainers import EXPLAINERS

    methods = o.words(method or ["lime,partition_shap"])
    for name in methods:
        lookup(EXPLAINERS, "explanation method", name)
    return methods


def _explained(
    spec: ModelSpec,
    image: Path,
    methods: tuple[str, ...],
    target: str | None,
    settings: ExplainerOptions,
    out: Path,
    report: Report,
) -> dict[str, Any]:
    from usable_core import api
    from usable_core.models import load_model

    report(0, 0, f"Loading {spec.reference}")
    model = load_model(spec)
    maps = [
        api.explain(model, image, method=m, target=target, options=settings, report=report)
        for m in methods
    ]
    return {
        "image": str(image),
        "model": spec.reference,
        "target": maps[0].target,
        "predictions": maps[0].predictions,
        "maps": [_saved(one, f"{image.stem}_{spec.reference}_{one.method}", out) for one in maps],
    }


def _saved(one: "Explanation", name: str, out: Path) -> dict[str, Any]:
    path = out / (re.sub(r"[^A-Za-z0-9.-]+", "_", name) + ".npy")
    try:
        out.mkdir(parents=True, exist_ok=True)
        np.save(path, one.values)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
    quality = {"r2": one.r2, "additivity_gap": one.additivity_gap}
    return {
        "method": one.method,
        "values": str(path),
        **{name: value for name, value in quality.items() if value is not None},
        "unit": one.unit,
        "evaluations": one.evaluations,
        "seconds": one.seconds,
    }


def _lines(one: dict[str, Any]) -> list[Any]:
    predictions = [(p.name, f"{p.probability:.1%}".replace("%", " %")) for p in one["predictions"]]
    maps = [
        (
            m["method"],
            f"R² {m['r2']:.2f}" if "r2" in m else f"gap {m.get('additivity_gap', 0):.2g}",
            f"{m['evaluations']} evaluations, {m['seconds']:.1f} s",
            m["values"],
        )
        for m in one["maps"]
    ]
    return [
        one["model"],
        table("Prediction", "Probability", rows=predictions),
        f"Explained: {one['target']}",
        table("Map", "Quality", "Cost", "File", rows=maps),
    ]
