import errno
import json
import os
import pickle
from hashlib import sha256

import pytest
import torch
from safetensors.torch import save_file

from usable_core.errors import CheckpointError, StorageError
from usable_core.models.architectures import small_vit
from usable_core.models.weights.checkpoints import load_weights, read_card, save_model


@pytest.fixture
def network():
    torch.manual_seed(0)
    return small_vit(3).eval()


def weights(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


def unchanged(network, before):
    return all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_what_was_saved_comes_back(network, tmp_path):
    save_model(tmp_path / "new", network, {"title": "ViT", "labels": ("a", "b", "c")})
    other = small_vit(3).eval()
    load_weights(other, tmp_path / "new" / "model.safetensors")
    x = torch.rand(2, 3, 32, 32)

    assert torch.equal(other(x), network(x))
    assert read_card(tmp_path / "new") == {
        "title": "ViT",
        "labels": ["a", "b", "c"],
        "weights_sha256": sha256((tmp_path / "new" / "model.safetensors").read_bytes()).hexdigest(),
    }
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "card.json",
        "model.safetensors",
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s,
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {f"module.{k}": v for k, v in s.items()},
    ],
)
def test_a_pickle_of_weights_is_read(network, tmp_path, wrap):
    torch.save(wrap(weights(network)), tmp_path / "w.pth")
    other = small_vit(3)

    load_weights(other, tmp_path / "w.pth")

    assert unchanged(other, weights(network))


class Planted:
    """Makes a folder when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))])
def test_a_pickle_with_code_is_refused_and_not_run(network, tmp_path, write):
    write({"a": Planted(tmp_path / "ran")}, tmp_path / "evil.pth")
    before = weights(network)

    with pytest.raises(CheckpointError, match="refused and not run"):
        load_weights(network, tmp_path / "evil.pth")

    assert not (tmp_path / "ran").exists()
    assert unchanged(network, before)


def test_the_planted_pickle_would_have_run(tmp_path):
    pickle.loads(pickle.dumps(Planted(tmp_path / "ran")))

    assert (tmp_path / "ran").exists()


def test_a_pickle_named_safetensors_is_refused(network, tmp_path):
    torch.save(weights(network), tmp_path / "w.safetensors")

    with pytest.raises(CheckpointError, match="no complete safetensors file"):
        load_weights(network, tmp_path / "w.safetensors")


def test_the_first_wrong_shape_is_named(network, tmp_path):
    save_file(weights(small_vit(5)), tmp_path / "w.safetensors")
    before = weights(network)

    with pytest.raises(CheckpointError, match=r"head.weight has shape \(5, .* and \(3, "):
        load_weights(network, tmp_path / "w.safetensors")

    assert unchanged(network, before)


def test_missing_and_unexpected_tensors_are_said(network, tmp_path):
    found = weights(network)
    del found["head.bias"]
    save_file(found, tmp_path / "less.safetensors")
    save_file({**weights(network), "extra": torch.zeros(1)}, tmp_path / "more.safetensors")

    with pytest.raises(CheckpointError, match=r"lacks 1 .* head.bias"):
        load_weights(network, tmp_path / "less.safetensors")
    with pytest.raises(CheckpointError, match=r"holds 1 tensors .* extra"):
        load_weights(network, tmp_path / "more.safetensors")


def test_batch_counters_may_be_missing(tmp_path):
    network = torch.nn.BatchNorm2d(2)
    found = {k: v for k, v in network.state_dict().items() if k != "num_batches_tracked"}
    save_file(found, tmp_path / "w.safetensors")

    load_weights(network, tmp_path / "w.safetensors")


def test_weights_that_are_not_numbers_are_refused(network, tmp_path):
    found = weights(network)
    found["head.bias"][0] = float("nan")
    save_file(found, tmp_path / "w.safetensors")

    with pytest.raises(CheckpointError, match=r"head.bias holds NaN"):
        load_weights(network, tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100])
def test_a_damaged_file_is_refused(network, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CheckpointError, match=name):
        load_weights(network, tmp_path / name)


def test_a_cut_off_file_is_refused(network, tmp_path):
    save_file(weights(network), tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "w.safetensors").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(CheckpointError, match="no complete safetensors file"):
        load_weights(network, tmp_path / "w.safetensors")


def test_a_missing_file_is_said(network, tmp_path):
    with pytest.raises(CheckpointError, match="no file is there"):
        load_weights(network, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="no file is there"):
        read_card(tmp_path)


def test_a_full_disk_leaves_the_old_model_whole(network, tmp_path, monkeypatch):
    save_model(tmp_path, network, {"title": "old"})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        save_model(tmp_path, small_vit(4), {"title": "new"})

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_card_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "card.json").write_text("{")

    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        read_card(tmp_path)


def test_numbers_that_json_lacks_become_null(network, tmp_path):
    save_model(tmp_path, network, {"measured": {"accuracy": float("nan")}})

    assert json.loads((tmp_path / "card.json").read_text())["measured"] == {"accuracy": None}
