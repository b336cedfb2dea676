"""Is a model fit for one use? Requirements, what was measured of them, and the verdict."""

from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.requirements import (
    Requirement,
    Requirements,
    read_requirements,
    requirement,
    requirements_of,
)
from usable_core.verdicts.verdict import Verdict, verdict

__all__ = [
    "Checked",
    "Requirement",
    "Requirements",
    "Verdict",
    "check",
    "read_requirements",
    "requirement",
    "requirements_of",
    "verdict",
]
