"""The page Cost: what it asks, its sentence and chart, and that machines stay apart."""

import os
from dataclasses import replace

import pandas as pd
from shown import figures, texts

from usable_core.evaluations.cost import CostConfig, CostResult, Facts
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance

MODEL = "bundled/vgg_digits"
HERE = Machine("aaaaaaaa", "A processor", 2, 2, 2, "A processor", "Linux", 0.1, 0.0)


def result(model=MODEL, data="digits", machine=HERE, milliseconds=10.0):
    rows = [
        {"batch": batch, "place": k, "decode": 0.001 * batch, "preprocess": 0.001 * batch}
        | {"forward": (milliseconds + k / 100) * (1 + batch / 4) / 1000}
        for batch in (1, 16)
        for k in range(100)
    ]
    records = pd.DataFrame(rows)
    if data is None:
        records[["decode", "preprocess"]] = float("nan")
    facts = Facts(
        parameters=662_914,
        macs=24_559_104.0,
        file_size=2_660_000,
        file_size_of="file",
        memory={"1": 2.9e6, "16": 6.1e6},
        memory_by="counting tensors",
        energy=float("nan"),
        energy_by="not measured: there is no meter",
        picture=(8, 8) if data else None,
    )
    source = Provenance(model, "f", data or "no pictures", "abc", "test", ("0", "1"))
    spec = DatasetSpec(data) if data else None
    return CostResult(CostConfig(ModelSpec(model), spec), source, machine, facts, records)


def done(store, found):
    run = store.create(found.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, found)
    return run.id


def test_it_asks_with_the_batch_sizes_that_were_chosen(open_page, started):
    app = open_page("cost")
    app.multiselect(key="cost_batches").set_value([32, 8]).run()
    app.button(key="cost_start").click().run()

    (asked,) = started
    assert asked == CostConfig(ModelSpec(MODEL), DatasetSpec("digits"), (8, 32))


def test_models_are_measured_on_data_whose_classes_they_do_not_know(open_page, started):
    app = open_page("cost", models="bundled/resnet", data="digits")
    app.button(key="cost_start").click().run()

    assert [asked.model.reference for asked in started] == ["bundled/resnet"]
    assert not [w for w in app.warning if "does not fit" in w.value]


def test_a_sentence_a_chart_and_every_number_in_its_unit(open_page, store):
    runs = [done(store, result()), done(store, result("bundled/vgg", milliseconds=20.0))]
    app = open_page("cost", run=runs)

    said = texts(app)
    assert not app.exception
    assert "answers one picture in 15.1 ms" in said  # (10 + 0.49) × 1.25 + 1 + 1
    assert "24.6 M multiply" in said.replace("\\", "")
    chart = figures(app)[0]
    assert {row for trace in chart["data"] for row in trace["y"]} == {
        "VGG · digits, batch 1",
        "VGG · digits, batch 16",
        "VGG, batch 1",
        "VGG, batch 16",
    }
    table = next(t.value for t in app.dataframe if "metric" in t.value)
    cells = dict(zip(table["metric"] + " " + table["of"], table.iloc[:, 2], strict=True))
    assert cells["Parameters "] == "663 k"
    assert cells["Size of the weights "] == "2.66 MB"
    assert cells["Latency, median batch 1"].startswith("15.1 ms (")
    assert cells["Energy of an example "] == "–"


def test_times_of_two_machines_share_no_figure_and_that_is_said(open_page, store):
    elsewhere = result("bundled/vgg", machine=replace(HERE, mark="bbbbbbbb"))
    app = open_page("cost", run=[done(store, result()), done(store, elsewhere)])

    assert "1 run, measured otherwise, is left out" in texts(app)
    rows = {row for trace in figures(app)[0]["data"] for row in trace["y"]}
    assert rows == {"VGG · digits, batch 1", "VGG · digits, batch 16"}


def test_a_busy_machine_is_said_before_the_numbers(open_page, store):
    busy = replace(HERE, others=1.7)
    found = result(machine=busy)
    found = replace(found, provenance=replace(found.provenance, warnings=found.doubts))
    app = open_page("cost", run=done(store, found))

    assert any("The machine was busy" in w.value for w in app.warning)


def test_an_answer_without_data_opens_too(open_page, store):
    app = open_page("cost", run=done(store, result(data=None)))

    assert not app.exception
    assert "passes one picture forward in" in texts(app)
    assert not open_page("accuracy").exception  # whose pickers look at all runs
