"""From a question to its answer: what it names is loaded, its key made, its work called.

The measuring half is imported here inside functions, by name: asking alone loads none of it.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core.catalog import implementation
from usable_core.errors import ConfigError, IncompatibleLabels
from usable_core.evaluations.result import Config, Result
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Report
from usable_core.records import to_json
from usable_core.tasks import TASKS, name_of, named_in
from usable_core.verdicts.estimate import Pace
from usable_core.versions import versions

if TYPE_CHECKING:
    from PIL.Image import Image

    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model

# Later fields, at the values by which a question is what it was before there were such.
LATER = {
    "judge": None,
    "train_size": None,
    "ema": 0.0,
    "patience": None,
    "micro_batch": None,
    "processes": None,
    "layer_decay": 1.0,
    "last_blocks": None,
    "adversarial": "fast",
    "attack_steps": None,
    "objective": "supervised",
}


def resolve(config: Config, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the objects that a config names, by its fields; see `named_in`.

    A question that is made of parts names them for its parts, which load them.

    Args:
        config: The question.
        known: Objects that are there already, by field.

    Raises:
        UsableError: a name is unknown, or what it names cannot be loaded.
    """
    from usable_core.models import load_model

    row = TASKS[name_of(config)]
    if row.is_of_parts:
        return {}
    found, named = dict(known or {}), named_in(config)
    if row.matches_classes and "model" not in found:
        _refuse_misfit(named)
    for field, spec in named.items():
        if field in found:
            continue
        if isinstance(spec, ModelSpec):
            found[field] = load_model(spec)
        else:
            found[field] = _data(config, spec)
    check_kinds(config, found)
    return found


def _refuse_misfit(named: Mapping[str, Any]) -> None:
    """Refuse data of other classes than the model's before its weights are fetched."""
    from usable_core.measuring.fitting import refuse_misfit
    from usable_core.models import seen

    refuse_misfit(seen.known(named["model"]), lambda: dataset_of(named["dataset"]).labels)


def check_kinds(config: Config, objects: Mapping[str, Any]) -> None:
    """Check that a question can be asked about what it names, and that all of it is of one kind.

    Raises:
        ConfigError: it is of texts where pictures are asked about, or of both.
    """
    kinds = {name: thing.kind for name, thing in objects.items() if hasattr(thing, "kind")}
    task = TASKS[name_of(config)]
    for name, kind in kinds.items():
        if kind not in task.kinds:
            raise ConfigError(
                f"{task.title} is asked about {' and '.join(task.kinds)}s, and "
                f"{objects[name].name} is of {kind}s. Measure its accuracy, or choose another."
            )
    if "model" in objects and not (task.makes_model or task.precedes_training):
        objects["model"].require_classes()
    if len(set(kinds.values())) > 1:
        one, other = (next(n for n in kinds if kinds[n] == kind) for kind in ("text", "picture"))
        raise ConfigError(
            f"{objects[one].name} is of texts and {objects[other].name} of pictures. Choose a "
            "model and data of one kind."
        )


def _data(config: Config, spec: DatasetSpec) -> "Dataset":
    """Return the data that a question names; without classes where it asks for none."""
    from usable_core.datasets import load_examples

    needs_labels = getattr(config, "needs_labels", True)
    return dataset_of(spec) if needs_labels else load_examples(spec.reference)


def dataset_of(spec: DatasetSpec) -> "Dataset":
    """Return the data that a question names.

    Raises:
        UsableError: they cannot be read.
    """
    from usable_core.datasets import load_dataset

    return load_dataset(spec.reference)


def training_count(dataset: "Dataset", spec: DatasetSpec) -> int:
    """Return how many examples a fine-tuning on this data is trained on.

    Raises:
        UsableError: the split cannot be trained on, or holds too few.
    """
    from usable_core.datasets.splits import training_splits

    return len(training_splits(dataset, spec)[0])


def judge_of(judge: "ModelSpec | Model", dataset: "Dataset") -> "Model":
    """Return a model, or the one of a name, that can judge what attacked texts of data still say.

    Raises:
        ConfigError: it takes pictures.
        UsableError: it cannot be loaded, or does not know the data's classes.
    """
    from usable_core.measuring.label_matching import target_indices
    from usable_core.models import load_model

    found = load_model(judge) if isinstance(judge, ModelSpec) else judge
    if found.kind != "text":
        raise ConfigError(
            f"{found.name} takes pictures, and a judge reads texts. Name a model of texts."
        )
    try:
        target_indices(found, dataset)
    except IncompatibleLabels as error:
        raise IncompatibleLabels(f"{found.name} cannot judge these texts. {error}") from error
    return found


