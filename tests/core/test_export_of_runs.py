"""A run in MLflow, TensorBoard and W&B: its numbers, its epochs, its question, its files."""

import json
import struct
import sys
from types import SimpleNamespace

import pytest
from made_results import accuracy_result

from usable_core import cli
from usable_core.errors import StorageError, UnknownName
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore
from usable_core.verdict_files.exporting import to_mlflow, to_tensorboard, to_wandb
from usable_core.verdict_files.tracked import of_run

sys.path.append(str(__import__("pathlib").Path(__file__).parents[1] / "dashboard"))

import runs_at_hand

EPOCHS = {1: 0.4, 2: 0.7, 3: 0.8}  # of `runs_at_hand`: validation accuracy, 1 - 0.6 / epoch


@pytest.fixture
def store():
    return RunStore()


@pytest.fixture
def trained(store):
    return runs_at_hand.done(store)


@pytest.fixture
def measured(store):
    result = accuracy_result([0, 1, 2, 2] * 5, [0, 1, 2, 1] * 5)
    run = store.create(result.config, owner="ada")
    store.start(run.id, 1)
    store.finish(run.id, result)
    return store.get(run.id)


class Wandb:
    """What `wandb.init` is asked, remembered."""

    def __init__(self):
        self.runs = []
        self.Settings = lambda **settings: settings

    def init(self, *, dir, mode, **asked):
        assert mode == "offline"
        folder = f"{dir}/wandb/offline-run-{len(self.runs)}"
        run = SimpleNamespace(dir=f"{folder}/files", summary={}, history={}, ended=False, **asked)
        run.log = lambda row, step: run.history.__setitem__(step, row)
        run.finish = lambda: setattr(run, "ended", True)
        self.runs.append(run)
        return run


@pytest.fixture
def wandb(monkeypatch):
    double = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", double)
    return double


def test_a_training_is_a_run_of_wandb_with_its_epochs(trained, wandb, tmp_path):
    (folder,) = to_wandb(trained.id, tmp_path / "out", "mine")

    (run,) = wandb.runs
    assert folder == tmp_path / "out" / "wandb" / "offline-run-0"
    assert (run.project, run.name, run.ended) == ("mine", trained.title, True)
    assert {step: row["validation_accuracy"] for step, row in run.history.items()} == pytest.approx(
        EPOCHS
    )
    assert run.config["model.reference"] == "bundled/resnet"
    assert run.config["usable.run"] == trained.id
    files = RunStore().folder(trained.id)
    assert run.config["usable.artifact.model.safetensors"] == str(files / "model.safetensors")


def test_a_measurement_has_both_ends_of_its_intervals(measured, wandb, tmp_path):
    to_wandb(measured.id, tmp_path)

    (run,) = wandb.runs
    said = measured.summary["accuracy"]
    names = {"accuracy": "value", "accuracy low": "low", "accuracy high": "high"}
    assert {name: run.summary[f"accuracy/{name}"] for name in names} == pytest.approx(
        {name: said[end] for name, end in names.items()}
    )
    assert run.config["usable.owner"] == "ada"
    assert not run.history


def test_what_fails_within_wandb_is_one_sentence(measured, wandb, tmp_path, capsys, monkeypatch):
    def refuse(**_):
        raise RuntimeError("no space\nat all")

    monkeypatch.setattr(wandb, "init", refuse)

    assert cli.main(["export", "wandb", measured.id, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "wandb refuses: no space.\n"


def test_a_run_without_an_answer_is_not_passed_on(store, wandb, tmp_path):
    waiting = store.create(AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits")))

    with pytest.raises(StorageError, match="is queued and has no result"):
        to_wandb(waiting.id, tmp_path)
    with pytest.raises(UnknownName):
        to_wandb("0" * 13, tmp_path)
    assert wandb.runs == []


def test_wandb_that_is_not_installed_is_one_sentence(measured, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)

    assert cli.main(["export", "wandb", measured.id, "--out", str(tmp_path)]) == 2
    assert 'pip install "usable[wandb]"' in capsys.readouterr().err


def test_epochs_are_read_back_by_tensorboard(trained, tmp_path):
    reading = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs the extra: pip install 'usable[tensorboard]'",
    )

    (folder,) = to_tensorboard(trained.id, tmp_path / "logs")

    found = reading.EventAccumulator(str(folder)).Reload().Tensors("validation_accuracy")
    assert {one.step: one.tensor_proto.float_val[0] for one in found} == pytest.approx(EPOCHS)


@pytest.mark.reference
def test_mlflow_gives_back_the_epochs_and_the_question(trained, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra: pip install 'usable[mlflow]'")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"

    (run,) = to_mlflow(trained.id, uri)

    client = mlflow.MlflowClient(tracking_uri=uri)
    history = client.get_metric_history(run, "validation_accuracy")
    assert {one.step: one.value for one in history} == pytest.approx(EPOCHS)
    assert client.get_run(run).data.params["model.reference"] == "bundled/resnet"
    assert client.get_run(run).data.tags["usable.run"] == trained.id


def records_of(file):
    """Records of a file of W&B: the log of LevelDB, as its own reader takes it."""
    proto = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data, at, held = file.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while at < len(data):
        if 32768 - at % 32768 < 7:  # the end of a block, too short for a header
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        held += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            record = proto.Record()
            record.ParseFromString(held)
            held = b""
            yield record


@pytest.mark.reference
def test_what_wandb_wrote_is_read_back(trained, tmp_path):
    pytest.importorskip("wandb", reason="needs the extra: pip install 'usable[wandb]'")

    (folder,) = to_wandb(trained.id, tmp_path, "mine")

    (file,) = folder.glob("*.wandb")
    records = list(records_of(file))
    (run,) = [one.run for one in records if one.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name) == ("mine", trained.title)
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["model.reference"] == "bundled/resnet"
    history = {}
    for one in records:
        if one.WhichOneof("record_type") == "history":
            row = {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in one.history.item
            }
            history[int(row["_step"])] = row["validation_accuracy"]
    assert history == pytest.approx(EPOCHS)
    summary = {}
    for one in records:
        if one.WhichOneof("record_type") == "summary":
            summary |= {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in one.summary.update
            }
    wanted = of_run(RunStore(), trained.id).figures
    assert wanted
    assert {name: summary[name] for name in wanted} == pytest.approx(dict(wanted))
