"""`usable demo`: one assessment of bundled models, to its verdict."""

from usable_core.cli.assess import told
from usable_core.cli.options import JsonOption
from usable_core.verdicts.demo import demo as question


def demo(json: JsonOption = None) -> int:
    """Assess two bundled models on digits, to the verdict: at most 2 minutes, without a download.

    The exit status is that of `usable assess`.
    """
    return told(question(), json)
