"""The first minute of a stranger: an empty store, an untouched form, its main button."""

import pytest

from dashboard.Home import PAGES
from usable_core.datasets import load_dataset
from usable_core.measuring.label_matching import target_indices
from usable_core.models import load_model
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import AssessmentConfig

TRAINING = ("sweep", "learning_curve")  # whose model need not know the classes of the data
MEASURING = [name for name in PAGES if name in TASKS and name not in TRAINING]


def test_every_kind_that_a_page_measures_is_tried_here():
    assert {"accuracy", "robustness", "corruption", "explanation"} <= set(MEASURING)


@pytest.mark.parametrize("page", MEASURING)
@pytest.mark.parametrize("before", [None, "explain", "fine_tune"])
def test_the_untouched_form_asks_what_can_be_measured_without_a_network(
    open_page, started, page, before
):
    app = open_page(before or page)
    if before is not None:  # whose default models are not this page's choice
        app.query_params.clear()
        app.switch_page(f"app_pages/{page}.py").run()

    app.button(key=f"{page}_start").click().run()

    assert not app.exception
    assert not [warning for warning in app.warning if "does not fit" in warning.value]
    (asked,) = started
    (spec,) = asked.models if isinstance(asked, AssessmentConfig) else (asked.model,)
    model, data = load_model(spec), load_dataset(asked.dataset.reference)
    assert len(target_indices(model, data)) == len(data.labels)


def test_the_untouched_fine_tuning_form_starts(open_page, started):
    app = open_page("fine_tune")

    app.button(key="fine_tune_start").click().run()

    assert [asked.dataset.reference for asked in started] == ["digits"]
