"""The style sheet of a verdict's page."""

from pathlib import Path

from usable_core import reports

STYLE = (Path(reports.__file__).parent / "verdict.css").read_text(encoding="utf-8")
