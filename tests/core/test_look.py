"""A look at data: classes, parts, what is refused, equal pictures and leaks."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from usable_core import answering, cli, tasks
from usable_core.datasets import load_dataset
from usable_core.errors import ConfigError
from usable_core.evaluations.look import FOLDER, LookConfig
from usable_core.evaluations.specs import DatasetSpec, silent
from usable_core.runs import RunStore


def png(seed):
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return str(path)


@pytest.fixture
def leaking(tmp_path):
    """Three equal pictures over two parts, one of them with another label; one that is torn."""
    files = {f"train/cat/{k}.png": png(k) for k in range(12)}
    files |= {f"train/dog/{k}.png": png(100 + k) for k in range(3)}
    files |= {f"test/cat/{k}.png": png(200 + k) for k in range(2)}
    files |= {"train/dog/copy.png": png(0), "test/dog/again.png": png(0)}
    files |= {"test/dog/torn.png": png(300)[:60]}
    return zipped(tmp_path / "pets.zip", files)


def looked(reference, folder=None):
    config = LookConfig(DatasetSpec(reference))
    return answering.run(config, {"dataset": load_dataset(reference)}, silent, folder)


def test_counts_parts_duplicates_leaks_and_refused(leaking, tmp_path):
    result = looked(leaking, tmp_path)

    assert result.counts == {"cat": 14, "dog": 5}
    assert sorted(result.parts.items()) == [("test", 3), ("train", 16)]
    assert [one.name.rpartition("/")[2] for one in result.refused] == ["torn.png"]
    frame = result.to_frame()
    assert int(frame["leaks"].sum()) == int(frame["contradicts"].sum()) == 3
    assert result.repeated == 2
    assert set(frame.loc[frame["leaks"], "label_name"]) == {"cat", "dog"}
    words = " ".join(result.problems)
    for said in ("3 examples are (nearly) equal to one of another part", "another class"):
        assert said in words
    assert "Classes of fewer than 10 examples: 1, such as dog (5)." in words
    assert tasks.in_short("look", result.summary()) == f"{len(result.problems)} problems"
    pictures = sorted((tmp_path / FOLDER).glob("*.png"))
    assert 8 <= len(pictures) <= 11
    with Image.open(pictures[0]) as picture:
        assert picture.size == (72, 96)


def test_sound_data_have_no_problem(tmp_path):
    files = {f"{c}/{k}.png": png(50 * i + k) for i, c in enumerate("ab") for k in range(10)}

    result = looked(zipped(tmp_path / "sound.zip", files))

    assert (result.problems, result.parts, result.near) == ((), {}, 0)
    assert tasks.in_short("look", result.summary()) == "no problem"


def test_the_command_prints_what_is_wrong_and_the_store_answers_again(leaking, capsys):
    assert cli.main(["look", "--dataset", leaking]) == 0
    out = capsys.readouterr().out
    assert "19 examples in 2 classes" in out
    assert "another part" in out
    assert "torn.png" in out

    assert cli.main(["look", "--dataset", leaking, "--json", "-"]) == 0
    again = json.loads(capsys.readouterr().out)

    assert again["classes"] == {"cat": 14, "dog": 5}
    assert again["answered_by"]
    store = RunStore()
    assert store.load(again["run"]).counts == {"cat": 14, "dog": 5}


def test_a_part_of_data_is_not_looked_at():
    with pytest.raises(ConfigError, match="all of the data"):
        LookConfig(DatasetSpec("digits", limit=10))
