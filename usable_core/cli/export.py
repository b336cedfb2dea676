"""`usable export`: evidence files and runs in the tools in which people track experiments."""

from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.verdict_files.exporting import EXPERIMENT, to_mlflow, to_tensorboard, to_wandb

app = typer.Typer(
    help="Pass a run, or an evidence file that verifies, on to MLflow, TensorBoard or W&B.",
    no_args_is_help=True,
)
What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="Id of a run; or folder of an evidence file, its verdict.html, or a zip.",
    ),
]


@app.command()
def mlflow(
    what: What,
    uri: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Tracking server or database; else MLFLOW_TRACKING_URI."),
    ] = None,
    experiment: Annotated[str, typer.Option(help="Experiment that the runs go into.")] = EXPERIMENT,
    json: JsonOption = None,
) -> None:
    """Make a run of MLflow of it: metrics, epochs, params, tags, verdict.html."""
    runs = to_mlflow(what, uri, experiment)
    answer({"runs": runs}, json, [f"In MLflow's experiment {experiment}: {', '.join(runs)}."])


@app.command()
def tensorboard(
    what: What,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Log folder of TensorBoard.")],
    json: JsonOption = None,
) -> None:
    """Write its numbers, those of each epoch too, as scalars of TensorBoard."""
    folders = [str(folder) for folder in to_tensorboard(what, out)]
    answer({"folders": folders}, json, [*folders, f"Open them: tensorboard --logdir {out}"])


@app.command()
def wandb(
    what: What,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where W&B puts its folder.")],
    project: Annotated[str, typer.Option(help="Project that the runs go into.")] = EXPERIMENT,
    json: JsonOption = None,
) -> None:
    """Write it as W&B's offline mode does; nothing is sent: summary, epochs, config."""
    folders = [str(folder) for folder in to_wandb(what, out, project)]
    answer({"folders": folders}, json, [*folders, *(f"Send: wandb sync {one}" for one in folders)])
