"""`usable export`: an evidence file in the tools in which people follow their experiments."""

from pathlib import Path
from typing import Annotated

import typer

from usable_core.cli.options import JsonOption
from usable_core.cli.output import answer
from usable_core.cli.verify import FileArgument
from usable_core.verdict_files.exporting import EXPERIMENT, to_mlflow, to_tensorboard

app = typer.Typer(
    help="Pass an evidence file that verifies on to MLflow or TensorBoard.", no_args_is_help=True
)


@app.command()
def mlflow(
    file: FileArgument,
    uri: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Tracking server or database; else MLFLOW_TRACKING_URI."),
    ] = None,
    experiment: Annotated[str, typer.Option(help="Experiment that the runs go into.")] = EXPERIMENT,
    json: JsonOption = None,
) -> None:
    """Make a run of MLflow of each candidate: metrics, params, tags and verdict.html."""
    runs = to_mlflow(file, uri, experiment)
    answer({"runs": runs}, json, [f"In MLflow's experiment {experiment}: {', '.join(runs)}."])


@app.command()
def tensorboard(
    file: FileArgument,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Log folder of TensorBoard.")],
    json: JsonOption = None,
) -> None:
    """Write the numbers of each candidate as scalars of TensorBoard."""
    folders = [str(folder) for folder in to_tensorboard(file, out)]
    answer({"folders": folders}, json, [*folders, f"Open them: tensorboard --logdir {out}"])
