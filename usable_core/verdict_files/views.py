"""Other forms of the same JSON: a model card, the hub's results, CSV, and the requirements.

Each is a function of `verdict.json`, so that none can say what the evidence does not.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from usable_core.catalog.metrics import METRICS
from usable_core.records import to_json
from usable_core.verdict_files.form import DOCUMENT, PAGE, VIEWS, Document
from usable_core.verdict_files.page import estimate
from usable_core.verdict_files.tables import in_markdown, requirement_table
from usable_core.verdict_files.yaml import yaml
from usable_core.verdicts.requirement_files import to_toml
from usable_core.verdicts.requirements import Requirements, requirement

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how one begins in a spreadsheet
COLUMNS = ("model", "verdict", "requirement", "outcome", "value", "low", "high", "n", "examples")
TASKS = {  # as the hub calls them
    "picture": {"type": "image-classification", "name": "Image classification"},
    "text": {"type": "text-classification", "name": "Text classification"},
}


def views_of(document: Document) -> dict[str, str]:
    """Return the files of the views, by their path in the folder."""
    found = {f"{VIEWS}/verdict.csv": _csv(document)}
    models = document["summary"]["models"]
    for place, model in enumerate(models):
        own = f"{VIEWS}/{_plain(model['name'])}" + (f"-{place + 1}" if len(models) > 1 else "")
        found[f"{own}/README.md"] = _card(model, document)
        for name, entry in _results(model, document):
            found[f"{own}/.eval_results/{name}.yaml"] = yaml([entry])
    return found


def requirements_file(required: Mapping[str, Any]) -> str:
    """Return what was required as a file that `usable assess --requirements` takes."""
    texts = tuple(requirement(text) for text in required["require"])
    words = {name: required[name] for name in ("use", "set_by", "norm")}
    return to_toml(Requirements(texts, **words))


def _csv(document: Document) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for model in document["summary"]["models"]:
        for row in model["requirements"]:
            values = {**row, "model": model["name"], "verdict": model["verdict"]}
            writer.writerow([_cell(values[name]) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    """Return a cell in which no spreadsheet takes a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value


def _card(model: Mapping[str, Any], document: Document) -> str:
    """Return a model card: `model-index` for machines, the verdict for people."""
    data = document["requirements"]["dataset"]
    metrics = [
        {
            "type": re.sub(r"\W+", "_", row["requirement"].partition(" ")[0]),
            "name": requirement(row["requirement"]).title,
            "value": row["value"],
            "args": {k: row[k] for k in ("low", "high", "n", "requirement", "outcome")},
        }
        for row in _measured(model)
    ]
    dataset = {"name": data["reference"], "type": data["reference"], "split": data["split"]}
    task = TASKS[document["requirements"].get("kind", "picture")]
    results = [{"task": task, "dataset": dataset, "metrics": metrics}] if metrics else []
    front = {"model-index": [{"name": model["name"], "results": results}]}
    lines = [
        f"---\n{yaml(front)}---",
        f"# {in_markdown(model['name'])}",
        f"**{in_markdown(model['sentence'])}** {in_markdown(model['next_step'])}",
        requirement_table(model),
        "## Not measured",
        "\n".join(f"- {in_markdown(line)}" for line in document["summary"]["not_measured"]),
        f"From `{DOCUMENT}` and its records ({document['made']['at']}); the whole is `{PAGE}`.",
    ]
    return "\n\n".join(lines) + "\n"


def _results(
    model: Mapping[str, Any], document: Document
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each number as the hub's `.eval_results` has it, one file each, with its name."""
    data = document["requirements"]["dataset"]
    for row in _measured(model):
        required, found = requirement(row["requirement"]), estimate(row)
        name = _plain(f"{required.name} {required.place}".strip())
        kept_in = METRICS[required.row.metric].unit
        unit = "share from 0 to 1" if kept_in == "share" else kept_in
        entry = {
            "dataset": {"id": data["reference"], "task_id": name},
            "value": found.value,
            "date": document["made"]["at"][:10],
            "source": {"name": "Usable"},
            "notes": f"{required.title}, {unit}; 95 % interval {found.low:.6g} to {found.high:.6g},"
            f" n = {found.n}, split {data['split']}; required: {required.text} ({row['outcome']})",
        }
        yield name, to_json(entry)


def _measured(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in model["requirements"] if row["n"] and row["value"] is not None]


def _plain(name: str) -> str:
    """Return a name that every file system takes, which is no hidden file and no step upwards."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:60] or "model"
