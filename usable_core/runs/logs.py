"""The end of a run's log, for people."""

from pathlib import Path

TAIL_BYTES = 16_384  # about 200 lines; a log can be long, a page shows its end
TAIL_LINES = 40


def log_tail(path: Path) -> str:
    """Return the last lines of a log file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-TAIL_LINES:])
