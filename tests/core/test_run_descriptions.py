"""What its owner says of a run: names, notes, tags; and the main number in its row."""

import json
import os
import sqlite3

import pytest
from made_results import accuracy_result, robustness_result

from usable_core import cli, jobs
from usable_core.catalog.titles import model_title
from usable_core.errors import ConfigError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.runs import RunStore
from usable_core.runs.database import forget
from usable_core.runs.description import split_tags
from usable_core.runs.run import RunHead, Status, Wanted
from usable_core.runs.trained import titles_of
from usable_core.tasks import in_short


@pytest.fixture
def store():
    return RunStore()


def asked(store, seed=0):
    return store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits", seed=seed)))


def measured(store, result):
    run = store.create(result.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return store.get(run.id)


def test_a_run_has_its_title_until_it_is_named_and_again_when_the_name_is_taken_back(store):
    run = asked(store)
    assert run.called == run.title == "Accuracy of VGG on Digits"

    named = store.describe(run.id, name="  The\n best ", note="Why?\n", tags=["A", "b c", "a", " "])

    assert (named.called, named.note, named.tags) == ("The best", "Why?", ("A", "b c"))
    assert store.describe(run.id, note="More").tags == ("A", "b c")  # what is not said stays
    bare = store.describe(run.id, name="", note="", tags=())
    assert (bare.called, bare.name, bare.note, bare.tags) == (run.title, None, None, ())


def test_a_list_that_is_remembered_shows_a_new_name_at_once(store):
    run = asked(store)
    store.fail(run.id, "Broken.")
    assert [one.called for one in store.list()] == [run.title]

    store.describe(run.id, name="Renamed", tags=["x"])

    assert [(one.called, one.tags) for one in store.list()] == [("Renamed", ("x",))]


def test_tags_are_found_whole_and_words_in_names_notes_and_tags(store):
    ids = [asked(store, seed).id for seed in range(3)]
    store.describe(ids[0], tags=["final", "to print"], name="Alpha")
    store.describe(ids[1], tags=["final_2", "final"], note="for the bureau")
    store.describe(ids[2], tags=["finally", "100%"])

    def found(search="", *tags):
        return {run.id for run in store.listing(Wanted(search=search, tags=tags)).runs}

    assert found("", "final") == {ids[0], ids[1]}
    assert found("", "FINAL", "To Print") == {ids[0]}
    assert found("", "fin") == found("", "print") == set()
    assert found("", "100%") == {ids[2]}
    assert found("alpha") == found("to print") == {ids[0]}
    assert found("bureau vgg") == {ids[1]}
    assert store.tags()[0] == "final"


@pytest.mark.parametrize(
    "said", [{"name": "x" * 121}, {"tags": ["y" * 41]}, {"tags": [f"t{k}" for k in range(21)]}]
)
def test_what_is_too_long_is_refused_and_changes_nothing(store, said):
    run = store.describe(asked(store).id, name="Before", tags=["old"])

    with pytest.raises(ConfigError, match="at most"):
        store.describe(run.id, **said)

    assert (store.get(run.id).name, store.get(run.id).tags) == ("Before", ("old",))


def test_tags_of_a_line_are_parted_by_commas():
    assert split_tags(" a b ,c,, A B") == ("a b", "c")


def test_a_table_without_these_columns_is_completed_and_its_runs_read(store):
    run = asked(store)
    path = store.home / "runs.sqlite"
    forget()
    connection = sqlite3.connect(path)
    for column in ("name", "note", "tags", "result"):
        connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
    connection.commit()
    connection.close()

    older = RunStore()

    assert older.get(run.id).called == run.title
    assert older.describe(run.id, tags=["new"]).tags == ("new",)


def test_an_answer_stands_in_its_row(store):
    accuracy = measured(store, accuracy_result([0, 1, 2, 1], [0, 1, 2, 2]))
    clean, broken = [0, 0, 1, 0], [0, 1, 1, 0]
    result = robustness_result([0, 0, 1, 1], clean, [clean, broken], epsilons=(0.0, 8 / 255))
    attacked = measured(store, result)

    assert accuracy.result == "75.0 %"
    assert attacked.result.removeprefix("at most ") == "50.0 % at ε = 8/255"
    assert [run.result for run in store.listing().runs] == [attacked.result, "75.0 %"]


def test_the_main_number_of_other_kinds():
    verdicts = [{"verdict": "fit"}, {"verdict": "not fit"}, {"verdict": "not fit"}]

    assert in_short("assess", {"models": verdicts}) == "1 fit, 2 not fit"
    assert in_short("assess", {"models": verdicts[:1]}) == "fit"
    assert in_short("finetune", {"last_epoch": {"validation_accuracy": 0.9721}}) == "97.2 %"
    assert in_short("finetune", {"last_epoch": {}}) is None
    assert in_short("corruption", {"mean_corruption_accuracy": {"value": 0.5}}) == "50.0 %"
    methods = [
        {"method": "lime", "deletion_gain": None},
        {"method": "saliency", "deletion_gain": 0},
    ]
    assert in_short("explanation", {"methods": methods}).endswith(" gains 0.00")
    timed = {"batch": 1, "latency_p95": {"value": 0.01234}, "forward_p95": {"value": 0.01}}
    assert in_short("cost", {"batches": [{"batch": 8}, timed]}) == "12.3 ms (p95)"
    del timed["latency_p95"]  # no data were named
    assert in_short("cost", {"batches": [timed]}) == "10 ms (p95)"
    assert in_short("accuracy", {"another": "version"}) is None
    assert in_short("demo", {}) is None


def training(run_id, model, data="digits", **said):
    config = FineTuningConfig(ModelSpec(model), DatasetSpec(data))
    head = {"task": "finetune", "title": "…", "status": Status.DONE, "created": None}
    about = {"model_name": config.model.reference, "data_name": data}
    return RunHead(id=run_id, **head, **about, **said)


def test_trained_models_are_called_by_backbone_and_data_each_otherwise():
    runs = [
        training("a", "bundled/resnet"),
        training("b", "bundled/resnet"),
        training("c", "torchvision/resnet50", "/data/team/cats.zip"),
        training("d", "run/a"),
        training("e", "bundled/vgg", name="Mine"),
        training("f", "bundled/vgg", name="Mine"),
        training("g", "bundled/resnet", answered_by="a"),
    ]
    expected = {
        "run/a": "ResNet · Digits",
        "run/b": "ResNet · Digits 2",
        "run/c": "resnet50 · cats.zip",
        "run/d": "ResNet · Digits · Digits",
        "run/e": "Mine",
        "run/f": "Mine 2",
    }

    assert titles_of(runs[::-1]) == titles_of(runs) == expected


def test_a_run_is_asked_again_under_its_name(store, monkeypatch):
    monkeypatch.setattr(jobs, "_spawn", lambda *_, **__: None)
    run = store.describe(asked(store).id, name="Mine", tags=["x"], note="why")

    new = store.get(jobs.again(run.id))

    assert new.id != run.id
    assert (new.config, new.name, new.tags, new.note) == (run.config, "Mine", ("x",), "why")


def test_the_command_names_tags_and_finds(store, capsys):
    run = asked(store)
    asked(store, 1)

    assert cli.main(["runs", "edit", run.id, "--name", "Mine", "--tag", "a b", "--tag", "c"]) == 0
    assert cli.main(["runs", "edit", run.id, "--untag", "C", "--tag", "d"]) == 0
    capsys.readouterr()
    assert cli.main(["runs", "list", "--tag", "A b", "--json", "-"]) == 0

    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert (found["id"], found["name"], found["tags"]) == (run.id, "Mine", ["a b", "d"])
    assert cli.main(["runs", "list", "--tag", "a b"]) == 0
    assert "Mine  #a b  #d" in capsys.readouterr().out
    assert cli.main(["runs", "edit", run.id]) == 2
    assert cli.main(["runs", "edit", "nope", "--name", "x"]) == 2


@pytest.mark.parametrize(
    ("reference", "title"),
    [
        ("bundled/vgg", "VGG"),
        ("timm/resnet50.a1_in1k", "resnet50.a1_in1k"),
        ("torchvision/resnet50@IMAGENET1K_V2", "resnet50@IMAGENET1K_V2"),
        ("file//data/team/net.pt2", "net"),
        ("onnx//data/team/Our net.onnx", "Our net"),
        ("keras//data/net.keras", "net"),
        ("keras/MobileNetV2", "MobileNetV2"),
        ("shelf/Ours, second try", "Ours, second try"),
        ("run/0wi1mmwjoxn62", "run/0wi1mmwjoxn62"),
        ("mine", "mine"),
    ],
)
def test_models_are_called_by_names_and_not_by_paths(reference, title):
    assert model_title(reference) == title
