"""The evidence file of a verdict: written once, verified by anyone, gated on, viewed otherwise."""

from usable_core.verdict_files.saving import save
from usable_core.verdict_files.verifying import Verified, verify

__all__ = ["Verified", "save", "verify"]
