"""Is an evidence file what was written, and does its verdict follow from its records?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from usable_core import files
from usable_core.errors import StorageError, UsableError
from usable_core.records import MALFORMED
from usable_core.verdict_files import form, recomputing
from usable_core.verdict_files.document import weights_paths
from usable_core.verdict_files.form import VERDICT, Document
from usable_core.verdict_files.opening import Copy, Opened, copies, opened
from usable_core.verdict_files.page import page_of
from usable_core.verdict_files.recomputing import Problem
from usable_core.verdict_files.rerunning import Sample, rerun
from usable_core.verdict_files.signing import NotSigned, signer_of
from usable_core.verdict_files.views import requirements_file, views_of
from usable_core.versions import versions

NAMES = {form.RECORDS: "records", form.VIEWS: "views", form.REQUIREMENTS: "requirements"}


@dataclass(frozen=True)
class Verified:
    """What came of a verification.

    Attributes:
        document: The JSON; None where neither copy of it can be read.
        problems: What differs: the part of the evidence, and in a sentence how.
        notes: What was looked at, and what was not and why.
        signer: Who signed it; empty where nobody did.
    """

    document: Document | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    signer: str = ""

    @property
    def is_equal(self) -> bool:
        """Tell whether nothing differs."""
        return not self.problems

    @property
    def sentence(self) -> str:
        """Return the verdict as the file says it."""
        return str(self.document["summary"]["sentence"]) if self.document else ""


def verify(
    path: str | Path, *, sample: Sample | None = None, signers: str | Path | None = None
) -> Verified:
    """Return what differs in an evidence file: hashes, numbers, texts, weights, answers.

    Args:
        path: Its folder, a file in it, or a zip of it.
        sample: Which examples the models are asked again; the usual few when not given.
        signers: File of who may sign; a signature is then demanded.

    Raises:
        StorageError: it is no evidence file, or has no records beside it.
        ConfigError: the signature cannot be looked at.
    """
    with opened(Path(path)) as found:
        both = copies(found)
        problems = [(copy.name, copy.problem) for copy in both if copy.problem]
        problems += _unlike(both)
        document = _readable(both)
        if document is None:
            return Verified(None, tuple(problems))
        _check_records(found)
        signer, unsigned = _signer(found, signers)
        problems += [*_chained(both), *_page(both[0], document), *_files(found, document)]
        weights, notes = _weights(document)
        problems += [*weights, *unsigned]
        answers, unread = recomputing.read(found.folder, document)
        problems += unread
        try:
            problems += recomputing.differing(document, answers)
            problems += _views(found, document)
        except (UsableError, *MALFORMED) as error:
            problems.append((form.DOCUMENT, f"it cannot be followed: {error}"))
        again = rerun({n: a for n, a in answers.items() if n != VERDICT}, sample or Sample())
        problems += again.problems
        told = dict.fromkeys(problems)
        return Verified(document, tuple(told), (*notes, *again.notes), signer)


def _readable(both: Sequence[Copy]) -> Document | None:
    """Return the copy of the JSON to go by: one that is whole, else any that can be read."""
    read = [copy for copy in both if copy.document is not None]
    whole = [c for c in read if not c.problem and not any(form.broken_parts(c.document or {}))]
    chosen = [*whole, *read]
    return chosen[0].document if chosen else None


def _unlike(both: tuple[Copy, Copy]) -> Iterator[Problem]:
    page, beside = both
    if page.document is None or beside.document is None or page.text == beside.text:
        return
    parts = {**page.document, **beside.document}
    unlike = [p for p in parts if page.document.get(p) != beside.document.get(p)]
    named = ", ".join(unlike) or "how it is written"
    yield f"{form.PAGE} and {form.DOCUMENT}", f"their JSON differs in: {named}"


def _check_records(found: Opened) -> None:
    if not files.is_folder(found.folder / form.RECORDS):
        raise StorageError(
            f"{found.folder} has no folder {form.RECORDS}, so nothing can be worked out anew. Give "
            f"the whole folder: {form.PAGE} with {form.DOCUMENT} and {form.RECORDS} beside it."
        )


def _chained(both: Sequence[Copy]) -> Iterator[Problem]:
    for copy in both:
        for part, why in form.broken_parts(copy.document or {form.CHAIN: []}):
            yield f"{part} in {copy.name}", why


def _page(page: Copy, document: Document) -> Iterator[Problem]:
    """Yield how the page is another one than was written, or says otherwise than its JSON."""
    if not page.frame:
        return
    linked = [link["sha256"] for link in document[form.CHAIN] if link["part"] == form.PAGE]
    if linked != [form.sha256(page.frame)]:
        yield form.PAGE, "its text is not the one in the chain"
    if not _is_ours(document):
        return
    try:
        drawn = page_of(document)
    except (UsableError, *MALFORMED) as error:
        yield form.DOCUMENT, f"its page cannot be drawn again: {error}"
        return
    if drawn != page.frame:
        pairs = enumerate(zip(drawn, page.frame, strict=False))
        place = next((i for i, (a, b) in pairs if a != b), min(len(drawn), len(page.frame)))
        near = page.frame[max(0, place - 30) : place + 30]
        yield form.PAGE, f"it says otherwise than {form.DOCUMENT}, near {near!r}"


def _is_ours(document: Document) -> bool:
    """Tell whether this version made it, so that it can be written again to the byte."""
    made = document["made"].get("versions", {})
    return bool(made.get("usable") == versions().get("usable"))


def _files(found: Opened, document: Document) -> Iterator[Problem]:
    """Yield files that are gone, or not as they were written, or that nobody named."""
    named = {**document["files"]}
    for run in document["runs"].values():
        named |= run["files"]
    for name, digest in named.items():
        try:
            if form.sha256_of_file(form.inside(found.folder, name)) != digest:
                yield _part(name), f"{name} is not the file that was written"
        except OSError as error:
            yield _part(name), f"{name} cannot be read: {files.why(error)}"
        except ValueError as error:
            yield _part(name), str(error)
    for folder in (form.RECORDS, form.VIEWS):
        for path in sorted((found.folder / folder).rglob("*")):
            name = path.relative_to(found.folder).as_posix()
            if not path.is_dir() and name not in named:
                yield _part(name), f"{name} is not named in {form.DOCUMENT}"


def _part(name: str) -> str:
    return NAMES.get(name.partition("/")[0], form.DOCUMENT)


def _weights(document: Document) -> tuple[list[Problem], list[str]]:
    """Return which weights at hand are others than were measured, and which are not at hand."""
    problems, notes = [], []
    for part in (*document["weights"], *document.get("judges", ())):
        name = part["model"]["reference"]
        try:
            paths = weights_paths(part) if part["files"] else ()
            if [path.name for path in paths] != [file["file"] for file in part["files"]]:
                notes.append(f"The weights of {name} are in other files here, so not compared.")
                continue
            for path, file in zip(paths, part["files"], strict=True):
                if form.sha256_of_file(path) != file["sha256"]:
                    problems.append(("weights", f"{path} is not the file that was measured"))
        except (UsableError, OSError) as error:
            notes.append(f"The weights of {name} are not at hand: {error}")
    return problems, notes


def _views(found: Opened, document: Document) -> Iterator[Problem]:
    """Yield views that say otherwise than the JSON, whatever their hashes are."""
    if not _is_ours(document):
        return
    texts = {**views_of(document), form.REQUIREMENTS: requirements_file(document["requirements"])}
    for name, text in texts.items():
        path = found.folder / name
        if files.is_file(path) and path.read_bytes() != form.encoded(text):
            yield _part(name), f"{name} says otherwise than {form.DOCUMENT}"
        if name not in document["files"]:
            yield _part(name), f"{name} is not named in {form.DOCUMENT}"


def _signer(found: Opened, signers: str | Path | None) -> tuple[str, list[Problem]]:
    allowed = None if signers is None else files.placed(signers)
    if not files.is_file(found.document.with_name(form.SIGNATURE)):
        lacking = [("signature", f"there is no {form.SIGNATURE}")] if allowed else []
        return "", lacking
    try:
        return signer_of(found.document, allowed), []
    except NotSigned as error:
        return "", [("signature", f"{form.SIGNATURE} is none of this file: {error}")]
    except OSError as error:
        return "", [("signature", f"it cannot be looked at: {files.why(error)}")]
