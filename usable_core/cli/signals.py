"""What ends a command from outside is heard: its run is marked, and the exit status says which."""

import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

# Of these, those that the system has: the request to end, and the closed terminal.
HEARD = ("SIGINT", "SIGTERM", "SIGHUP")


class Ended(BaseException):
    """A signal asked for the end.

    Attributes:
        status: 128 and the signal's number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"Ended by {signal.Signals(number).name}.")
        self.status = 128 + number


@contextmanager
def heard() -> Iterator[None]:
    """Let a signal end what is done within in good order; a second one ends it at once.

    Signals that the process was told to ignore (`nohup`) stay ignored.
    """
    usual = (signal.SIG_DFL, signal.default_int_handler)
    numbers = [getattr(signal, name) for name in HEARD if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    before = {n: h for n in numbers if (h := signal.getsignal(n)) in usual}

    def end(number: int, _frame: types.FrameType | None) -> None:
        for other in before:
            signal.signal(other, signal.SIG_DFL)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number != signal.SIGTERM:
            _let_go_of_the_terminal()
        raise Ended(number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_go_of_the_terminal() -> None:
    """Write nowhere from now on where there was a terminal: it is closed, and writing fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
