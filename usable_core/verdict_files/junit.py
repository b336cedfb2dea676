"""The verdict as JUnit's XML, which pipelines show: a suite per model, a case per requirement.

Undecided is an error, not a skip: a skip would let a pipeline through.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from usable_core.verdict_files.tables import counts_in, found_in
from usable_core.verdict_files.verifying import Verified

KINDS = {"not met": "failure", "undecided": "error"}


def junit(models: Sequence[Mapping[str, Any]], found: Verified) -> str:
    """Return the outcomes of models; where the evidence does not verify, a case that says so."""
    root = ElementTree.Element("testsuites", name="usable check")
    if not found.is_equal:
        problems = [(part, "error", why, why) for part, why in found.problems]
        _suite(root, "evidence", problems)
    for model in models:
        cases = [
            (row["requirement"], KINDS.get(row["outcome"], ""), _said(row), row["reason"])
            for row in model["requirements"]
        ]
        _suite(root, model["name"], cases)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(
    root: ElementTree.Element, name: str, cases: Sequence[tuple[str, str, str, str]]
) -> None:
    counts = {f"{kind}s": str([c[1] for c in cases].count(kind)) for kind in KINDS.values()}
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {"name": _clean(name), "tests": str(len(cases)), "skipped": "0", **counts},
    )
    for title, kind, message, text in cases:
        case = ElementTree.SubElement(
            suite, "testcase", name=_clean(title), classname=_clean(name), time="0"
        )
        if kind:
            inner = ElementTree.SubElement(case, kind, message=_clean(message))
            inner.text = _clean(text)


def _said(row: Mapping[str, Any]) -> str:
    count, needed = counts_in(row)
    found = f"{row['outcome']}: {found_in(row)}{f', n = {count}' if count else ''}"
    return f"{found}; {needed} examples would decide" if needed else found


def _clean(text: str) -> str:
    """Return a text with escapes for signs that XML cannot hold."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
