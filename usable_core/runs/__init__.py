"""Runs: the stored questions and answers. They outlive every process."""

from usable_core.runs.run import Run, Status
from usable_core.runs.store import RunStore

__all__ = ["Run", "RunStore", "Status"]
