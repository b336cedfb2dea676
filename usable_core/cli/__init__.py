"""The command line: `usable …`. A user's mistake is one sentence on standard error, exit status 2.

Asking is light: torch is imported by the work itself, never for `--help`.
"""

import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import usable_core
from usable_core import files, settings
from usable_core.bounds import keep_tail
from usable_core.cli import (
    assess,
    calibrate,
    check,
    comparison,
    dashboard,
    demo,
    explain,
    export,
    exporting,
    look,
    requirements,
    runs,
    saved,
    signals,
    slices,
    uploads,
    usage,
    verify,
    words,
)
from usable_core.cli.ask import add_commands
from usable_core.cli.options import expanded
from usable_core.cli.output import let_consoles_be_plain, mind_streams, notes_of, remark
from usable_core.errors import Cancelled, UsableError

USER_MISTAKE = 2
OUR_MISTAKE = 1
MOST_LOG = 2**20  # bytes
STOPPED = 130  # 128 + SIGINT, as shells have it

app = typer.Typer(
    name="usable",
    cls=usage.Commands,
    help="Is this pretrained image model fit for use? Accuracy, robustness, explanations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"usable {usable_core.__version__}\n")
        raise typer.Exit


look.models_app.command("export")(expanded(exporting.export))
app.add_typer(look.models_app, name="models")
app.command("datasets")(look.datasets)
add_commands(app)
app.command("assess")(expanded(assess.assess))
app.command("requirements")(requirements.requirements)
app.command("demo")(demo.demo)
app.command("verify")(verify.verify)
app.command("check")(check.check)
app.add_typer(export.app, name="export")
app.command("calibrate")(expanded(calibrate.calibrate))
app.command("explain")(expanded(explain.explain))
app.command("compare")(comparison.compare)
app.command("slices")(slices.slices)
app.command("words")(words.words)
app.add_typer(saved.app, name="slice")
app.add_typer(runs.app, name="runs")
app.add_typer(uploads.app, name="uploads")
app.command("dashboard")(dashboard.dashboard)


@app.callback()
def _of_all(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options before any command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Args:
        arguments: Words after `usable`; those of the process when None.
    """
    settings.let_threads_sleep()
    mind_streams()
    let_consoles_be_plain()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with signals.heard():
            status = app(words, prog_name="usable", standalone_mode=False)
        sys.stdout.flush()
    except Cancelled as error:
        return _say(str(error), STOPPED)
    except (KeyboardInterrupt, typer.Abort):
        return _say("Cancelled.", STOPPED)
    except signals.Ended as ended:
        return _say(" ".join([str(ended), *notes_of(ended)]), ended.status)
    except UsableError as error:
        return _say(str(error), USER_MISTAKE)
    except BrokenPipeError:  # the reader, such as `head`, has enough
        sys.stdout = None  # else Python flushes it at exit
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own usage errors
            return _say(usage.sentence(error, "usable"), USER_MISTAKE)
        return _say(_internal(error, words), OUR_MISTAKE)
    if status == STOPPED:  # newer versions of typer make this of Ctrl-C themselves
        return _say("Cancelled.", STOPPED)
    return status if isinstance(status, int) else 0


def _say(sentence: str, status: int) -> int:
    remark(" ".join(sentence.split()))
    return status


def _internal(error: Exception, words: Sequence[str]) -> str:
    path = settings.home() / "logs" / "command_line.log"
    try:
        files.make_folder(path.parent)
        keep_tail(path, MOST_LOG)
        told = f"{datetime.now(UTC).isoformat()} usable {' '.join(words)}\n"
        told += "".join(traceback.format_exception(error))
        with files.opened(path, "ab") as log:
            log.write(told.encode(errors="backslashreplace"))
    except OSError:
        path = Path("nowhere, for the log could not be written")
    return (
        f"An error inside Usable stopped this ({type(error).__name__}: {error}). "
        f"The details are in {path}; please report them."
    )
