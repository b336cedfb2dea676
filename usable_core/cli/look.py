"""`usable models` and `usable datasets`: what there is."""

from typing import Annotated, Any

import typer
from rich.table import Table

from usable_core import downloads, shelf
from usable_core.arguments import known_of, model_of
from usable_core.catalog.cards import bundled_cards
from usable_core.catalog.datasets import DATASETS, LAYOUTS
from usable_core.catalog.hub_data import FORM
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import first_use, suggested
from usable_core.cli.options import JsonOption, expanded
from usable_core.cli.output import answer, progress_bar, remark, share, table
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.recipes import verdict
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.recipes import probe as try_recipes
from usable_core.records import to_json

models_app = typer.Typer(
    help="List the backbones, show the passport of one, give one a name, or export it."
)

NO_CLASSES = "No classes: train a head first, usable finetune --model …"


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, json: JsonOption = None) -> None:
    """List the bundled backbones, the suggested ones and the kinds of references."""
    if context.invoked_subcommand is not None:
        return
    bundled = [
        {"reference": c.reference, "title": c.row.title, "help": c.row.help}
        | {"measured": c.card.get("measured", {})}
        for c in bundled_cards()
        if c.card is not None
    ]
    sources = {name: row.help for name, row in SOURCES.items()}
    own = shelf.listed()
    data = {"bundled": bundled, "shelf": own, "suggested": suggested(), "sources": sources}
    rows = [(one.reference, f"{one.spec.reference} {one.file}".strip()) for one in own]
    rows += [(b["reference"], b["help"]) for b in bundled]
    rows += [(name, first_use(name)) for name in suggested()]
    lines: list[str | Table] = [
        table("Model", "", rows=rows),
        "",
        table("Reference", "", rows=list(sources.items())),
    ]
    answer(data, json, lines)


@models_app.command("show")
@expanded
def show(
    model: Annotated[ModelSpec, typer.Argument(metavar="REF", help="Reference of a model.")],
    probe: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="Try other ways of preparing pictures on this data: the accuracy under each.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most this many examples for --probe.")] = 500,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch its weights where they are not here.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Show a model's passport: input, normalisation and where each value came from, and labels.

    Weights that are not on this machine are not fetched without --download: then it is what their
    library says of them, with size and host.
    """
    if probe is None and (found := _absent(model, is_fetched=download)):
        _show_known(found, json)
        return
    with progress_bar() as report:
        loaded = model_of(model)
        data = None if probe is None else DatasetSpec(probe, limit=limit)
        recipes = () if data is None else try_recipes(loaded, data, limit=None, report=report)
    passport: dict[str, Any] = to_json(loaded.input.values)
    sources, labels, parameters = loaded.input.sources, loaded.labels, loaded.parameter_count
    is_single = loaded.examination.has_one_logit
    output = "one logit z, counted as the two logits (0, z)" if is_single else "logits"
    output = output if labels else "what a head would read"
    shown = {
        "reference": loaded.name,
        "fingerprint": loaded.fingerprint,
        "parameters": parameters,
        "preprocessing": passport,
        "sources": sources,
        "labels": {"count": len(labels), "is_named": labels.is_named, "names": labels.names},
        "output": output,
        "card": loaded.card,
        "warnings": loaded.warnings,
        "probe": recipes,
    }
    rows = [(name, value, sources.get(name, "")) for name, value in passport.items()]
    more = " …" if len(labels) > 8 else ""
    lines: list[str | Table] = [
        f"{loaded.name}  {parameters:,} parameters, fingerprint {loaded.fingerprint}",
        table("Input", "Value", "From", rows=rows),
        f"{len(labels)} classes: {', '.join(labels.names[:8])}{more}" if labels else NO_CLASSES,
        f"Output: {output}",
    ]
    if recipes:
        tried = [(r.title, share(r.accuracy), r.words) for r in recipes]
        lines += ["", table("Pictures prepared", "Right", "--preprocessing", rows=tried)]
        lines.append(verdict(recipes))
    for warning in loaded.warnings:
        remark(f"Note: {warning}")
    answer(shown, json, lines)


def _absent(model: ModelSpec, *, is_fetched: bool) -> Passport | None:
    """Return what is known of a model that is not on this machine; None once it is."""
    found = known_of(model)
    if found is None or found.is_here:
        return None
    if is_fetched and found.download is not None:
        remark(f"Fetching {found.download.said}.")
        with progress_bar() as report:
            downloads.fetch(found.download, model.reference, report)
        return None
    return found


def _show_known(found: Passport, json: str | None) -> None:
    more = " …" if len(found.classes) > 8 else ""
    facts = {
        "parameters": f"{found.parameters:,}" if found.parameters else "",
        "weights": found.weights,
        "licence": found.licence or "not said",
    }
    how = "" if found.install else " Fetch them: usable models show REF --download"
    architecture = found.architecture if found.architecture != found.reference else ""
    lines: list[str | Table] = [
        f"{found.reference}  {architecture or 'published weights'}, not loaded",
        table("", "", rows=[(name, said) for name, said in facts.items() if said]),
    ]
    if found.preparation:
        lines.append(table("Input", "Value", "From", rows=found.preparation))
    if found.class_count:
        lines.append(f"{found.class_count} classes: {', '.join(found.classes[:8])}{more}")
    lines.append(f"{found.needed}{how.replace('REF', found.reference)}")
    weights = found.download
    where = weights and {"host": weights.host, "bytes": weights.size, "url": weights.url}
    data = to_json(found) | {"is_here": False, "needed": found.needed, "from": where}
    answer(data, json, lines)


@models_app.command("add")
@expanded
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.")],
    model: Annotated[ModelSpec, typer.Argument(metavar="REF", help="Reference of a model.")],
    json: JsonOption = None,
) -> None:
    """Give a model, its weights and settings a short name: it is `shelf/NAME` from then on."""
    entry = shelf.put(name, model)
    data = {"reference": entry.reference, "model": entry.spec}
    answer(data, json, [f"{entry.reference} is {entry.spec.reference}."])


@models_app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its short name.")],
    json: JsonOption = None,
) -> None:
    """Remove the short name of a model, with the files that were uploaded for it."""
    name = name.removeprefix(shelf.PREFIX)
    shelf.remove(name)
    answer({"removed": name}, json, [f"Removed {name}."])


def datasets(json: JsonOption = None) -> None:
    """List the named data sets; a folder, zip or Parquet file is named by its path."""
    paths = {
        "FOLDER": " ".join(row.help for row in reversed(LAYOUTS.values())),
        "FILE.zip": "A zip of such a folder.",
        "FILE.parquet": "Columns image{bytes,path} and label, as Hugging Face has them.",
        FORM: "A data set of the Hugging Face Hub, from its cache where it is there; NAME is one "
        "of its folders, or train, validation or test.",
    }
    rows = [*((name, row.help) for name, row in DATASETS.items()), *paths.items()]
    answer({"datasets": DATASETS, "paths": paths}, json, [table("Data set", "", rows=rows)])
