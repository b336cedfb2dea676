"""`verdict.json`: what was required, of which weights, from which records, with which result.

It takes whatever sections a verdict's summary has, and the records of any kind of run.
"""

import dataclasses
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from usable_core import answering
from usable_core.catalog.references import files_of
from usable_core.errors import StorageError, UsableError
from usable_core.evaluations.result import Measured, Result
from usable_core.evaluations.specs import ModelSpec
from usable_core.files import why
from usable_core.records import to_json
from usable_core.runs.run import Run
from usable_core.verdict_files.form import FORM, RECORDS, Document, sha256_of_file
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.versions import versions


@dataclass(frozen=True)
class Evidence:
    """One run that a verdict rests on, and its answer."""

    run: Run
    result: Result


def named_runs(result: AssessmentResult) -> tuple[str, ...]:
    """Return the ids of the runs that a verdict rests on: whatever it has under `run` or `runs`."""
    fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    records = fields.pop("records")
    del fields["config"]
    found = [*records.get("run", ()), *_runs_in(to_json(fields))]
    return tuple(dict.fromkeys(str(name) for name in found if name))


def document_of(
    result: AssessmentResult, evidence: Mapping[str, Evidence], files: Mapping[str, str]
) -> Document:
    """Return all of `verdict.json` but its chain.

    Args:
        result: The verdict.
        evidence: The runs that it rests on, by id.
        files: SHA-256 of the files beside it, by name.

    Raises:
        StorageError: weights were changed since they were measured.
    """
    runs = {name: _run(one, result, files) for name, one in evidence.items()}
    listed = {file for run in runs.values() for file in run["files"]}
    return {
        "form": FORM,
        "made": {
            "by": "usable",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "versions": versions(),
        },
        "requirements": requirements_part(result.config),
        "weights": [_weights(spec, evidence) for spec in result.config.models],
        **_judges(result.config, evidence),
        "runs": runs,
        "numbers": {name: numbers_of(one.result) for name, one in evidence.items()},
        "results": {name: to_json(one.result.summary()) for name, one in evidence.items()},
        "summary": result.summary(),
        "files": {name: digest for name, digest in files.items() if name not in listed},
    }


def numbers_of(result: Result) -> list[dict[str, Any]]:
    """Return every number of an answer with its interval, as JSON."""
    numbers = cast(Measured, result).numbers() if hasattr(result, "numbers") else ()
    return [
        to_json({"metric": one.metric, "at": one.at, "epsilon": one.epsilon}) | to_json(one.found)
        for one in numbers
    ]


def requirements_part(config: AssessmentConfig) -> dict[str, Any]:
    """Return what was required, and by whom."""
    names = ("use", "set_by", "require", "norm", "preset", "seed", "dataset")
    found = {name: to_json(getattr(config, name)) for name in names}
    of_texts = {"kind": config.kind, "swaps": config.swaps, "judge": to_json(config.judge)}
    said = {name: one for name, one in of_texts.items() if one is not None}
    return found if config.kind == "picture" else {**found, **said}


def candidates_of(result: AssessmentResult) -> dict[ModelSpec, str]:
    """Return what each model that was assessed is called in the verdict."""
    names = (verdict.model for verdict in result.verdicts)
    return dict(zip(result.config.models, names, strict=False))


def _run(one: Evidence, result: AssessmentResult, files: Mapping[str, str]) -> dict[str, Any]:
    folder = f"{RECORDS}/{one.run.id}/"
    measured = cast(Measured, one.result).config
    return {
        "task": one.run.task,
        "candidate": candidates_of(result).get(measured.model, ""),
        "title": one.run.title,
        "asked": one.run.created.isoformat(timespec="seconds"),
        "seconds": one.run.seconds,
        "files": {file: digest for file, digest in files.items() if file.startswith(folder)},
    }


def _weights(spec: ModelSpec, evidence: Mapping[str, Evidence]) -> dict[str, Any]:
    """Return which weights were measured: the fingerprint of the network, and its files' hashes."""
    own = [one for one in evidence.values() if getattr(one.result.config, "model", None) == spec]
    fingerprints = {cast(Measured, one.result).provenance.model_fingerprint for one in own}
    if len(fingerprints) > 1:
        raise StorageError(
            f"{spec.reference} had other weights in one of its runs than in another, so they show "
            "nothing together. Assess it again."
        )
    part = {"model": to_json(spec), "fingerprint": next(iter(fingerprints), None), "note": ""}
    try:
        paths = files_of(spec.reference, spec.weights, spec.labels) if own else ()
    except UsableError as error:  # an object of Python, or gone since: its fingerprint stays
        return part | {"note": str(error), "files": []}
    return part | {"files": _hashes(spec, own, paths)}


def _judges(config: AssessmentConfig, evidence: Mapping[str, Evidence]) -> dict[str, Any]:
    """Return the files of who judged attacked texts; nothing where nobody did."""
    if config.judge is None:
        return {}
    spec = config.judge
    part = {"model": to_json(spec), "fingerprint": None, "files": [], "note": ""}
    asked = min((one.run.created.timestamp() for one in evidence.values()), default=math.inf)
    try:
        paths = files_of(spec.reference, spec.weights, spec.labels)
        if max((path.stat().st_mtime for path in paths), default=0.0) > asked:
            return {"judges": [part | {"note": "its files were written since it judged"}]}
        return {"judges": [part | {"files": _hashed(paths)}]}
    except (UsableError, OSError) as error:  # an object of Python, or gone since
        return {"judges": [part | {"note": str(error)}]}


def _hashed(paths: Sequence[Path]) -> list[dict[str, Any]]:
    return [
        {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
        for path in paths
    ]


def _hashes(
    spec: ModelSpec, own: Sequence[Evidence], paths: Sequence[Path]
) -> list[dict[str, Any]]:
    try:
        newest = max((path.stat().st_mtime for path in paths), default=0.0)
        if newest > min((one.run.created.timestamp() for one in own), default=math.inf):
            _check_same(spec, own[0])
        return _hashed(paths)
    except OSError as error:
        raise StorageError(
            f"The weights of {spec.reference} cannot be read, so their SHA-256 cannot be written: "
            f"{why(error)}. Put them back."
        ) from error


def _check_same(spec: ModelSpec, one: Evidence) -> None:
    """Check that files which are newer than a run hold the weights that it measured."""
    result = cast(Measured, one.result)
    model = answering.resolve(result.config, {"dataset": None})["model"]
    if model.fingerprint != result.provenance.model_fingerprint:
        raise StorageError(
            f"The weights of {spec.reference} were changed since they were measured. Assess it "
            "again, so that the evidence is about what is there."
        )


def _runs_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, held in value.items():
            if name == "run" and isinstance(held, str):
                yield held
            elif name == "runs" and isinstance(held, list | dict):
                ids = held.values() if isinstance(held, dict) else held
                yield from (one for one in ids if isinstance(one, str))
            else:
                yield from _runs_in(held)
    elif isinstance(value, list):
        for held in value:
            yield from _runs_in(held)


def weights_paths(part: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return where the files of a model's weights are on this machine.

    Raises:
        UsableError: they are not at hand.
    """
    model = part["model"]
    return files_of(model["reference"], model.get("weights"), model.get("labels"))
