"""`usable explain`: what in one image made each model say so, and how far to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usable_core import files
from usable_core.arguments import model_of
from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.references import files_of
from usable_core.cli.explanations import lines_of
from usable_core.cli.map_files import MapFiles
from usable_core.cli.options import JsonOption, words
from usable_core.cli.output import answer, progress_bar, remark
from usable_core.errors import ConfigError, ExplanationError, UsableError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.keywords import MapSettings
from usable_core.evaluations.specs import ModelSpec, asked
from usable_core.records import to_json
from usable_core.texts import cleaned

if TYPE_CHECKING:
    from usable_core.evaluations.explained import Explanation

_WAY = {"text": "text TEXT", "picture": "image FILE"}  # what a model of a kind is given
DEFAULT_METHODS = "lime,partition_shap"
# Of a map, where its method has them.
FIGURES = ("r2", "effective_samples", "additivity_gap", "convergence", "base", "output")


@dataclass(frozen=True)
class Wanted:
    """Which maps are made, and what beside them.

    Attributes:
        method: Methods.
        target: Class explained: top (the predicted one), true, or its name.
        label: Name of the true class, for --target true.
        evidence: Measure how far to trust each map as well.
        drift: Make each map along the attack as well: 9 times more.
    """

    method: list[str] | None = field(
        default=None,
        metadata=asked(
            help=f"{', '.join(EXPLAINERS)}; repeatable, or with commas. "
            f"[dim]\\[default: {DEFAULT_METHODS}][/dim]"
        ),
    )
    target: str = "top"
    label: str | None = None
    evidence: bool = False
    drift: bool = False

    def settings(self, options: ExplainerOptions) -> MapSettings:
        """Return how maps are made.

        Raises:
            ConfigError: the true class is to be explained and nobody says which that is.
        """
        return {
            "target": _target(self.target, self.label),
            "options": options,
            "evidence": self.evidence,
            "drift": self.drift,
        }


def explain(
    model: tuple[ModelSpec, ...],
    options: ExplainerOptions,
    wanted: Wanted,
    image: Annotated[Path | None, typer.Option("--image", help="A picture file.")] = None,
    text: Annotated[str | None, typer.Option(help="A text, for models of texts.")] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the maps: pictures as .png, words as .html, arrays as .npy files."
        ),
    ] = Path("explanations"),
    json: JsonOption = None,
) -> None:
    """Explain one image or text: predictions and maps of one or several models, their agreement."""
    methods, label = known_methods(wanted.method), wanted.label
    settings = wanted.settings(options)
    names = names_of(model)
    given = _given(image, text)
    for spec in model:
        files_of(spec.reference, spec.weights, spec.labels)
    files.check_folder(out)
    with progress_bar() as report:
        found = [_maps(spec, given, methods, {**settings, "report": report}) for spec in model]
    parts = [
        _model_part(name, given, maps, MapFiles.of(spec, given, settings, out), label)
        for name, spec, maps in zip(names, model, found, strict=True)
    ]
    data = dict(parts[0])
    if len(model) > 1:
        between = between_models(names, found)
        data = {_what(given): str(given), "models": parts, "agreement": between}
    answer(data, json, [line for part in parts for line in lines_of(part)])


def _given(image: Path | None, text: str | None) -> Path | str:
    """Return the picture or the text that is to be explained; looked at before a model is loaded.

    Raises:
        ConfigError: it is none of them, or both.
        ImageRefused, TextRefused: it cannot be used.
    """
    from usable_core.pictures import picture_of

    if text is not None and image is None:
        return cleaned(text)
    if image is None or text is not None:
        raise ConfigError("Give what is to be explained: --image FILE, or --text TEXT.")
    picture_of(image)
    return image


def _what(given: Path | str) -> str:
    return "text" if isinstance(given, str) else "image"


def known_methods(method: list[str] | None) -> tuple[str, ...]:
    """Return the methods that are asked for.

    Raises:
        UnknownName: one of them is none.
    """
    methods = words(method or [DEFAULT_METHODS])
    for name in methods:
        lookup(EXPLAINERS, "explanation method", name)
    return methods


def _target(target: str, label: str | None) -> str:
    if target != "true":
        return target
    if label is None:
        raise ConfigError("--target true needs the name of the true class: --label NAME.")
    return label


def _maps(
    spec: ModelSpec, given: Path | str, methods: tuple[str, ...], settings: MapSettings
) -> "tuple[Explanation, ...]":
    from usable_core import api

    def refused(method: str, error: UsableError) -> None:
        remark(f"Note: no {method} map of {spec.reference}. {error}")

    settings["report"](0, 0, f"Loading {spec.reference}")
    model = model_of(spec)
    if model.kind != ("text" if isinstance(given, str) else "picture"):
        raise ConfigError(
            f"{spec.reference} is a model of {model.kind}s. Give it --{_WAY[model.kind]}."
        )
    found = api.explain_methods(model, given, methods=methods, on_refusal=refused, **settings)
    if not found:
        raise ExplanationError(f"No method gave a map of {spec.reference}. Choose other methods.")
    return found


def names_of(models: Sequence[ModelSpec]) -> list[str]:
    """Return what to call each model: its reference, with what else was said where others share it.

    Raises:
        ConfigError: two of them are the same model.
    """
    names = [spec.reference for spec in models]
    shared = {name for name in names if names.count(name) > 1}
    for position, spec in enumerate(models):
        said = [spec.weights] if spec.weights else []
        said += ["=".join(pair) for pair in (*spec.arch_options, *spec.preprocessing)]
        if spec.reference in shared and said:
            names[position] += f" with {' '.join(said)}"
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"{name} is given twice. Name two models, or give each its --weights."
            )
    return names


def _model_part(
    name: str, given: Path | str, maps: "Sequence[Explanation]", out: MapFiles, label: str | None
) -> dict[str, Any]:
    from usable_core.comparison.maps import compare_maps, compared_map

    agreement = None
    if len(maps) > 1:
        agreement = compare_maps([compared_map(str(one.method), one) for one in maps]).summary()
    first = maps[0]
    calibrated = first.calibrated(label)
    fragility = first.fragility
    return {
        _what(given): str(given),
        "model": name,
        "target": first.target,
        "predictions": first.predictions,
        "knows": first.knows,
        "calibrated": calibrated and calibrated.calibrated,
        "familiarity": _with(first.familiarity, "is_unlike"),
        "warnings": first.warnings,
        "fragility": fragility and {**to_json(fragility), "said": fragility.said(label)},
        **({"words": first.words} if first.spans else {}),
        "superpixels": maps[0].superpixels.tolist(),
        "maps": [_map_part(one, out) for one in maps],
        "agreement": agreement,
    }


def between_models(
    references: Sequence[str], found: "Sequence[Sequence[Explanation]]"
) -> dict[str, Any] | None:
    """Return how far models agree, by method, on the superpixels that all of them see.

    None, with a remark, where they explain different classes.
    """
    from usable_core.comparison.maps import compare_maps, compared_map, on_shared

    targets = {str(maps[0].target) for maps in found}
    if len(targets) > 1:
        remark(
            f"Note: the models explain different classes ({', '.join(sorted(targets))}), so their "
            "maps are not compared. Name one with --target."
        )
        return None
    agreement: dict[str, Any] = {}
    everywhere = set.intersection(*({str(one.method) for one in maps} for maps in found))
    common = [[one for one in maps if one.method in everywhere] for maps in found]
    for of_method in zip(*common, strict=True):
        compared = list(map(compared_map, references, of_method))
        common_maps, shared = on_shared(compared, [one.superpixels for one in of_method])
        numbers = compare_maps(common_maps).summary() | {"superpixels": shared.tolist()}
        agreement[str(of_method[0].method)] = numbers
    return agreement


def _map_part(one: "Explanation", out: MapFiles) -> dict[str, Any]:
    """Return one map's numbers; its arrays become files, with a picture of it."""
    from usable_core.plots.notebook import view_html, view_png
    from usable_core.plots.words import describe_words

    files = {"values": out.write(one.values, str(one.method))}
    if one.spans:
        page = f'<!doctype html><meta charset="utf-8">{view_html(one)}'
        files |= {"picture": out.write(page, str(one.method)), "background": str(one.background)}
        files["strongest"] = describe_words(one)
        if caveat := EXPLAINERS[str(one.method)].caveat:
            files["caveat"] = caveat
    else:
        files["picture"] = out.write(view_png(one), str(one.method))
    for kind, values in one.compared.items():
        files[kind] = out.write(values, f"{one.method}_{kind}")
    figures = {name: getattr(one, name) for name in FIGURES}
    part: dict[str, Any] = {"method": one.method, **files}
    part |= {name: value for name, value in figures.items() if value is not None}
    part |= {name: getattr(one, name) for name in ("unit", "precision", "evaluations", "seconds")}
    part["credits"] = one.credits.tolist()
    part["doubts"] = [{"name": name, "sentence": sentence} for name, sentence in one.doubts()]
    if one.stability is not None:
        part["stability"] = {**to_json(one.stability), "is_settled": one.stability.is_settled}
    if one.evidence is not None:
        part["evidence"] = one.evidence.summary()
    if one.drift is not None:
        part["drift"] = _with(one.drift, "rank_drift", "top_drift")
    return part


def _with(record: object, *properties: str) -> dict[str, Any] | None:
    """Return a dataclass as JSON, with some of its properties; None of none."""
    if record is None:
        return None
    found: dict[str, Any] = to_json(record)
    return found | {name: to_json(getattr(record, name)) for name in properties}
