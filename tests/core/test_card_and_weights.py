"""A card and its weights belong together, and each entry of a card is what it must be."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import made_weights as made
import pytest
import torch
from safetensors.torch import load_file, save_file

from usable_core.catalog.architectures import BUNDLED
from usable_core.catalog.references import files_of
from usable_core.errors import CheckpointError, ConfigError
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.architectures import small_resnet
from usable_core.models.sources.from_card import model_in
from usable_core.models.weights.checkpoints import load_weights, save_model


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return small_resnet(len(made.LABELS)).eval()


def refusal(act: Callable[[], object]) -> str:
    """Return the sentence of a refusal; empty where there is none."""
    try:
        act()
    except CheckpointError as error:
        return str(error)
    return ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in a folder."""
    save_model(tmp_path / "model", network(0), made.good_card())
    return tmp_path / "model"


def test_weights_of_one_training_with_the_card_of_another_are_refused(folder, tmp_path):
    save_model(tmp_path / "other", network(1), made.good_card())
    (tmp_path / "other" / "model.safetensors").replace(folder / "model.safetensors")

    with pytest.raises(CheckpointError, match="do not belong together"):
        model_in(folder)


def test_one_changed_number_is_noticed(folder):
    weights = load_file(folder / "model.safetensors")
    weights["head.bias"][0] += 1e-3
    save_file(weights, folder / "model.safetensors")

    with pytest.raises(CheckpointError, match=r"model.safetensors and its card .* SHA-256"):
        model_in(folder)


def test_a_card_of_before_there_were_hashes_loads(folder):
    card = json.loads((folder / "card.json").read_text())
    del card["weights_sha256"]
    (folder / "card.json").write_text(json.dumps(card))

    assert model_in(folder).notes == ()


def test_weights_that_are_given_instead_are_not_compared(tmp_path):
    own = network(5)
    save_file(own.state_dict(), tmp_path / "own.safetensors")

    found = load_model("bundled/resnet", weights=tmp_path / "own.safetensors")

    assert torch.equal(found.network.head.bias, own.head.bias)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_card_holds_the_hash_of_its_weights(name):
    files = files_of(f"bundled/{name}")
    card = json.loads(files[-1].read_text("utf-8"))
    weights = files[0].read_bytes()

    assert card["weights_sha256"] == hashlib.sha256(weights).hexdigest()


class Killed(BaseException):
    """The process dies."""


@pytest.mark.parametrize("has_hash", [True, False])
@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_a_folder_that_is_used_again_is_whole_or_says_so(folder, renamed, has_hash, monkeypatch):
    old, left, replace = network(0).head.bias, [renamed], Path.replace
    if not has_hash:  # of an earlier version
        (folder / "card.json").write_text(json.dumps(made.good_card()))

    def counted(path: Path, target: Path) -> Path:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", counted)
    with suppress(Killed):
        save_model(folder, network(1), {**made.good_card(), "title": "New"})

    if renamed == 1:
        with pytest.raises(CheckpointError, match="do not belong together"):
            model_in(folder)
        return
    found = model_in(folder)
    assert torch.equal(found.network.head.bias, old) == (renamed == 0)
    assert found.card["title"] == ("New" if renamed == 2 else "Good")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("architecture", 5, "architecture must be a text, but is 5"),
        ("labels", 10, "labels must be a list, each a text, but is 10"),
        ("labels", ["a", None], r"labels\[1\] must be a text, but is None"),
        ("labels", [], "labels must be 1 to 100000 names"),
        ("labels", ["\ud800", "b"], r"labels\[0\] must be a text of Unicode"),
        ("labels_named", "no", "labels_named must be true or false, but is 'no'"),
        ("preprocessing", None, "preprocessing must be an object"),
        ("preprocessing", {}, "preprocessing lacks resize, crop"),
        ("preprocessing.resize", "big", "resize must be a whole number or a list of 2"),
        ("preprocessing.resize", -5, "resize must be .* from 1 to 4096"),
        ("preprocessing.crop", [1, 2, 3], "crop must be a list of 2"),
        ("preprocessing.crop", [30000, 30000], "from 1 to 4096"),
        ("preprocessing.crop", [2000, 32], "over 8 times"),
        ("preprocessing.crop", [True, 32], r"crop\[0\] must be a whole number, but is True"),
        ("preprocessing.interpolation", "x", "interpolation must be one of 'nearest'"),
        ("preprocessing.mean", [0, 0], "mean must be a list of 3"),
        ("preprocessing.mean", [1e300] * 3, "mean must be three numbers"),
        ("preprocessing.mean", [None] * 3, "mean must be three numbers"),
        ("preprocessing.std", [0, 1, 1], "std must be three numbers from 0.0001"),
        ("preprocessing.std", [-1, -1, -1], "std must be three numbers from 0.0001"),
        ("preprocessing.channels", 2, "channels must be one of 1, 3"),
        ("arch_options", [1], "arch_options must be an object"),
        ("data", [1], "data must be an object"),
        ("config.dataset", "x", "config.dataset must be an object"),
        ("calibration", {"temperature": 1}, "calibration lacks energy_threshold"),
        ("seed", 2.5, "seed must be a whole number, but is 2.5"),
    ],
)
def test_an_entry_that_cannot_be_is_named_with_what_is_expected(folder, place, value, expected):
    card = made.good_card()
    *above, last = place.split(".")
    inner = card
    for key in above:
        inner = inner[key]
    inner[last] = value
    (folder / "card.json").write_text(json.dumps(card))

    with pytest.raises(CheckpointError, match=expected) as told:
        model_in(folder)

    assert "\n" not in str(told.value)
    assert len(str(told.value)) <= 700


