"""Evidence files and runs in tools that track experiments: MLflow, TensorBoard, W&B.

Of an evidence file only what verifies is passed on. The tools are extras of the package, imported
here when they are asked for.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from usable_core import files
from usable_core.errors import ConfigError, StorageError, first_line
from usable_core.verdict_files.figures import plain
from usable_core.verdict_files.tracked import EPOCH, Tracked, tracked

EXPERIMENT = "usable"  # what the runs are gathered under
_MOST = {"metrics": 1000, "params": 100, "tags": 100}  # of one request, by MLflow's limits
_LONGEST = 500  # signs of a value, which every version and database of MLflow takes


def to_mlflow(what: str | Path, uri: str | None = None, experiment: str = EXPERIMENT) -> list[str]:
    """Make a run of MLflow of each candidate of an evidence file, or of a run; return their ids.

    It has the numbers as metrics, those of each epoch by its step, what was required or asked as
    params, the verdict or where the run's files lie as tags, and `verdict.html` as its artifact.

    Args:
        what: The evidence file, as `verify` takes it, or the id of a run.
        uri: Of the tracking server or database; MLflow's own choice when not given.
        experiment: Name of the experiment; made where there is none.

    Raises:
        ConfigError: MLflow is not installed, or refuses.
        StorageError: the evidence file does not verify, or the run has no answer.
        UnknownName: there is neither.
    """
    with tracked(what) as runs, _told_by("mlflow"):
        client = _imported("mlflow").MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else client.create_experiment(experiment)
        return [_mlflow_run(client, place, run) for run in runs]


def to_tensorboard(what: str | Path, folder: str | Path) -> list[Path]:
    """Write the numbers of each candidate, or of a run, as scalars of TensorBoard.

    Args:
        what: The evidence file, as `verify` takes it, or the id of a run.
        folder: The log folder; each candidate is a run in it, named after it.

    Returns:
        Their folders.

    Raises:
        ConfigError: TensorBoard is not installed.
        StorageError: the evidence file does not verify, the run has no answer, or the folder holds
            such a run already.
        UnknownName: there is neither.
    """
    with tracked(what) as runs:
        summary = _imported("tensorboard.summary")
        targets = _targets(runs, files.placed(folder))
        for target, run in zip(targets, runs, strict=True):
            with files.refusing(target):
                writer = summary.Writer(str(target))
                for step, name, value in _scalars(run):
                    writer.add_scalar(name, value, step=step, wall_time=run.at.timestamp())
                writer.close()
    return targets


def to_wandb(what: str | Path, folder: str | Path, project: str = EXPERIMENT) -> list[Path]:
    """Write a run of W&B for each candidate, or for a run, as its offline mode does.

    Nothing is sent: `wandb sync FOLDER` does that. It has the numbers as its summary, those of each
    epoch as its history, what was required or asked as config, and the verdict or where the run's
    files lie beside it under `usable.…`.

    Args:
        what: The evidence file, as `verify` takes it, or the id of a run.
        folder: Where W&B puts its folder `wandb`.
        project: What the runs are gathered under.

    Returns:
        The folders of the runs.

    Raises:
        ConfigError: W&B is not installed, or refuses.
        StorageError: the evidence file does not verify, the run has no answer, or the folder cannot
            be written.
        UnknownName: there is neither.
    """
    with tracked(what) as runs:
        wandb, place = _imported("wandb"), files.placed(folder)
        with files.refusing(place):
            files.make_folder(place)
        with _told_by("wandb"):
            return [_wandb_run(wandb, run, place, project) for run in runs]


def _wandb_run(wandb: Any, tracked_run: Tracked, place: Path, project: str) -> Path:  # noqa: ANN401
    quiet = wandb.Settings(console="off", silent=True, disable_git=True, save_code=False)
    run = wandb.init(
        project=project,
        name=tracked_run.name,
        dir=str(place),
        mode="offline",
        config={**tracked_run.params, **tracked_run.tags},
        settings=quiet,
    )
    try:
        for row in tracked_run.curves:
            run.log(dict(row), step=int(row[EPOCH]))
        run.summary.update(dict(tracked_run.figures))
        if tracked_run.page is not None:
            run.save(str(tracked_run.page), base_path=str(tracked_run.page.parent), policy="now")
    finally:
        folder = Path(run.dir).parent
        run.finish()
    return folder


def _mlflow_run(client: Any, experiment: str, tracked_run: Tracked) -> str:  # noqa: ANN401
    entities = _imported("mlflow.entities")
    run = client.create_run(experiment, run_name=tracked_run.name).info.run_id
    at, asked = int(1000 * tracked_run.at.timestamp()), tracked_run.params.items()
    tags = tracked_run.tags.items()
    batches = {
        "metrics": [entities.Metric(n, v, at, step) for step, n, v in _scalars(tracked_run)],
        "params": [entities.Param(plain(n), v[:_LONGEST]) for n, v in asked],
        "tags": [entities.RunTag(plain(n), v[:_LONGEST]) for n, v in tags],
    }
    for kind, held in batches.items():
        for start in range(0, len(held), _MOST[kind]):
            client.log_batch(run, **{kind: held[start : start + _MOST[kind]]})
    if tracked_run.page is not None:
        client.log_artifact(run, str(tracked_run.page))
    client.set_terminated(run)
    return str(run)


def _scalars(run: Tracked) -> Iterator[tuple[int, str, float]]:
    """Yield each number with its step: 0 of the answer's own, and the epoch of a curve's."""
    yield from ((0, name, value) for name, value in run.figures.items())
    for row in run.curves:
        yield from ((int(row[EPOCH]), name, value) for name, value in row.items() if name != EPOCH)


def _targets(runs: Sequence[Tracked], top: Path) -> list[Path]:
    """Return a new folder for each run, named after it.

    Raises:
        StorageError: one is there already.
    """
    names = [plain(run.name).strip(". ") or "model" for run in runs]
    targets = [
        top / (name if names.count(name) == 1 else f"{name}-{place + 1}")
        for place, name in enumerate(names)
    ]
    for target in targets:
        if target.exists():
            raise StorageError(f"{target} is there already. Name another folder by --out.")
    return targets


def _imported(module: str) -> ModuleType:
    """Import an extra.

    Raises:
        ConfigError: it is not installed.
    """
    name = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{name} is not installed here ({first_line(error)}). Install it: pip install "
            f'"usable[{name}]".'
        ) from error


@contextmanager
def _told_by(name: str) -> Iterator[None]:
    """Make a sentence of what an extra refuses."""
    try:
        yield
    except (ConfigError, StorageError):
        raise
    except ImportError as error:  # such as the driver of a database
        raise ConfigError(f"{name} lacks a package for this: {first_line(error)}.") from error
    except Exception as error:  # a server, a database and a driver each have their own
        raise ConfigError(f"{name} refuses: {first_line(error).rstrip('.')}.") from error
