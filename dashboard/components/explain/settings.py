"""What the Explain page asks beside picture and backbones: methods, class, how maps are made.

Every setting stands in the address, so that a link asks the same question.
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard import state
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions

_PREFERRED = ("lime", "kernel_shap", "partition_shap")
DEFAULT_METHODS = [name for name in _PREFERRED if name in EXPLAINERS][:2]
PREDICTED = "predicted"
EVALUATIONS = ("100", "500", "1000", "3000")
SEGMENTS = ("10", "25", "50", "100")
_SHARES = ("0.2", "0.1", "0.05", "0.02")
TOLERANCES = {"0": "spend them all"} | {s: f"error below {100 * float(s):g} %" for s in _SHARES}
PRECISIONS = {"float32": "float32", "auto": "as fast as is safe"}
KINDS = {"picture": "Picture", "text": "Text"}
SWITCH = {"yes": "Yes", "no": "No"}


def choose_kind() -> str:
    """Ask whether a picture or a text is explained."""
    key = state.EXPLAIN_KIND
    _read(key, ["picture"], list(KINDS))
    chosen = st.segmented_control(
        "What",
        list(KINDS),
        key=key,
        required=True,
        format_func=KINDS.get,
        label_visibility="collapsed",
    )
    state.write_address(key, [str(chosen)])
    return str(chosen)


def choose_methods(
    key: str = state.EXPLAIN_METHODS,
    known: Sequence[str] | None = None,
    default: Sequence[str] = tuple(DEFAULT_METHODS),
) -> list[str]:
    """Ask for some of the known methods, or of all, and return their keys in `EXPLAINERS`."""
    known = list(EXPLAINERS) if known is None else known
    _read(key, list(default), known, most=len(EXPLAINERS))
    chosen = st.pills(
        "Methods",
        list(known),
        selection_mode="multi",
        key=key,
        wrap=True,
        format_func=lambda name: EXPLAINERS[name].title,
        help="\n\n".join(f"**{EXPLAINERS[n].title}**: {EXPLAINERS[n].help}" for n in known),
    )
    state.write_address(key, list(chosen))
    return [name for name in known if name in chosen]


def choose_target() -> str | None:
    """Ask for the class that every backbone explains, None for each one's own prediction."""
    key, true = state.EXPLAIN_TARGET, st.query_params.get(state.EXPLAIN_TRUE)
    state.read_address(key, [PREDICTED])
    classes = [*([true] if true else []), *st.session_state.get(state.EXPLAIN_CLASSES, [])]
    options = list(dict.fromkeys([PREDICTED, *classes]))
    current = st.session_state.get(key)
    titles = {PREDICTED: "Its own prediction"} | ({true: f"{true} (true class)"} if true else {})
    chosen = st.selectbox(
        "Class to explain",
        options if current is None or current in options else [*options, current],
        key=key,
        accept_new_options=True,
        format_func=lambda name: titles.get(name, name),
        help="At first each backbone's own prediction. The classes predicted for this picture "
        "come first, then all others that the backbones know: type a part of a name to find one.",
    )
    state.write_address(key, [chosen] if chosen else [])
    return None if chosen in (None, PREDICTED) else chosen


def choose_options(methods: Sequence[str]) -> ExplainerOptions:
    """Ask how the maps of these methods are made."""
    with st.expander("Options", icon=":material/tune:"):
        background = select(
            state.EXPLAIN_BACKGROUND,
            "Hide parts behind",
            BACKGROUNDS,
            ExplainerOptions.background,
            _background_help(methods),
        )
        evaluations, precision = _choose_evaluations()
        segments, tolerance = _choose_detail()
    return ExplainerOptions(
        evaluations=int(evaluations),
        segments=int(segments),
        background=background,
        tolerance=float(tolerance),
        precision=precision,
    )


def _choose_evaluations() -> tuple[str, str]:
    """Ask how many evaluations a map has, and in which number format."""
    evaluations = slider(
        state.EXPLAIN_EVALUATIONS,
        "Evaluations per map, at most",
        {n: f"{int(n):,}" for n in EVALUATIONS},
        "500",
        "Forward passes of the backbone. More take longer and wobble less.",
    )
    precision = select(
        state.EXPLAIN_PRECISION,
        "Number precision",
        PRECISIONS,
        "float32",
        "As fast as is safe: bfloat16 where the processor gains from it and a first batch "
        "shows that probabilities agree.",
    )
    return evaluations, precision


def _choose_detail() -> tuple[str, str]:
    """Ask for the number of superpixels and when a map is stable; and whether to attack."""
    segments = slider(
        state.EXPLAIN_SEGMENTS,
        "Superpixels",
        {n: n for n in SEGMENTS},
        "50",
        "Parts that are hidden and credited; the same ones for every method and every "
        "backbone of one input size. At least ten evaluations for each are advised.",
    )
    tolerance = slider(
        state.EXPLAIN_TOLERANCE,
        "Until stable",
        TOLERANCES,
        "0",
        "Stop once the Monte Carlo error of every superpixel is below this share of the "
        "largest value, or the evaluations are spent.",
    )
    select(
        state.EXPLAIN_ATTACK,
        "Look for the smallest breaking change",
        SWITCH,
        "yes",
        "Attacks this one picture, after the maps; see the tab Attack.",
    )
    return segments, tolerance


def wants_attack() -> bool:
    """Tell whether the smallest breaking change is to be looked for."""
    return st.session_state.get(state.EXPLAIN_ATTACK, "yes") == "yes"


def _background_help(methods: Sequence[str]) -> str:
    without = [EXPLAINERS[name].title for name in methods if not EXPLAINERS[name].has_background]
    note = f" {', '.join(without)} needs none: nothing is hidden." if without else ""
    return (
        "What stands where a part of the picture is hidden. It is part of what a map means: "
        f"compare two.{note}"
    )


def select(key: str, label: str, titles: Mapping[str, str], default: str, help: str) -> str:
    """Ask for one of a few by a list; it stands in the address."""
    _read(key, [default], list(titles))
    chosen = st.selectbox(label, list(titles), key=key, format_func=titles.get, help=help)
    state.write_address(key, [chosen])
    return str(chosen)


def slider(key: str, label: str, titles: Mapping[str, str], default: str, help: str) -> str:
    _read(key, [default], list(titles))
    chosen = st.select_slider(label, list(titles), key=key, format_func=titles.get, help=help)
    state.write_address(key, [chosen])
    return str(chosen)


def _read(key: str, default: list[str], options: Sequence[str], most: int = 1) -> None:
    """Take a setting from the address; what is no option there falls back to the default."""
    state.read_address(key, default, most)
    if most > 1:
        known = [name for name in st.session_state[key] if name in options]
        if known != list(st.session_state[key]):
            st.session_state[key] = known or default
    elif st.session_state.get(key) not in options:
        st.session_state[key] = default[0]
