"""The selection, and every key of session state and address.

A key that is synced with the address is also the name of its parameter, and is shared by the pages
that use it: the chosen models stay chosen from page to page.
Add a page's own keys under its heading, prefixed by the page's name.
"""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from dashboard import link

# Address parameters
RUN = "run"  # the run that a page shows
PARENT = "parent"  # Compare: all runs that this run (a demo) started
IMAGE = "image"  # Explain: name of a picture of the gallery
MODELS = "models"  # several models, shared by Explain, Accuracy and Robustness

DATA = "data"  # the data, shared by all pages that measure
SLICE = "slice"  # which of the examples, in words, shared by all pages
EPSILON = "epsilon"  # at which numbers under attack are shown, shared by all pages
SLICE_NAME = "slice_name"

# Accuracy and Robustness: links fill these in through the address
NEWEST_RUNS = "newest_runs"
ACCURACY_CONFUSION = "accuracy_confusion"
ACCURACY_CELLS = "accuracy_cells"  # the figures whose points choose among the errors
ACCURACY_RECALL = "accuracy_recall"
ACCURACY_BINS = "accuracy_bins"
ACCURACY_TRUE = "accuracy_true"  # which errors are shown
ACCURACY_CALLED = "accuracy_called"
ACCURACY_SURE = "accuracy_sure"
ACCURACY_TAB = "accuracy_tab"
ACCURACY_SLICE = "accuracy_slice"  # the `Slice` whose errors are shown; None for all
ACCURACY_SLICES = "accuracy_slices"  # whose slices are shown
ROBUSTNESS_ATTACK = "robustness_attack"
ROBUSTNESS_NORM = "robustness_norm"
ROBUSTNESS_STEPS = "robustness_steps"
ROBUSTNESS_RESTARTS = "robustness_restarts"
ROBUSTNESS_EPSILONS = "robustness_epsilons"
ROBUSTNESS_SEED = "robustness_seed"
ROBUSTNESS_PRESET = "robustness_preset"
ROBUSTNESS_TEXT_PRESET = "robustness_text_preset"
ROBUSTNESS_TEXT_EPSILONS = "robustness_text_epsilons"
ROBUSTNESS_JUDGE = "robustness_judge"
ROBUSTNESS_LOSS = "robustness_loss"
ROBUSTNESS_DRAWS = "robustness_draws"
ROBUSTNESS_SURROGATE = "robustness_surrogate"
ROBUSTNESS_AT = "robustness_at"  # the epsilon that cards and pictures show
ROBUSTNESS_FACTOR = "robustness_factor"
ROBUSTNESS_CURVE = "accuracy_epsilon"  # the figure whose points choose the epsilon
ROBUSTNESS_EXAMPLES = "robustness_examples"  # which examples are shown
ROBUSTNESS_CLASSES = "robustness_classes"  # whose classes are shown
ROBUSTNESS_RAW = "robustness_raw"
ROBUSTNESS_TAB = "robustness_tab"
ROBUSTNESS_EXPLAINED = "robustness_explained"  # a text was chosen to be explained
CORRUPTION_MODEL = "corruption_model"
CORRUPTION_NAMES = "corruption_names"
CORRUPTION_TEXT_NAMES = "corruption_text_names"
CORRUPTION_SEVERITIES = "corruption_severities"

# Is it fit?
ASSESS_PRESET = "assess_preset"
ASSESS_EPSILON = "assess_epsilon"
ASSESS_SWAPS = "assess_swaps"
ASSESS_JUDGE = "assess_judge"
ASSESS_WORD_SHARE = "assess_word_share"
ASSESS_MORE = "assess_more"
ASSESS_START = "assess_start"
ASSESS_FROM = "assess_from"  # the set of requirements to start from
ASSESS_FILE = "assess_file"
ASSESS_FILE_ERROR = "assess_file_error"
ASSESS_DOWNLOAD = "assess_download"
ASSESS_WORDS = "assess_words"  # use, set_by and norm of the file
ASSESS_TAB = "assess_tab"
ASSESS_OF = "assess_of"  # of several candidates, the one whose requirements are shown
ASSESS_RESTORED = "assess_restored"

