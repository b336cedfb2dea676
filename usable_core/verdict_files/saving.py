"""Writing an evidence file: a folder that is whole, or not there at all."""

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from usable_core import files, tasks
from usable_core.errors import StorageError
from usable_core.runs import RunStore, Status
from usable_core.runs.artifacts import RECORDS as TABLE
from usable_core.runs.artifacts import RESULT, write_result
from usable_core.verdict_files import form
from usable_core.verdict_files.document import (
    Evidence,
    document_of,
    named_runs,
    requirements_part,
)
from usable_core.verdict_files.page import framed, page_of
from usable_core.verdict_files.signing import sign
from usable_core.verdict_files.views import requirements_file, views_of
from usable_core.verdicts.assessment import AssessmentResult


def save(result: AssessmentResult, folder: str | Path, key: str | Path | None = None) -> Path:
    """Write a verdict with all that it rests on into a new folder, and return the folder.

    `verdict.html` opens anywhere, `verdict.json` is inside it and beside it, `records` has the
    records of each run, `views` a model card and tables, `usable.toml` the requirements.

    Args:
        result: The verdict.
        folder: Not there yet, or empty.
        key: A private key of SSH that signs it, see `ssh-keygen -Y sign`.

    Raises:
        ConfigError: it cannot be signed by the key.
        UnknownName: a run that it rests on was deleted.
        StorageError: there is something in the folder, it cannot be written, or records are gone.
    """
    target = files.placed(folder).absolute()
    check_free(target)
    growing = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        with files.refusing(target):
            files.make_folder(growing)
        _write(result, growing)
        if key is not None:
            sign(growing / form.DOCUMENT, files.placed(key))
        with files.refusing(target):
            if target.exists():
                target.rmdir()  # it is empty; not every system renames onto one
            growing.rename(target)
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return target


def check_free(folder: Path) -> None:
    """Check that an evidence file can be written into a folder: evidence is never overwritten.

    Raises:
        StorageError: it cannot.
    """
    with files.refusing(folder):
        is_taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if is_taken:
        raise StorageError(
            f"{folder} has something in it, and evidence is never written over. Name a new folder."
        )
    files.check_folder(folder.absolute().parent)


def _write(result: AssessmentResult, folder: Path) -> None:
    from usable_core.verdict_files.tiles import pictures_part

    names = dict.fromkeys([*named_runs(result), *_beside(result)])
    evidence = {name: _copied(name, folder) for name in names}
    own = folder / form.RECORDS / form.VERDICT
    with files.refusing(own):
        files.make_folder(own)
    write_result(own, result)
    required = requirements_file(requirements_part(result.config))
    files.write_bytes(folder / form.REQUIREMENTS, form.encoded(required))
    document = document_of(result, evidence, _hashed(folder))
    results = {name: one.result for name, one in evidence.items()}
    document["pictures"] = pictures_part(result, results)
    for name, text in views_of(document).items():
        files.write_bytes(folder / name, form.encoded(text))
    document["files"] |= {n: h for n, h in _hashed(folder).items() if n.startswith(form.VIEWS)}
    page = page_of(document)
    document[form.CHAIN] = form.linked(document, page)
    text = form.text_of(document)
    files.write_bytes(folder / form.DOCUMENT, form.encoded(text))
    files.write_bytes(folder / form.PAGE, form.encoded(framed(page, text)))


def _beside(result: AssessmentResult) -> list[str]:
    """Return the runs of the same assessment that no requirement asked for."""
    store = RunStore()
    same = [
        run.id for run in store.list(tasks.name_of(result.config)) if run.config == result.config
    ]
    parts = [part for run_id in same[:1] for part in store.children(run_id)]
    return [part.answered_by or part.id for part in parts if part.status is Status.DONE]


def _copied(name: str, folder: Path) -> Evidence:
    """Copy the records of a run with its question and provenance, and return the run."""
    store = RunStore()
    run, source, target = store.get(name), store.folder(name), folder / form.RECORDS / name
    result = store.load(name)  # says it in a sentence where they are gone
    with files.refusing(target):
        files.make_folder(target)
    for file in (RESULT, TABLE):
        files.write_bytes(target / file, (source / file).read_bytes())
    return Evidence(run, result)


def _hashed(folder: Path) -> Mapping[str, str]:
    """Return the SHA-256 of each file of a folder, by its path within it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): form.sha256_of_file(path) for path in paths}
