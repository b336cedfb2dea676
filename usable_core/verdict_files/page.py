"""`verdict.html`: the decision on its first page, then the figures, then where all of it is from.

It is a function of `verdict.json` alone, so that whoever verifies the file can draw it again.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from usable_core.catalog.metrics import METRICS
from usable_core.metrics.intervals import Estimate
from usable_core.records import from_json
from usable_core.reports.cells import Bar, Mark
from usable_core.reports.page import EMBEDDED, Block, Card, Data, Row, Section, Table, Text, page
from usable_core.tasks import TASKS
from usable_core.verdict_files.failing import failing
from usable_core.verdict_files.form import CHAIN, Document, plain
from usable_core.verdict_files.style import STYLE
from usable_core.verdicts.paces import Pace
from usable_core.verdicts.requirements import Requirement, requirement
from usable_core.verdicts.verdict import rounded, shown, with_interval

WORDS = {
    "fit": "fit for this use",
    "not shown": "not shown to be fit",
    "not fit": "not fit for this use",
}
ORDER = tuple(WORDS)
# What the first page and the tables show already; other sections of a summary follow as they are.
SHOWN = {"sentence", "use", "set_by", "models", "precedence", "trust", "not_measured", "paces"}
BARS = ("share", "points", "number")  # units of numbers that say something on a scale alone
MOST_OPEN = 12  # rows of a table that is not folded away


def page_of(document: Document) -> str:
    """Return the page, with an empty place for the JSON."""
    summary = document["summary"]
    sections = [
        Section("The decision", tuple(_decision(document))),
        *failing(document.get("pictures", ()), document["requirements"].get("kind", "picture")),
        Section("Trust in the measurement", _trust(document)),
        *_cost(summary),
        Section("Every number", tuple(_numbers(document))),
        Section("What it rests on", tuple(_provenance(document))),
    ]
    more = {name: value for name, value in summary.items() if name not in SHOWN}
    if more:
        sections.append(Section("More", (Data(more, "Every other section of the verdict, JSON"),)))
    return plain(page(_title(summary), sections, style=STYLE, embedded=""))


def framed(frame: str, text: str) -> str:
    """Return the page with its JSON in its place."""
    before, place, after = frame.partition(EMBEDDED)
    return f"{before}{place}{text}{after}"


def unframed(text: str) -> tuple[str, str]:
    """Return the page without its JSON, and the JSON.

    Raises:
        ValueError: there is none in it.
    """
    before, place, rest = text.partition(EMBEDDED)
    inner, end, after = rest.partition("</script>")
    if not (place and end):
        raise ValueError("it holds no JSON of a verdict")
    return f"{before}{place}{end}{after}", inner


def estimate(row: Mapping[str, Any]) -> Estimate:
    """Return a number with its interval from its JSON, which has no NaN."""
    value, low, high = (
        math.nan if row[name] is None else row[name] for name in ("value", "low", "high")
    )
    return Estimate(value, low, high, int(row["n"]))


def _title(summary: Mapping[str, Any]) -> str:
    """Return the decision in a few words; its reason follows below."""
    models = summary["models"]
    if len(models) != 1:
        return str(summary["sentence"])
    return f"{models[0]['name']} is {WORDS[models[0]['verdict']]}"


def _decision(document: Document) -> Iterator[Block]:
    required, models = document["requirements"], document["summary"]["models"]
    asked = f"For: {required['use']}. " if required["use"] else ""
    asked += f"Required by {required['set_by']}. " if required["set_by"] else ""
    data = required["dataset"]
    limit = f", at most {data['limit']:,} examples" if data["limit"] else ""
    yield Text(f"{asked}Measured on {data['reference']} ({data['split']}{limit}).")
    ordered = sorted(models, key=lambda model: ORDER.index(model["verdict"]))
    if len(models) > 1:
        rows = tuple((Mark(m["verdict"]), m["name"], m["next_step"]) for m in ordered)
        yield Table(("verdict", "model", "next step"), rows)
    for model in ordered:
        table = Table(
            ("", "required", "found (95 %)", "", "n", "n to decide"),
            tuple(map(_requirement, model["requirements"])),
        )
        doubts: list[Block] = [
            Text(f"{' and '.join(of)}: {why}", is_warning=True) for why, of in _doubts(model)
        ]
        blocks = (
            Text(model["sentence"]),
            table,
            *doubts,
            Text(f"Next: {model['next_step']}"),
        )
        yield Row((Card(model["name"], blocks),))
    summary = document["summary"]
    if summary.get("precedence"):
        yield Text(summary["precedence"]["sentence"], is_warning=summary["precedence"]["is_after"])
    lines = tuple((line,) for line in summary["not_measured"])
    yield Row((Card("Not measured", (Table((), lines),)),))


def _trust(document: Document) -> tuple[Block, ...]:
    """Return what speaks for the measurement and against it."""
    remarks = document["summary"]["trust"]
    rows = [(Mark(one["tone"]), one["title"], one["sentence"]) for one in remarks]
    return (Table(("", "looked at", "seen"), tuple(rows)),) if rows else ()


def _cost(summary: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what answers, attacked examples and maps take; nothing where an older version asked."""
    paces = [from_json(Pace, one) for one in summary.get("paces", ())]
    rows = tuple((one.model, one.what, one.found, one.told) for one in paces)
    if rows:
        yield Section("Cost", (Table(("model", "what", "how many", "measured on"), rows),))


