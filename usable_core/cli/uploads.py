"""`usable uploads`: what people gave the dashboard, for machines without a browser."""

from typing import Annotated, Any

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer, columns
from usable_core.errors import UnknownName
from usable_core.files import size_said
from usable_core.runs import RunStore
from usable_core.runs.uploads import Upload

app = typer.Typer(help="List or delete the pictures and archives that were uploaded.")


@app.callback(invoke_without_command=True)
def uploads(context: typer.Context, json: JsonOption = None) -> None:
    """List what was uploaded, newest first, with the runs that use it."""
    if context.invoked_subcommand is not None:
        return
    found = RunStore().uploads()
    size = sum(upload.size for upload in found)
    rows = [
        (u.id, u.kind, size_said(u.size), f"{u.kept:%Y-%m-%d %H:%M}", f"{len(u.runs)}", u.name)
        for u in found
    ]
    heads = ("Upload", "Kind", "Size", "Uploaded (UTC)", "Runs", "Name")
    lines = [columns(*heads, rows=rows), f"{size_said(size)} in all."]
    answer(
        {"uploads": [_as_json(upload) for upload in found], "bytes": size},
        json,
        lines if rows else ["Nothing was uploaded."],
    )


@app.command("delete")
def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="UPLOAD", help="Ids of uploads.")
    ] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="Delete all that no stored run uses.")
    ] = False,
    json: JsonOption = None,
) -> None:
    """Delete uploads; runs whose data they were keep their answers."""
    store = RunStore()
    known = {upload.id: upload for upload in store.uploads()}
    for name in ids or ():
        if name not in known:
            raise UnknownName("upload", name, known)
    chosen = dict.fromkeys(ids or ())
    if unused:
        chosen |= dict.fromkeys(name for name, upload in known.items() if not upload.runs)
    if not chosen and not unused:
        raise typer.BadParameter("Name uploads, or give --unused.")
    store.delete_uploads(chosen)
    size = sum(known[name].size for name in chosen)
    count = "1 upload" if len(chosen) == 1 else f"{len(chosen)} uploads"
    answer({"deleted": list(chosen), "bytes": size}, json, [f"Deleted {count}, {size_said(size)}."])


def _as_json(upload: Upload) -> dict[str, Any]:
    """Return what a list says of an upload."""
    facts = {name: getattr(upload, name) for name in ("id", "kind", "name", "size")}
    return {**facts, "uploaded": upload.kept.isoformat(), "runs": list(upload.runs)}
