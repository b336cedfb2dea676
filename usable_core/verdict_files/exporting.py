"""An evidence file in tools that track experiments: MLflow and TensorBoard.

Both are views of the same `verdict.json`, and only of one that verifies. The tools are extras of
the package, imported here when they are asked for.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from usable_core import files
from usable_core.errors import ConfigError, StorageError, first_line
from usable_core.verdict_files.figures import figures, plain
from usable_core.verdict_files.form import CHAIN, Document
from usable_core.verdict_files.opening import opened
from usable_core.verdict_files.rerunning import Sample
from usable_core.verdict_files.verifying import verify

EXPERIMENT = "usable"  # what MLflow's runs are gathered under
_MOST = {"metrics": 1000, "params": 100, "tags": 100}  # of one request, by MLflow's limits
_LONGEST = 500  # signs of a value, which every version and database of MLflow takes


def to_mlflow(path: str | Path, uri: str | None = None, experiment: str = EXPERIMENT) -> list[str]:
    """Make a run of MLflow of each candidate of an evidence file, and return the runs' ids.

    A run has the numbers as metrics, what was required and of what as params, the verdict as tags,
    and `verdict.html` as its artifact.

    Args:
        path: The evidence file, as `verify` takes it.
        uri: Of the tracking server or database; MLflow's own choice when not given.
        experiment: Name of the experiment; made where there is none.

    Raises:
        ConfigError: MLflow is not installed, or refuses.
        StorageError: the evidence file does not verify.
    """
    document = verified(path)
    with _told_by("mlflow"), opened(Path(path)) as found:
        client = _imported("mlflow").MlflowClient(tracking_uri=uri)
        known = client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else client.create_experiment(experiment)
        return [
            _mlflow_run(client, place, document, model, found.page)
            for model in document["summary"]["models"]
        ]


def to_tensorboard(path: str | Path, folder: str | Path) -> list[Path]:
    """Write the numbers of each candidate as scalars of TensorBoard, and return their folders.

    Args:
        path: The evidence file, as `verify` takes it.
        folder: The log folder; each candidate is a run in it, named after it.

    Raises:
        ConfigError: TensorBoard is not installed.
        StorageError: the evidence file does not verify, or the folder holds such a run already.
    """
    document = verified(path)
    summary = _imported("tensorboard.summary")
    models, top = document["summary"]["models"], files.placed(folder)
    names = [plain(model["name"]).strip(". ") or "model" for model in models]
    targets = [
        top / (name if names.count(name) == 1 else f"{name}-{place + 1}")
        for place, name in enumerate(names)
    ]
    for target in targets:
        if target.exists():
            raise StorageError(f"{target} is there already. Name another folder by --out.")
    at = datetime.fromisoformat(document["made"]["at"]).timestamp()
    for target, model in zip(targets, models, strict=True):
        with files.refusing(target):
            writer = summary.Writer(str(target))
            for name, value in figures(document, model).items():
                writer.add_scalar(name, value, step=0, wall_time=at)
            writer.close()
    return targets


def verified(path: str | Path) -> Document:
    """Return the JSON of an evidence file that verifies: nothing else is passed on.

    Raises:
        StorageError: it does not.
    """
    found = verify(path, sample=Sample(count=0))
    if found.document is None or not found.is_equal:
        part, why = found.problems[0]
        raise StorageError(
            f"The evidence does not verify, so nothing of it is passed on: {part}: {why}. Get the "
            "evidence file anew; `usable verify` tells all that differs."
        )
    return found.document


def _mlflow_run(
    client: Any,  # noqa: ANN401
    experiment: str,
    document: Document,
    model: Mapping[str, Any],
    page: Path,
) -> str:
    entities = _imported("mlflow.entities")
    run = client.create_run(experiment, run_name=model["name"]).info.run_id
    at = int(1000 * datetime.fromisoformat(document["made"]["at"]).timestamp())
    batches = {
        "metrics": [entities.Metric(n, v, at, 0) for n, v in figures(document, model).items()],
        "params": [entities.Param(n, v[:_LONGEST]) for n, v in _params(document, model).items()],
        "tags": [entities.RunTag(n, v[:_LONGEST]) for n, v in _tags(document, model).items()],
    }
    for kind, held in batches.items():
        for start in range(0, len(held), _MOST[kind]):
            client.log_batch(run, **{kind: held[start : start + _MOST[kind]]})
    client.log_artifact(run, str(page))
    client.set_terminated(run)
    return str(run)


def _params(document: Document, model: Mapping[str, Any]) -> dict[str, str]:
    """Return what was asked: of which model and data, and what it must reach."""
    required = document["requirements"]
    data = {name: required["dataset"][name] for name in ("reference", "split", "limit", "seed")}
    asked = {name: required[name] for name in ("use", "set_by", "norm", "preset", "seed")}
    judge = required.get("judge") or {}
    asked |= {name: required.get(name, "") for name in ("kind", "swaps")}
    asked["judge"] = judge.get("reference", "")
    named = {"model": model["model"], **{f"dataset.{n}": v for n, v in data.items()}, **asked}
    rules = {f"require.{place:02}": text for place, text in enumerate(required["require"], 1)}
    return {name: str(value) for name, value in (named | rules).items() if value not in ("", None)}


def _tags(document: Document, model: Mapping[str, Any]) -> dict[str, str]:
    """Return what was decided, and by which evidence: the last link stands for every byte of it."""
    texts = {f"usable.{name}": model[name] for name in ("verdict", "sentence", "next_step")}
    return {
        **texts,
        "usable.evidence": document[CHAIN][-1]["linked"],
        "usable.version": str(document["made"]["versions"].get("usable", "")),
    }


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