# Compare
COMPARE_RUNS = "compare_runs"
COMPARE_AT = "compare_at"
COMPARE_TAB = "compare_tab"

# Overview
OVERVIEW_DEMO = "overview_demo"

# Fine-tune
FINE_TUNE_MODEL = "fine_tune_model"
FINE_TUNE_DATASET = "fine_tune_dataset"
FINE_TUNE_RECIPE = "fine_tune_recipe"
FINE_TUNE_METHOD = "fine_tune_method"
FINE_TUNE_PROMPT = "fine_tune_prompt"
FINE_TUNE_EPOCHS = "fine_tune_epochs"
FINE_TUNE_RATE = "fine_tune_rate"
FINE_TUNE_AUGMENTATION = "fine_tune_augmentation"
FINE_TUNE_HAS_SOURCE = "fine_tune_has_source"
FINE_TUNE_SOURCE = "fine_tune_source"
FINE_TUNE_KEPT_BY = "fine_tune_kept_by"
FINE_TUNE_WEIGHT = "fine_tune_weight"
FINE_TUNE_SCRATCH = "fine_tune_scratch"
FINE_TUNE_START = "fine_tune_start"
FINE_TUNE_GO_ON = "fine_tune_go_on"
FINE_TUNE_BEHIND = "behind"  # address: the earlier trainings behind the curves

# λ
SWEEP_MODEL = "sweep_model"
SWEEP_DATASET = "sweep_dataset"
SWEEP_SOURCE = "sweep_source"
SWEEP_PROXY = "sweep_proxy"
SWEEP_LAMBDAS = "sweep_lambdas"
SWEEP_SEEDS = "sweep_seeds"
SWEEP_EPOCHS = "sweep_epochs"
SWEEP_PART = "sweep_part"
SWEEP_START = "sweep_start"
SWEEP_USE = "sweep_use"  # the training whose model is used
SWEEP_RIGHT = "sweep_right"  # the axes that are set against each other
SWEEP_UP = "sweep_up"

# Learning curve
CURVE_MODELS = "learning_curve_models"
CURVE_DATASET = "learning_curve_dataset"
CURVE_SIZES = "learning_curve_sizes"
CURVE_SEEDS = "learning_curve_seeds"
CURVE_EPOCHS = "learning_curve_epochs"
CURVE_METHOD = "learning_curve_method"
CURVE_SCRATCH = "learning_curve_scratch"
CURVE_PART = "learning_curve_part"
CURVE_START = "learning_curve_start"
CURVE_USE = "learning_curve_use"  # the training whose model is used

# Explain: those of the settings stand in the address
EXPLAIN_METHODS = "explain_methods"
EXPLAIN_TARGET = "explain_target"
EXPLAIN_TRUE = "explain_true"  # address only: the true class of the picture, where a link knows it
EXPLAIN_BACKGROUND = "explain_background"
EXPLAIN_EVALUATIONS = "explain_evaluations"
EXPLAIN_SEGMENTS = "explain_segments"
EXPLAIN_TOLERANCE = "explain_tolerance"
EXPLAIN_PRECISION = "explain_precision"
EXPLAIN_ATTACK = "explain_attack"  # whether the smallest breaking epsilon is looked for
EXPLAIN_ROWS = "explain_rows"  # whether methods or backbones stand side by side
EXPLAIN_CLASSES = "explain_classes"  # names of the classes that the backbones predicted
EXPLAIN_MORE = "explain_more"  # maps that are asked for again with more evaluations
EXPLAIN_EVIDENCE = "explain_evidence"  # maps whose evidence is asked for
EXPLAIN_EVIDENCE_OF = "explain_evidence_of"  # the map whose evidence is shown
EXPLAIN_AGREEMENT = "explain_agreement"  # between methods, or between backbones
EXPLAIN_AGREEMENT_OF = "explain_agreement_of"  # of which backbone, or method
EXPLAIN_DRIFT = "explain_drift"  # the method whose maps are followed under attack
EXPLAIN_DRIFT_AT = "explain_drift_at"  # the epsilon shown
EXPLAIN_REPORT = "explain_report"
EXPLAIN_KIND = "explain_kind"  # a picture, or a text
TEXT_MODELS = "text_models"
EXPLAIN_TEXT = "explain_text"
EXPLAIN_HIDDEN = "explain_hidden"  # address only: numbers of the words that are hidden
EXPLAIN_TEXT_SAMPLE = "explain_text_sample"
EXPLAIN_TEXT_METHODS = "explain_text_methods"
EXPLAIN_TEXT_TARGET = "explain_text_target"
EXPLAIN_TEXT_CLASSES = "explain_text_classes"  # that the backbones know
EXPLAIN_TEXT_BACKGROUND = "explain_text_background"
EXPLAIN_TEXT_EVALUATIONS = "explain_text_evaluations"
EXPLAIN_TEXT_EVIDENCE = "explain_text_evidence"

