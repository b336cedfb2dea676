"""`usable check`: a gate of a pipeline on an evidence file, which is verified first."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from usable_core import files
from usable_core.cli.options import JsonOption
from usable_core.cli.output import Line, answer, remark, table
from usable_core.cli.verify import FileArgument, SignersOption
from usable_core.errors import StorageError, UnknownName
from usable_core.verdict_files.junit import junit
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdict_files.tables import counts_in, found_in, in_markdown, requirement_table
from usable_core.verdict_files.verifying import Verified
from usable_core.verdict_files.verifying import verify as verified
from usable_core.verdicts.verdict import exit_status

NOT_VERIFIED = 2
GITHUB = "GITHUB_STEP_SUMMARY"  # the file that a step of GitHub's pipelines shows


def check(
    file: FileArgument,
    model: Annotated[
        str | None, typer.Option(help="Only this candidate, by its name; the best otherwise.")
    ] = None,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML here.")
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Write Markdown here; also to ${GITHUB} where set."),
    ] = None,
    signers: SignersOption = None,
    json: JsonOption = None,
) -> int:
    """Gate on an evidence file: exit 0 where it is met, 1 where not, 2 undecided or unverified."""
    found = verified(file, sample=Sample(count=0), signers=signers)
    models = chosen(found, model)
    status = NOT_VERIFIED
    if found.is_equal:
        status = exit_status(one["verdict"] for one in models)
    for part, why in found.problems:
        remark(f"Not verified: {part}: {why}")
    for path, text in ((junit_file, junit(models, found)), (summary, markdown(models, found))):
        if path is not None:
            _write(path, text)
    if step := os.environ.get(GITHUB):
        _append(Path(step), markdown(models, found))
    data = {"status": status, "is_verified": found.is_equal, "models": models}
    answer(data, json, lines(models, found))
    return status


def chosen(found: Verified, name: str | None) -> list[Mapping[str, Any]]:
    """Return the candidates that are gated on.

    Raises:
        StorageError: the verdict cannot be read at all.
        UnknownName: there is no candidate of this name.
    """
    if found.document is None:
        why = "; ".join(f"{part}: {sentence}" for part, sentence in found.problems)
        raise StorageError(f"The verdict cannot be read. {why}. Get the evidence file anew.")
    models: list[Mapping[str, Any]] = found.document["summary"]["models"]
    if name is None:
        return models
    own = [one for one in models if name in (one["name"], one["model"])]
    if not own:
        raise UnknownName("model", name, [one["name"] for one in models])
    return own


def lines(models: list[Mapping[str, Any]], found: Verified) -> list[Line]:
    """Return the outcome for people."""
    said: list[Line] = []
    if not found.is_equal:
        said += ["The evidence does not verify, so it decides nothing.", ""]
    for one in models:
        rows = [
            (row["outcome"], row["requirement"], found_in(row), *counts_in(row))
            for row in one["requirements"]
        ]
        said += [
            one["sentence"],
            table("", "required", "found (95 %)", "n", "to decide", rows=rows),
        ]
    return said


def markdown(models: list[Mapping[str, Any]], found: Verified) -> str:
    """Return the outcome as Markdown."""
    parts = []
    if not found.is_equal:
        told = [f"- {in_markdown(part)}: {in_markdown(why)}" for part, why in found.problems]
        parts += ["**The evidence does not verify, so it decides nothing.**", "\n".join(told)]
    for one in models:
        title = f"### {in_markdown(one['name'])}: {in_markdown(one['verdict'])}"
        parts += [title, in_markdown(one["sentence"]), requirement_table(one)]
        parts += [f"Next: {in_markdown(one['next_step'])}"]
    return "\n\n".join(parts) + "\n"


def _write(path: Path, text: str) -> None:
    with files.refusing(path):
        files.make_folder(path.absolute().parent)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _append(path: Path, text: str) -> None:
    with files.refusing(path), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