def found_pictures(reference: str, ids: Sequence[str]) -> "Iterator[tuple[str, Image]]":
    """Yield the pictures that a data set has, with their identities; no network is loaded.

    Raises:
        UsableError: the data set cannot be read.
    """
    from usable_core.datasets import by_identity

    return by_identity.found_pictures(reference, ids)


def measured_together() -> contextlib.AbstractContextManager[None]:
    """Return the time in which several models are shown the same corrupted pictures."""
    from usable_core.corruptions.sharing import shared

    return shared()


def look_at(objects: dict[str, Any], report: Report) -> None:
    """Find the equal pictures of each data set among objects, which can take its time once.

    Raises:
        Cancelled: through `report`.
    """
    from usable_core.datasets import Dataset

    for thing in objects.values():
        if isinstance(thing, Dataset):
            thing.contents(report)


def key(config: Config, objects: dict[str, Any]) -> str:
    """Return the identity of a question: its settings and the fingerprints of what it names.

    Two questions of one key have one answer, so it is measured once. Where files lie is no part of
    it; what they hold is, and which examples are evaluated.
    """
    settings = _as_before(to_json(config)) | {"part": _part(config, objects)}
    if TASKS[name_of(config)].is_of_machine:
        from usable_core.measuring.machine import measured_on

        settings["machine"] = measured_on(objects["model"], getattr(config, "model"))  # noqa: B009
    for name, thing in objects.items():
        settings[name]["fingerprint"] = thing.fingerprint
        if getattr(getattr(config, name), "labels", None):  # what the file names, not where it lies
            settings[name]["classes"] = thing.labels.names
        for place in getattr(config, name).said_by_fingerprint:
            settings[name].pop(place, None)
    text = json.dumps([name_of(config), settings, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _as_before(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without later fields of the values by which a question is as it was."""
    return {
        name: _as_before(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in LATER or value != LATER[name]
    }


def _part(config: Config, objects: dict[str, Any]) -> str:
    """Return which examples a question is about; it depends on the model, not on the data alone."""
    row = TASKS[name_of(config)]
    is_of_training = row.makes_model or row.precedes_training
    if is_of_training or not {"model", "dataset"} <= objects.keys():
        return ""
    from usable_core.datasets.columns import taken
    from usable_core.datasets.dataset import hash_all
    from usable_core.measuring.data_doubts import places_of
    from usable_core.measuring.provenance import evaluated_part

    part = evaluated_part(objects["model"], objects["dataset"], getattr(config, "dataset"))  # noqa: B009
    said = [part.split_name, *part.ids]
    if part.columns and row.keeps_columns:  # no fingerprint tells of them
        said.append(json.dumps(taken(part.columns, places_of(part).tolist()), sort_keys=True))
    return hash_all(said)


def pace(objects: Mapping[str, Any], spec: DatasetSpec) -> Pace:
    """Return how fast a model is on this machine, and how many of the examples are asked for.

    Raises:
        UsableError: there are none, or its outputs are not those of a classifier.
    """
    from usable_core.measuring.pace import pace_of

    return pace_of(objects["model"], objects["dataset"], spec)


def check_processes(count: int) -> None:
    """Check that so many processes can share a training here.

    Raises:
        ConfigError: they cannot.
    """
    from usable_core.training.processes import check_devices

    check_devices(count)


def as_one_of_several() -> contextlib.AbstractContextManager[int]:
    """Return the time in which this process shares a training; it yields which of them it is."""
    from usable_core.training.processes import joined

    return joined()


def run(config: Config, objects: dict[str, Any], report: Report, folder: Path | None) -> Result:
    """Return the answer to `config`.

    Args:
        config: The question.
        objects: What `resolve(config)` returned.
        report: Told the progress; raises `Cancelled`.
        folder: Existing folder for the artifacts (weights, pictures, maps); None keeps none.
    """
    check_kinds(config, objects)
    function = implementation(TASKS[name_of(config)].function)
    result: Result = function(**objects, config=config, report=report, folder=folder)
    return result
