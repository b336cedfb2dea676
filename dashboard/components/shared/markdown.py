"""Text of unknown origin, in Markdown."""

import re


def escaped(text: str) -> str:
    """Return text of unknown origin such that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~$:])", r"\\\1", text)
