"""What a command says: progress and remarks on standard error, the answer on standard output."""

import codecs
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from usable_core import files, jobs, progress
from usable_core.errors import Cancelled, StorageError
from usable_core.evaluations.result import Config, Measured, Result
from usable_core.evaluations.specs import Provenance, Report
from usable_core.metrics.intervals import Proportion
from usable_core.records import to_json
from usable_core.runs.run import Run

Line = str | Table
# What we write for our own signs where a console does not know them.
PLAIN = {"ε": "eps", "²": "2", "≤": "<=", "≥": ">=", "±": "+-", "−": "-", "×": "x", "→": "->"}


def let_consoles_be_plain() -> None:
    """Let no console's encoding (ASCII, cp1252) stop an answer: signs it lacks are written plainly.

    Signs of ours become words (`PLAIN`), others their escapes, so that names stay apart.
    """

    def plain(error: UnicodeError) -> tuple[str | bytes, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        signs = error.object[error.start : error.end]
        escaped = [PLAIN.get(s, s.encode("ascii", "backslashreplace").decode()) for s in signs]
        return "".join(escaped), error.end

    codecs.register_error("usable.plain", plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="usable.plain")


class _Output(io.TextIOWrapper):
    """Standard output that says in a sentence when it takes no more, such as on a full disk."""

    def write(self, text: str) -> int:
        """Write a text."""
        with _printing():
            return super().write(text)

    def flush(self) -> None:
        """Write what waits."""
        with _printing():
            super().flush()


class _Closed(io.TextIOBase):
    """Standard output that was closed by whoever started this."""

    def write(self, text: str) -> int:
        """Refuse it."""
        with _printing():
            raise OSError(errno.EBADF, "standard output is closed")


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has enough
        raise
    except OSError as error:
        sys.stdout = None  # else Python flushes it at exit
        raise StorageError(f"The answer cannot be printed: {files.why(error)}.") from error


def mind_streams() -> None:
    """Have a standard output that is full or closed end a command in a sentence."""
    if sys.stdout is None:
        sys.stdout = cast(TextIO, _Closed())
    elif type(sys.stdout) is io.TextIOWrapper and sys.stdout is sys.__stdout__:
        own = sys.stdout
        sys.stdout = _Output(own.buffer, own.encoding, line_buffering=own.line_buffering)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open


@contextlib.contextmanager
def progress_bar() -> Iterator[Report]:
    """Give a `Report` that draws a bar on standard error where that is a terminal.

    Whatever libraries print meanwhile goes there too, so that standard output holds the answer.
    """
    with contextlib.redirect_stdout(sys.stderr), progress.progress_bar() as report:
        yield report


Hearing = Callable[[Report], AbstractContextManager[Report]]


def run_task(config: Config, hearing: Hearing = contextlib.nullcontext) -> tuple[Run, Result]:
    """Work on a question in this process, with a bar, and keep it in the store.

    Args:
        config: The question.
        hearing: Says more of the progress than the bar does.

    Raises:
        UsableError: as `jobs.run_here`.
    """
    try:
        with progress_bar() as bar, hearing(bar) as report:
            run, result = jobs.run_here(config, report)
    except (Cancelled, KeyboardInterrupt) as stopped:
        raise Cancelled(*notes_of(stopped)) from None
    if run.answered_by is not None:
        remark(
            f"Answered from the store: run {run.answered_by} measured the same question. "
            f"`usable runs delete {run.answered_by}` and ask again to measure it anew."
        )
    return run, result


def how_to_open(run: Run) -> list[Line]:
    """Return what a run is called and how to see it again."""
    if not run.id:  # a note has said why
        return []
    ways = f"`usable runs show {run.id}` or `usable dashboard --run {run.id}`"
    return ["", f"Run {run.id}, {run.title}: see it with {ways}."]


def notes_of(stopped: BaseException) -> list[str]:
    """Return the sentence, where there is one, on what asking the same again does."""
    return getattr(stopped, "__notes__", [])[-1:]


def remark(sentence: str) -> None:
    """Say something that is not the answer; that comes also where nobody hears this."""
    with contextlib.suppress(OSError):
        sys.stderr.write(sentence + "\n")


def about(result: Measured) -> str:
    """Return what was measured on what, after the remarks that belong to it."""
    provenance = result.provenance
    notes(provenance)
    return f"{provenance.model} on {provenance.dataset} ({provenance.split}), n = {result.n}"


def notes(provenance: Provenance) -> None:
    """Say what a reader of the numbers must know, and what was left out."""
    for warning in provenance.warnings:
        remark(f"Note: {warning}")
    if provenance.hosts:
        remark(f"Note: Parts were measured on {', '.join(provenance.hosts)}.")
    if provenance.refused:
        first = provenance.refused[0]
        remark(
            f"Note: {len(provenance.refused)} examples were left out, the first: {first.name}: "
            f"{first.reason}"
        )


def check_target(target: str | None) -> str | None:
    """Return where JSON goes, after a look whether it can: before the work, not after it.

    Raises:
        StorageError: the file cannot be written.
    """
    if target not in (None, "-"):
        files.check_file(Path(target))
    return target


def answer(data: object, target: str | None, lines: Sequence[Line] = ()) -> None:
    """Give the answer: as JSON where asked for, else for people.

    Args:
        data: What becomes JSON.
        target: File of the JSON; `-` is standard output, which then holds nothing else.
        lines: The same for people.

    Raises:
        StorageError: the file cannot be written.
    """
    if target == "-":  # escaped where the console would lose a sign: it is the same JSON
        is_plain = not (sys.stdout.encoding or "").lower().startswith("utf")
        sys.stdout.write(_json(data, is_plain=is_plain))
        return
    if target is not None:
        try:
            files.make_folder(Path(target).parent)
            text = _json(data, is_plain=False)
            Path(target).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {files.why(error)}.") from error
    wide = None if sys.stdout.isatty() else 250  # nobody wants a pipe's lines broken
    console = Console(highlight=False, soft_wrap=True, markup=False, width=wide)
    for line in lines:
        if isinstance(line, str):  # rich would look at each sign of a long list
            sys.stdout.write(f"{_unsteered(line)}\n")
        else:
            console.print(line)


def _json(data: object, *, is_plain: bool) -> str:
    return json.dumps(to_json(data), indent=2, ensure_ascii=is_plain, allow_nan=False) + "\n"


def table(*columns: str, rows: Sequence[Sequence[object]]) -> Table:
    """Return a table of texts."""
    found = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        found.add_row(*(_unsteered(str(cell)) for cell in row))
    return found


def columns(*names: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a long table as text; rich takes half a millisecond for each row of its own."""
    shown = [[_one_line(cell) for cell in row] for row in (names, *rows)]
    padded = []
    for column in zip(*shown, strict=True):
        width = max(map(cell_len, column))
        padded.append([cell + " " * (width - cell_len(cell)) for cell in column])
    return "\n".join(" ".join(row).rstrip() for row in zip(*padded, strict=True))


def _one_line(cell: str) -> str:
    """Return a text of unknown origin without line breaks and signs that steer a terminal."""
    return cell if cell.isprintable() else repr(cell)[1:-1]


_BETWEEN = "\n\t\u00a0\u2009\u202f"  # lines, columns and words


def _unsteered(text: str) -> str:
    """Return a text, perhaps of several lines, whose signs cannot steer a terminal.

    Names of classes come from files of strangers.
    """
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c in _BETWEEN or c.isprintable() else repr(c)[1:-1] for c in text)


def share(proportion: Proportion) -> str:
    """Return "59.4 % (55.1 % to 63.6 %)", with a second decimal where one example is that small."""
    digits = 1 if proportion.n < 1000 else 2
    value, low, high = (
        f"{100 * part:.{digits}f} %" for part in (proportion.value, proportion.low, proportion.high)
    )
    return f"{value} ({low} to {high})"