@pytest.mark.parametrize("name", made.TEXTS)
def test_text_that_is_no_card_is_one_sentence(folder, name):
    (folder / "card.json").write_bytes(made.TEXTS[name])

    with pytest.raises(CheckpointError) as told:
        model_in(folder)

    assert "\n" not in str(told.value)
    assert len(str(told.value)) <= 700


def test_a_sample_of_cards_of_other_types(folder):
    for name, text, is_wrong in list(made.cards())[::17]:
        (folder / "card.json").write_bytes(text)
        said = refusal(lambda: model_in(folder))
        assert said or not is_wrong, name
        assert "\n" not in said, name


@pytest.mark.parametrize("value", [0, -1, 4097, (32,), (32, 32, 32), (32, 0), "32", 2.5, True])
def test_a_passport_that_cannot_be_is_refused_when_it_is_made(value):
    with pytest.raises(ConfigError, match="resize must be"):
        Preprocessing(value, (32, 32))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_sample_of_malformed_weights(tmp_path):
    path = tmp_path / "w.pth"
    cases = [*list(made.hostile_pickles())[::5], *made.operations(12, 7)]
    for name, data in cases:
        path.write_bytes(data)
        said = refusal(lambda: load_weights(network(0), path))
        assert "\n" not in said, name
        assert len(said) <= 700, name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10 GB of bytes in a zip", "refused and not run"),
        ("10 GB in a tensor as torch's older form", "refused and not run"),
        ("os.system as torch's older form", "calls os.system"),
        ("nested tuples as a key in a zip", "refused and not run"),
        ("many operations in a zip", "refused and not run"),
        ("tensor: sparse", "sparse"),
        ("tensor: meta", "meta device"),
        ("tensor: bool", "holds torch.bool, where the network has torch.float32"),
        ("tensor: int8", "holds torch.int8"),
        ("tensor: float8", "holds torch.float8_e4m3fn"),
        ("tensor: complex", "holds torch.complex64"),
        ("tensor: too large for float32", "numbers that torch.float32 cannot hold"),
        ("laughs", "in each other so often"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_a_pickle_must_not_do_is_said(tmp_path, name, expected):
    data = next(data for case, data in made.hostile_pickles() if case == name)
    (tmp_path / "w.pth").write_bytes(data)

    with pytest.raises(CheckpointError, match=expected):
        load_weights(network(0), tmp_path / "w.pth")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precision_is_taken_and_said(tmp_path, kind):
    state = {k: v.to(kind) if v.is_floating_point() else v for k, v in made.good_state().items()}
    save_file(state, tmp_path / "w.safetensors")

    notes = load_weights(network(3), tmp_path / "w.safetensors")

    assert any(f"as {kind}".replace("torch.", "") in note for note in notes)


@pytest.mark.parametrize(("name", "expected"), [("a name twice but for its case", "twice")])
def test_a_zip_that_is_read_in_two_ways_is_refused(tmp_path, name, expected):
    data = next(data for case, data in made.zips() if case == name)
    (tmp_path / "w.pth").write_bytes(data)

    with pytest.raises(CheckpointError, match=expected):
        load_weights(network(0), tmp_path / "w.pth")


def test_an_archive_of_torchs_first_form_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    import io
    import tarfile

    with tarfile.open(tmp_path / "w.pth", "w") as archive:
        for member in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(member), io.BytesIO())
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_: pytest.fail("a folder was made"))

    with pytest.raises(CheckpointError, match=r"archive \(tar\)"):
        load_weights(network(0), tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":' * 100_000, "cannot be read as JSON: it is nested"),
        (b'{"num_classes": NaN}', "NaN, which is no number of JSON"),
        (b'{"num_classes": 10, "num_classes": 11}', "twice"),
        (b'{"architecture": "x", "mean": ["a"]}', "mean must be numbers in config.json"),
        (b'{"architecture": "x", "crop_pct": "a"}', "crop_pct must be a number in .*, but is 'a'"),
        (b'{"architecture": "x", "input_size": [3, 32]}', "input_size must be numbers of channels"),
        (b'{"architecture": "x", "interpolation": 5}', "interpolation must be a text in"),
    ],
)
def test_a_configuration_that_cannot_be_is_a_sentence(tmp_path, text, expected):
    save_file(made.good_state(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(text)

    with pytest.raises(CheckpointError, match=expected):
        load_model("bundled/resnet", weights=tmp_path)
