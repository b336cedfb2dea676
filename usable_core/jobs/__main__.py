"""The processes: `python -m usable_core.jobs run ID`, and `… interactive`."""

import argparse
import logging
import os
import signal
import sys
import types
from pathlib import Path

from usable_core.downloads import take_only_what_is_here
from usable_core.errors import UsableError
from usable_core.files import OTHERS
from usable_core.jobs.execution import execute
from usable_core.jobs.processes import be_kind
from usable_core.jobs.queue import wait_for_turn
from usable_core.jobs.ranks import be_one
from usable_core.jobs.worker import serve
from usable_core.runs import RunStore
from usable_core.runs.living import working_on
from usable_core.runs.patience import LASTING, patience
from usable_core.settings import let_threads_sleep


def main() -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m usable_core.jobs")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="work on a queued run").add_argument("id")
    actions.add_parser("rank", help="share a training with others").add_argument("place", type=Path)
    lane = actions.add_parser("interactive", help="answer questions about single images")
    lane.add_argument("--idle", type=float, help="seconds without a question until it ends")
    lane.add_argument("--answer", help="dotted name of the answering function")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, _end)
    os.umask(OTHERS)  # also of what libraries write
    let_threads_sleep()
    take_only_what_is_here()  # nobody is asked here
    if arguments.action == "rank":  # as kind as who started it
        be_one(arguments.place)
        return 0
    be_kind()
    if arguments.action == "run":
        return _run(arguments.id)
    options = {"idle_seconds": arguments.idle, "dotted": arguments.answer}
    serve(**{name: value for name, value in options.items() if value is not None})
    return 0


def _run(run_id: str) -> int:
    store = RunStore()
    try:
        with (
            patience(LASTING),
            working_on(store.home, run_id),
            wait_for_turn(store, run_id),
        ):
            execute(store, store.get(run_id), may_kill=True)
    except UsableError as error:  # the run holds it already
        logging.getLogger("usable_core.jobs").warning("%s", error)
        return 1
    except Exception:  # as above, with its traceback
        return 1
    return 0


def _end(_signal: int, _frame: types.FrameType | None) -> None:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