# Explanation quality
EXPLANATION_METHODS = "explanation_methods"
EXPLANATION_TARGET = "explanation_target"
EXPLANATION_EVALUATIONS = "explanation_evaluations"
EXPLANATION_EVIDENCE = "explanation_evidence"
EXPLANATION_METRIC = "explanation_metric"

# Data
DATA_LOOK = "data_look"
DATA_PAGE = "data_page"
DATA_RESTORED = "data_restored"

# Models
SHELF_MODEL = "shelf_model"  # the model of which more is shown
SHELF_TABLE = "shelf_table"
SHELF_REFERENCE = "shelf_reference"
SHELF_WAY = "shelf_way"  # by name, from this machine, or uploaded
SHELF_PATH = "shelf_path"
SHELF_INSIDE = "shelf_inside"  # what lies in the folder of that path
SHELF_WEIGHTS = "shelf_weights"
SHELF_PICTURE = "shelf_picture"  # of the trial
SHELF_DOWNLOAD = "shelf_download"
SHELF_NAME = "shelf_name"
SHELF_LABELS = "shelf_labels"
SHELF_TRUST = "shelf_trust"
SHELF_ADD = "shelf_add"
SHELF_REMOVE = "shelf_remove"
SHELF_ARCHITECTURE = "shelf_architecture"  # of weights that were brought
SHELF_AGAIN = "shelf_again"
SHELF_OPTIONS = "shelf_options"  # of the architecture of weights that were brought
SHELF_FORMAT = "shelf_format"  # of an export
SHELF_EXPORT = "shelf_export"
SHELF_EXPORTED = "shelf_exported"  # what was asked to be written
SHELF_EXPORT_FILE = "shelf_export_file"
# What the form of a model holds, and loses once that is added.
SHELF_FORM = (
    SHELF_REFERENCE,
    SHELF_ARCHITECTURE,
    SHELF_OPTIONS,
    SHELF_PATH,
    SHELF_NAME,
    SHELF_LABELS,
    SHELF_TRUST,
)

# Runs
RUNS_TABLE = "runs_table"
RUNS_TASK = "runs_task"
RUNS_TAGS = "runs_tags"
RUNS_OWNERS = "runs_owners"
RUNS_GIVEN_TAGS = "runs_given_tags"
RUNS_TAG_SEVERAL = "runs_tag_several"
RUNS_SAVE = "runs_save"
RUNS_AGAIN = "runs_again"
RUNS_STATUS = "runs_status"
RUNS_DELETE = "runs_delete"
RUNS_DELETE_SEVERAL = "runs_delete_several"
RUNS_DELETE_UNREADABLE = "runs_delete_unreadable"
RUNS_PAGE = "runs_page"
RUNS_SEARCH = "runs_search"
RUNS_SHELF = "runs_shelf"  # the runs, or what was uploaded
UPLOADS_TABLE = "uploads_table"
UPLOADS_DELETE = "uploads_delete"
UPLOADS_DELETE_UNUSED = "uploads_delete_unused"

_SHOWN, _ARRIVED = "page_shown", "page_arrived"
_PENDING = "address_pending"  # parameters that are not in the address yet


