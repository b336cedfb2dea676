"""Numbers as people read them, with their intervals; error sentences; downloads.

`proportion` arguments are `metrics.intervals.Proportion` objects or the dicts of `.summary()`:
`{"value", "low", "high", "n"}`.
"""

import json
import math
import mimetypes
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from dashboard import state
from dashboard.components.shared.markdown import escaped as escaped
from usable_core.errors import UsableError
from usable_core.evaluations.specs import Provenance
from usable_core.records import to_json
from usable_core.runs.store import RunStore

if TYPE_CHECKING:
    import pandas as pd

Key = TypeVar("Key")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how one begins in a spreadsheet


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show the sentence of a `UsableError` that the block raises, instead of a traceback."""
    try:
        yield
    except UsableError as error:
        st.error(escaped(str(error)), icon=":material/warning:")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in [0, 1] as people read it: 0.972 as `97.2 %`, None as a dash."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def duration(seconds: float | None) -> str:
    """Return a time span as people say it: `8 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _parts(proportion: object) -> Mapping[str, float]:
    if is_dataclass(proportion) and not isinstance(proportion, type):
        return asdict(proportion)
    if isinstance(proportion, Mapping):
        return proportion
    raise ValueError(f"expected a proportion, got {type(proportion).__name__}")


def interval_text(proportion: object) -> str:
    """Return the interval and the sample size: `95 % interval 96.1–98.0 %, n = 360`."""
    parts = _parts(proportion)
    low, high = 100 * parts["low"], 100 * parts["high"]
    if math.isnan(low):
        return f"no interval, {kept_together('n =')} {int(parts['n']):,}"
    dash = "–" if low >= 0 else " to "
    ends = f"{low:.1f}{dash}{high:.1f} %, n = ".replace("-", "−")
    return f"95 % interval {kept_together(ends)}{int(parts['n']):,}"


def kept_together(text: str) -> str:
    """Return a text whose lines break after commas only, not between a number and its unit."""
    return text.replace(" ", "\u00a0").replace(",\u00a0", ", ")


def proportion_card(label: str, proportion: object | None, *, help: str | None = None) -> None:
    """Show a proportion as a card: the value, and below it its interval and n.

    Args:
        label: What it is, such as `Accuracy`.
        proportion: The number; None shows a dash.
        help: Definition and formula for the tooltip (Markdown, LaTeX between dollar signs).
    """
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.metric(label, percent(_parts(proportion)["value"] if proportion else None), help=help)
        st.caption(interval_text(proportion) if proportion else "not measured")


def download(
    label: str,
    data: str | bytes | Callable[[], str | bytes],
    file: str,
    *,
    key: str,
    help: str | None = None,
) -> None:
    """Offer a file; a function makes it when the button is pressed."""
    st.download_button(
        label,
        data,
        file,
        mimetypes.guess_type(file)[0],
        key=key,
        on_click="ignore",
        icon=":material/download:",
        help=help,
    )


def csv_text(frame: "pd.DataFrame") -> str:
    """Return a table as CSV in which no spreadsheet takes a name for a formula."""
    plain = frame.copy()
    for name in plain.columns:
        plain[name] = [
            f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value
            for value in plain[name]
        ]
    return str(plain.to_csv(index=False))


def download_csv(
    table: "pd.DataFrame | Callable[[], pd.DataFrame]", name: str, *, key: str, label: str = "CSV"
) -> None:
    """Offer a table as `NAME.csv`; it is written, and made, when the button is pressed."""

    def written() -> str:
        return csv_text(table() if callable(table) else table)

    download(label, written, f"{name}.csv", key=key)


def csv_of_run(store: RunStore, run_id: str) -> bytes:
    """Return the records of a DONE run as CSV; called when the button is pressed."""
    return csv_text(store.load(run_id).to_frame()).encode(errors="backslashreplace")


def download_json(value: object, name: str, *, key: str, label: str = "JSON") -> None:
    """Offer a config, summary or dict as `NAME.json`."""
    download(label, json.dumps(to_json(value), indent=2), f"{name}.json", key=key)


def link(
    page: str, label: str, icon: str, query: Mapping[str, str | list[str]] | None = None
) -> None:
    """Show a link to a page of `Home.PAGES`, with an icon of Material's and an address."""
    st.page_link(state.page_file(page), label=label, icon=f":material/{icon}:", query_params=query)


def choose_one(
    label: str,
    titles: Mapping[Key, str],
    *,
    key: str,
    default: Key | None = None,
    help: str | None = None,
    is_labelled: bool = True,
) -> Key:
    """Ask for one of a few by buttons side by side, and return its key in `titles`.

    Without a default, what the session holds under `key` is chosen.
    """
    forget_unless(key, titles)
    return st.segmented_control(
        label,
        list(titles),
        default=default,
        format_func=titles.get,
        required=True,
        key=key,
        help=help,
        label_visibility="visible" if is_labelled else "collapsed",
    )


def forget_unless(key: str, options: Container[object]) -> None:
    """Let go of a choice that is not offered (any more), such as one of another model."""
    if st.session_state.get(key) is not None and st.session_state[key] not in options:
        del st.session_state[key]


def provenance_warnings(provenance: Provenance) -> None:
    """Show what a reader of the numbers must know before them."""
    for sentence in provenance.warnings:
        st.warning(escaped(sentence), icon=":material/warning:")


def provenance_footer(provenance: Provenance) -> None:
    """Show what a reader of the numbers must know, and where they come from."""
    provenance_warnings(provenance)
    provenance_source(provenance)


def provenance_source(provenance: Provenance) -> None:
    """Show where numbers come from, and which examples were left out."""
    if provenance.refused:
        with st.expander(f"{len(provenance.refused)} examples were left out"):
            st.dataframe([{"file": r.name, "reason": r.reason} for r in provenance.refused])
    hosts = f" of {', '.join(provenance.hosts)}" if provenance.hosts else ""
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions.items())
    st.caption(
        escaped(
            f"{provenance.model} ({provenance.model_fingerprint}) on {provenance.dataset} "
            f"({provenance.dataset_fingerprint}), split {provenance.split} · "
            f"{duration(provenance.seconds)} on {provenance.device}{hosts}, batches of "
            f"{provenance.batch_size} · {versions}"
        )
    )
