"""An evidence file in MLflow and TensorBoard: each number of the right candidate, by its name."""

import json
import sys
from types import SimpleNamespace

import pytest
from made_evidence import HOSTILE, assessed, flipped

from usable_core import cli
from usable_core.errors import ConfigError, StorageError
from usable_core.verdict_files.exporting import to_mlflow, to_tensorboard


class Mlflow:
    """What `MlflowClient` is asked, remembered; it refuses what MLflow refuses."""

    def __init__(self, experiments=()):
        self.experiments, self.runs, self.artifacts = list(experiments), {}, []

    def MlflowClient(self, tracking_uri):  # noqa: N802
        self.uri = tracking_uri
        return self

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id=name) if name in self.experiments else None

    def create_experiment(self, name):
        self.experiments.append(name)
        return name

    def create_run(self, experiment, run_name):
        assert experiment in self.experiments
        self.runs[run_name] = {"metrics": {}, "params": {}, "tags": {}, "ended": False}
        return SimpleNamespace(info=SimpleNamespace(run_id=run_name))

    def log_batch(self, run, metrics=(), params=(), tags=()):
        assert len(metrics) <= 1000
        assert len(params) <= 100
        for kind, pairs in (("metrics", metrics), ("params", params), ("tags", tags)):
            self.runs[run][kind] |= {pair[0]: pair[1] for pair in pairs}

    def log_artifact(self, run, path):
        self.artifacts.append((run, path.rpartition("/")[2]))

    def set_terminated(self, run):
        self.runs[run]["ended"] = True


@pytest.fixture
def mlflow(monkeypatch):
    double = Mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", double)
    kinds = {name: lambda *values: values for name in ("Metric", "Param", "RunTag")}
    monkeypatch.setitem(sys.modules, "mlflow.entities", SimpleNamespace(**kinds))
    return double


@pytest.fixture
def made(tmp_path):
    assessed(tmp_path).save(tmp_path / "evidence")
    return tmp_path / "evidence"


def summary(folder):
    return json.loads((folder / "verdict.json").read_text(encoding="utf-8"))["summary"]


def test_each_candidate_is_a_run_of_mlflow_with_its_own_numbers(made, mlflow):
    """Of 100 pictures 3 and 60 are wrong, see `assessed`."""
    assert to_mlflow(made, "http://localhost:1") == ["net 0", "net 1"]
    assert mlflow.uri == "http://localhost:1"
    for place, (name, right) in enumerate({"net 0": 0.97, "net 1": 0.4}.items()):
        run, said = mlflow.runs[name], summary(made)["models"][place]
        assert run["metrics"]["accuracy/accuracy"] == pytest.approx(right)
        assert run["metrics"]["robustness/robust_accuracy at 4_255"] == pytest.approx(right)
        ends = [run["metrics"][f"accuracy/accuracy {end}"] for end in ("low", "high")]
        assert ends[0] < right < ends[1]
        outcomes = [row["outcome"] for row in said["requirements"]]
        assert run["metrics"]["requirements/not met"] == outcomes.count("not met")
        assert run["tags"]["usable.verdict"] == said["verdict"]
        assert run["params"]["require.01"] == "accuracy >= 70 %"
        assert run["params"]["model"] == "timm/x"
        assert run["ended"]
    chain = json.loads((made / "verdict.json").read_text(encoding="utf-8"))["chain"]
    assert mlflow.runs["net 0"]["tags"]["usable.evidence"] == chain[-1]["linked"]
    assert mlflow.artifacts == [("net 0", "verdict.html"), ("net 1", "verdict.html")]
    to_mlflow(made, experiment="usable")  # the same experiment again
    assert mlflow.experiments == ["usable"]


def test_names_hold_no_sign_that_a_tool_refuses(tmp_path, mlflow):
    assessed(tmp_path, use=HOSTILE * 50, name=HOSTILE).save(tmp_path / "out")
    to_mlflow(tmp_path / "out")
    for run in mlflow.runs.values():
        assert all(set('<>|`"=\n()').isdisjoint(name) for name in run["metrics"])
        assert all(len(value) <= 500 for value in run["params"].values())


def test_evidence_that_does_not_verify_is_not_passed_on(made, mlflow, tmp_path):
    flipped(made / "usable.toml", 3, 0)
    for export in (lambda: to_mlflow(made), lambda: to_tensorboard(made, tmp_path / "logs")):
        with pytest.raises(StorageError, match="does not verify"):
            export()
    assert mlflow.runs == {}
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("words", [["mlflow"], ["tensorboard", "--out", "logs"]])
def test_an_extra_that_is_not_installed_is_one_sentence(made, monkeypatch, capsys, words):
    for module in ("mlflow", "tensorboard", "tensorboard.summary"):
        monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["export", words[0], str(made), *words[1:]]) == 2
    said = capsys.readouterr().err
    assert f'pip install "usable[{words[0]}]"' in said
    assert said.count("\n") == 1


def test_what_mlflow_refuses_is_one_sentence(made, mlflow, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no such server\nat all")

    monkeypatch.setattr(mlflow, "get_experiment_by_name", refuse, raising=False)
    with pytest.raises(ConfigError, match=r"^mlflow refuses: no such server.*\.$") as caught:
        to_mlflow(made)
    assert "\n" not in str(caught.value)


def test_scalars_of_tensorboard_are_read_back(made, tmp_path, capsys):
    """By TensorBoard's own reader."""
    reading = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs the extra: pip install 'usable[tensorboard]'",
    )
    logs = tmp_path / "logs"
    assert cli.main(["export", "tensorboard", str(made), "--out", str(logs)]) == 0
    for name, right in (("net 0", 0.97), ("net 1", 0.4)):
        found = reading.EventAccumulator(str(logs / name)).Reload()
        tensor = found.Tensors("accuracy/accuracy")[0].tensor_proto
        assert tensor.float_val[0] == pytest.approx(right)
    assert cli.main(["export", "tensorboard", str(made), "--out", str(logs)]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.reference
def test_mlflow_itself_takes_and_gives_back_the_runs(made, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra: pip install 'usable[mlflow]'")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.create_experiment("mine", artifact_location=(tmp_path / "artifacts").as_uri())
    names = {"net 0": 0.97, "net 1": 0.4}
    for run, (name, right) in zip(to_mlflow(made, uri, "mine"), names.items(), strict=True):
        found = client.get_run(run)
        assert found.info.run_name == name
        assert found.info.status == "FINISHED"
        assert found.data.metrics["accuracy/accuracy"] == pytest.approx(right)
        (artifact,) = (tmp_path / "artifacts" / run / "artifacts").iterdir()
        assert artifact.read_bytes() == (made / "verdict.html").read_bytes()