def read_address(key: str, default: list[str], most: int = 1) -> None:
    """Set a picker's value before it is shown: from the address where a link has changed that.

    Streamlit's own binding writes the *shown* text of an option into the address and leaves the
    default out, so that a link would change its meaning with a title or a default. A value that
    nobody chose gives way where the default is another one: on another page, for other models.

    Args:
        key: The picker's key and the parameter's name.
        default: The value at first.
        most: How many values the picker takes; 1 sets a single value, not a list.
    """
    values = st.query_params.get_all(key)[:most]
    remembered = st.session_state.get(f"{key}_in_address")
    if values and values == st.session_state.get(f"{key}_outdated"):
        values = remembered  # the page began anew before the address was written
    if st.session_state.pop(f"{key}_restored", False):
        st.session_state[f"{key}_usual"] = default
        put(key, remembered or default, most)
        return
    was_usual = st.session_state.get(f"{key}_usual") == remembered is not None
    st.session_state[f"{key}_usual"] = default
    shown = st.session_state.get(key, remembered)
    is_named = bool(values) and (has_arrived() or values != remembered)
    is_untouched = was_usual and remembered in (shown, [shown]) and not is_named
    has_changed = (
        values != remembered if values else remembered != []
    )  # no value: another page's link
    if is_untouched:
        put(key, default, most)
    elif has_changed or has_arrived() or key not in st.session_state:  # a page has own pickers
        put(key, values or remembered or default, most)


def restore(key: str, values: list[str]) -> None:
    """Have a picker show these values, whatever the address says; call it before the picker."""
    st.session_state[f"{key}_in_address"] = values
    st.session_state[f"{key}_restored"] = True
    st.session_state[f"{key}_outdated"] = st.query_params.get_all(key)
    link.agree(key, *values)  # they are of a run of this store, or were brought just now


def put(key: str, values: Sequence[str], most: int = 1) -> None:
    """Set a picker's value before it is shown: the first values, where it takes fewer."""
    st.session_state[key] = list(values)[:most] if most > 1 else next(iter(values), None)


def write_address(key: str, values: list[str]) -> None:
    """Put a widget's value into the address, at the end of the page; call it after the widget."""
    st.session_state.setdefault(_PENDING, {})[key] = values


def selected(key: str) -> list[str]:
    """Return what is chosen on every page under a shared key, as the address last named it."""
    found = st.session_state.get(f"{key}_in_address")
    return list(found or ())


def address() -> dict[str, list[str]]:
    """Return the page's parameters, with those that its widgets have just said."""
    found = link.named() | st.session_state.get(_PENDING, {})
    return {name: values for name, values in found.items() if values}


def arrive(page: str) -> None:
    """Note which page is shown, and at first what the address names; call it before the page."""
    link.note()
    st.session_state[_ARRIVED] = st.session_state.get(_SHOWN) != page
    st.session_state[_SHOWN] = page
    st.session_state.pop(_PENDING, None)  # of a page that was left before its end


def has_arrived() -> bool:
    """Tell whether another page was shown before."""
    return bool(st.session_state.get(_ARRIVED))


def flush_address() -> None:
    """Write what the widgets said, all at once.

    Also where nothing changed: the browser may have shown the address of a page that was left.
    """
    wanted = address()
    for key, values in st.session_state.pop(_PENDING, {}).items():
        st.session_state[f"{key}_in_address"] = values  # not before: the page may begin anew
        st.session_state.pop(f"{key}_outdated", None)
    st.query_params.from_dict(wanted)


def theme() -> Literal["light", "dark"]:
    """Return the colour scheme that the visitor's browser shows, for the plots."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chosen_run_id() -> str | None:
    """Return the run id that the address names, unchecked; None when it names none."""
    return st.query_params.get(RUN) or None


def chosen_run_ids() -> list[str]:
    """Return all run ids that the address names, unchecked, each once."""
    return list(dict.fromkeys(name for name in st.query_params.get_all(RUN) if name))


def of_page(page: str, name: str) -> str:
    """Return a key of a page that other pages have too: `accuracy_start`."""
    return f"{page}_{name}"


def page_file(name: str) -> str:
    """Return what `st.page_link` and `st.switch_page` take for a page of `Home.PAGES`."""
    return f"app_pages/{name}.py"
