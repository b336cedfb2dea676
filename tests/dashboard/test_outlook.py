"""Before a training: what is known of backbones on its task, and the curve of a rate finder."""

import numpy as np
import pandas as pd
import pytest
from made_results import provenance
from shown import figures, texts

from usable_core.evaluations.rate import RateConfig, RateResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.transferability import (
    LIMIT,
    TransferabilityConfig,
    TransferabilityResult,
)

TASK = DatasetSpec("digits", limit=LIMIT)


def answered(store, result):
    run = store.create(result.config)
    store.start(run.id, 1)
    store.finish(run.id, result)
    return run.id


def hint(model, right):
    """An answer of 100 examples of which probe and neighbours are right about `right`."""
    label = np.zeros(100, dtype=int)
    said = (np.arange(100) >= right).astype(int)
    records = pd.DataFrame(
        {
            "index": np.arange(100),
            "id": [str(i) for i in range(100)],
            "label": label,
            "fold": np.arange(100) % 10,
            "neighbour": said,
            "probe": said,
        }
    )
    config = TransferabilityConfig(ModelSpec(model), TASK)
    without = tuple(0.1 + 0.01 * np.arange(10))
    return TransferabilityResult(config, provenance(model), records, 0.15, without, 5, 64)


def test_known_hints_stand_beside_each_other_the_best_first(open_page, store):
    answered(store, hint("bundled/vgg", 60))
    answered(store, hint("bundled/resnet", 90))

    app = open_page("fine_tune", fine_tune_dataset="digits")

    table = app.dataframe[0].value
    assert list(table["backbone"]) == ["ResNet", "VGG"]
    assert table["Linear probe"][0].startswith("90.0 % (")
    assert table["LogME"][0].startswith("0.15 (")
    assert "outlook_ask" not in [button.key for button in app.button]  # of ResNet it is known


def test_the_chosen_backbone_is_asked_on_the_data_of_the_form(open_page, started, store):
    answered(store, hint("bundled/vgg", 60))
    app = open_page("fine_tune", fine_tune_model="bundled/vit", fine_tune_dataset="digits")

    app.button(key="outlook_ask").click().run()

    assert started == [TransferabilityConfig(ModelSpec("bundled/vit"), TASK)]
    assert not app.exception
    assert "Transferability" in texts(app)  # its progress


@pytest.mark.parametrize("fall", [2.0, 0.0])
def test_the_curve_of_a_rate_finder_is_shown_with_what_it_suggests(open_page, store, fall):
    losses = 3 - fall * np.linspace(0, 1, 100)
    steps = np.arange(1, 101)
    columns = {"step": steps, "rate": np.geomspace(1e-6, 1, 100), "loss": losses}
    records = pd.DataFrame({**columns, "smoothed": losses})
    config = RateConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits"))
    run = answered(store, RateResult(config, provenance(), records, 0.05, "sgd", ran_away=False))

    app = open_page("fine_tune", run=run)

    said = "Take a learning rate of" if fall else "The curve shows nothing"
    assert said in texts(app)
    assert "smoothed" in [trace.get("name") for trace in figures(app)[0]["data"]]
    assert app.selectbox(key="fine_tune_model").value == "bundled/vgg"


def test_hints_are_compared_example_by_example(open_page, store):
    runs = [answered(store, hint("bundled/vgg", 60)), answered(store, hint("bundled/resnet", 90))]

    app = open_page("compare", run=runs)

    assert "ResNet is better than VGG" in texts(app)
    assert "The best in accuracy of" in texts(app)
    assert "Compared at" in [one.label for one in app.select_slider]
    assert {"Linear probe", "LogME"} <= set(app.dataframe[-1].value["metric"])
