"""Is a model fit for one use? Requirements, what was measured of them, and the verdict."""

from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.requirement_files import read_requirements
from usable_core.verdicts.requirements import (
    Requirement,
    Requirements,
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