def _doubts(model: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Yield each reason of doubt, without the next step, with the requirements that it is of."""
    found: dict[str, list[str]] = {}
    for row in model["requirements"]:
        said = row["reason"].removesuffix(model["next_step"]).strip()
        found.setdefault(said, []).append(row["requirement"])
    yield from ((why, of) for why, of in found.items() if why)


def _requirement(row: Mapping[str, Any]) -> tuple[object, ...]:
    required, found = requirement(row["requirement"]), estimate(row)
    needed = f"about {rounded(row['examples']):,}" if row["examples"] else ""
    if not found.n:
        return Mark(row["outcome"]), required.text, "not measured", "", "", needed
    bar = _bar(found, required.row.metric, row["outcome"], required)
    count = f"{found.n:,}"
    return Mark(row["outcome"]), required.text, shown(required, found), bar, count, needed


def _bar(
    found: Estimate, metric: str, word: str = "", required: Requirement | None = None
) -> Bar | str:
    if math.isnan(found.value):
        return ""
    bound = math.nan if required is None else required.bound
    ends = [abs(v) for v in (found.value, found.low, found.high, bound) if not math.isnan(v)]
    most = 1.0 if METRICS[metric].unit == "share" else 1.1 * max([*ends, 1e-9])
    is_minimum = required is None or required.row.is_better == "higher"
    return Bar(found.value, found.low, found.high, most, bound, is_minimum, word)


def _numbers(document: Document) -> Iterator[Block]:
    for name, numbers in document["numbers"].items():
        run, result = document["runs"][name], document["results"][name]
        rows = []
        for one in numbers:
            row, found = METRICS[one["metric"]], estimate(one)
            title = f"{row.title}, {one['at']}" if one["at"] else row.title
            bar = _bar(found, one["metric"]) if row.unit in BARS else ""
            rows.append((title, with_interval(found, row.unit), bar, found.n))
        model = run["candidate"] or result.get("model", "")
        title = f"{TASKS[run['task']].title} of {model}" if run["task"] in TASKS else run["title"]
        head, is_long = ("number", "found (95 %)", "", "n"), len(rows) > MOST_OPEN
        warnings = [Text(text, is_warning=True) for text in result.get("warnings") or ()]
        table = Table(head, tuple(rows), f"{len(rows)} numbers" if is_long else "")
        yield Row((Card(title, (table, *warnings)),))


def _provenance(document: Document) -> Iterator[Block]:
    made, rows = document["made"], []
    yield Text(
        f"Made {made['at']} by Usable {made['versions'].get('usable', '')}. `usable verify` on the "
        "folder of this file checks every hash and works out every number anew from the records; "
        "`usable check` tells a pipeline the outcome."
    )
    judges = document.get("judges", [])
    for part in (*document["weights"], *judges):
        own = [(f["file"], f"SHA-256 {f['sha256']}") for f in part["files"]]
        about = "judge" if part in judges else f"fingerprint {part['fingerprint'] or 'unknown'}"
        rows += [(part["model"]["reference"], about)]
        rows += own or [("", part["note"] or "no file of its own here")]
    yield Table(("weights", ""), tuple(rows))
    runs = document["runs"].items()
    yield Table(
        ("run", "asked", "", "records"),
        tuple((name, r["asked"], r["title"], " ".join(r["files"])) for name, r in runs),
        "Runs and their records",
    )
    hashes = {f: h for r in document["runs"].values() for f, h in r["files"].items()}
    yield Table(
        ("file", "SHA-256"), tuple((hashes | document["files"]).items()), "Files beside this one"
    )
    yield Table(("library", "version"), tuple(made["versions"].items()), "Versions")
    yield Text(
        f"The hash chain over these parts, and this page at its end, stands in verdict.json under "
        f"{CHAIN!r}; the same JSON is inside this file."
    )
