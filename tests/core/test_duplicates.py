"""Equal and nearly equal pictures: found, kept on one side of a split, and told beside numbers."""

import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_pictures import encoded, photo
from PIL import Image, ImageEnhance, ImageOps
from toy_models import digits_dataset, linear_model

from usable_core import answering, cli
from usable_core.datasets import contents, duplicates, load_dataset
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.dataset import select
from usable_core.datasets.duplicates import near_equal
from usable_core.datasets.splits import training_splits
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.accuracy import measure
from usable_core.measuring.data_doubts import data_doubts
from usable_core.measuring.provenance import evaluated_part
from usable_core.metrics.intervals import wilson

SIDE = 32


def picture(seed):
    return photo(seed, (SIDE, SIDE))


def pixels(*seeds):
    return np.stack([np.asarray(picture(seed)) for seed in seeds])


def cropped(image, left=2, top=2, right=2, bottom=2):
    inner = image.crop((left, top, image.width - right, image.height - bottom))
    return inner.resize(image.size, Image.Resampling.BICUBIC)


def saved_anew(image):
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=75))).convert("RGB")


PLANTED = {
    "jpeg": saved_anew,
    "crop": cropped,
    "crop of two sides": lambda image: cropped(image, right=0, bottom=0),
    "crop kept small": lambda image: image.crop((2, 2, image.width - 2, image.height - 2)),
    "flip": ImageOps.mirror,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.95),
    "larger": lambda image: image.resize((3 * SIDE, 3 * SIDE), Image.Resampling.BICUBIC),
    "all": lambda image: saved_anew(ImageOps.mirror(cropped(image))),
}


def folder(root, **parts):
    """Write `part__class=[pictures]`, as PNG or as the format that a pair says."""
    for name, images in parts.items():
        place = root.joinpath(*name.split("__"))
        place.mkdir(parents=True)
        for i, image in enumerate(images):
            image, kind = image if isinstance(image, tuple) else (image, "PNG")
            (place / f"{i}.{kind.lower()}").write_bytes(encoded(image, kind, quality=75))
    return load_dataset(root)


def some(start, count=5):
    return [picture(seed) for seed in range(start, start + count)]


@pytest.mark.parametrize("kind", PLANTED)
def test_a_picture_that_was_changed_a_little_is_found(kind):
    originals = [picture(seed) for seed in range(150)]
    changed = [PLANTED[kind](image) for image in originals[:50]]
    dataset = dataset_from_arrays([*originals, *changed], np.arange(200) % 2)

    found = {tuple(pair) for pair in dataset.contents().near.tolist()}
    planted = {(i, 150 + i) for i in range(50)}

    assert len(found & planted) >= 0.95 * 50
    assert len(found - planted) <= 0.01 * 50


def test_digits_are_alike_by_nature_and_no_duplicates():
    assert len(digits_dataset(0, 1797).contents().near) == 0


@pytest.mark.parametrize("shape", [(60, 8, 8, 3), (2, 8, 8, 3), (1, 8, 8, 3)])
def test_noise_and_pictures_without_structure_are_no_duplicates(shape):
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, shape, dtype=np.uint8)
    plain = 100 + generator.integers(0, 3, shape, dtype=np.uint8)

    for images in (noise, plain):
        labels = np.arange(len(images)) % 2
        assert len(dataset_from_arrays(images, labels).contents().near) == 0


def test_small_things_before_the_same_sky_are_no_duplicates():
    generator = np.random.default_rng(0)
    thumbnails = np.full((40, 16, 16, 3), (90, 140, 220), dtype=np.uint8)
    for thumbnail, (row, column) in zip(
        thumbnails, generator.integers(2, 13, (40, 2)), strict=True
    ):
        thumbnail[row : row + 2, column : column + 2] = generator.integers(0, 90, 3)
    places = {tuple(map(tuple, np.argwhere(t[..., 2] < 100))) for t in thumbnails}
    assert len(places) > 20

    found = near_equal(thumbnails)

    same = [set(map(tuple, np.argwhere(thumbnails[i][..., 2] < 100).tolist())) for i in range(40)]
    mirrored = [{(r, 15 - c) for r, c in place} for place in same]
    assert all(same[i] & (same[j] | mirrored[j]) for i, j in found)


def test_pictures_are_looked_at_once(monkeypatch, tmp_path):
    opened = Counter()
    dataset = digits_dataset(0, 30)
    shown = dataset.open
    object.__setattr__(dataset, "open", lambda i: opened.update([i]) or shown(i))
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    monkeypatch.setattr(contents, "_DEAR", 0.0)
    monkeypatch.setattr(contents, "_known", {})

    first = dataset.contents()
    contents._known.clear()  # another process finds the file
    second = dataset.split("test").contents()

    assert set(opened.values()) == {1}
    assert first.hashes.tolist() == second.hashes.tolist()
    assert first.near.tolist() == second.near.tolist()


def doubled(order=None):
    """40 pictures of two classes, each twice: as PNG and as BMP."""
    images = np.repeat(pixels(*range(40)), 2, axis=0)
    labels = np.repeat(np.arange(40) % 2, 2)
    order = np.arange(80) if order is None else order
    return dataset_from_arrays(images[order], labels[order], ["cat", "dog"])


@pytest.mark.parametrize("seed", range(5))
def test_equal_pictures_are_never_on_both_sides_of_a_draw(seed):
    dataset = doubled()
    parts = [dataset.split(name, seed=seed) for name in ("train", "validation", "test")]
    whole = training_splits(dataset, DatasetSpec("x", split="all", seed=seed))

    for divided in (parts, whole):
        sides = [set(part.ids) for part in divided]
        assert len(set.union(*sides)) == sum(map(len, sides)) == 40
        assert sum(map(len, divided)) == 80
    assert [Counter(part.targets.tolist()) for part in parts] == [
        {0: 28, 1: 28},
        {0: 4, 1: 4},
        {0: 8, 1: 8},
    ]


def test_the_same_pixels_in_another_format_stay_together(tmp_path):
    pictures = [
        [(picture(s), kind) for s in range(start, start + 10) for kind in ("PNG", "BMP")]
        for start in (0, 50)
    ]
    dataset = folder(tmp_path, cat=pictures[0], dog=pictures[1])

    assert len(set(dataset.ids)) == 40  # the files differ
    hashes = dataset.contents().hashes
    sides = [set(hashes[dataset.split(n).positions]) for n in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(set(hashes)) == 20


def test_a_draw_does_not_depend_on_the_order_of_the_pictures():
    order = np.random.default_rng(1).permutation(80)

    assert set(doubled().split("test").ids) == set(doubled(order).split("test").ids)
    assert set(doubled().split("test").ids) != set(doubled().split("test", seed=1).ids)


def test_what_an_earlier_version_trained_keeps_its_parts():
    dataset = digits_dataset()
    model = linear_model(8, 10)
    model.card = {"data": {"fingerprint": dataset.fingerprint}, "config": {"dataset": {"seed": 3}}}

    part = evaluated_part(model, dataset, DatasetSpec("digits"))

    assert part.ids == dataset.split("test", seed=3, by_position=True).ids
    assert part.ids != dataset.split("test", seed=3).ids


PARTS = {
    "train": ("test", "no test part, so 4 pictures drawn from its train part"),
    "train validation": ("validation", "no test part, so its validation part was measured"),
    "train test": ("test", None),
    "train validation test": ("test", None),
}


@pytest.mark.parametrize("names", PARTS)
def test_a_model_from_elsewhere_is_not_silently_measured_on_train(names):
    evaluated, said = PARTS[names]
    parts = names.split()
    labels = np.arange(20 * len(parts)) % 2
    dataset = dataset_from_arrays(pixels(*range(len(labels))), labels, ["0", "1"])
    own = {name: np.arange(20 * i, 20 * i + 20) for i, name in enumerate(parts)}

    result = measured(replace(dataset, own_split=own))

    assert result.provenance.split == evaluated
    told = [w for w in result.provenance.warnings if "part" in w]
    assert len(told) == (said is not None)
    assert said is None or said in told[0]


def measured(dataset):
    config = AccuracyConfig(ModelSpec("toy"), DatasetSpec("x"))
    return measure(model=linear_model(8, 2), dataset=dataset, config=config)


def test_a_question_says_which_part_it_is_about(tmp_path):
    dataset = folder(
        tmp_path, train__0=some(0), train__1=some(50), val__0=some(100), val__1=some(150)
    )
    config = AccuracyConfig(ModelSpec("toy"), DatasetSpec("x"))
    foreign, ours = linear_model(8, 2), linear_model(8, 2)
    ours.card = {"data": {"fingerprint": dataset.fingerprint, "drawn_by": "content"}}

    keys = {
        answering.key(config, {"model": model, "dataset": dataset}) for model in (foreign, ours)
    }

    assert foreign.fingerprint == ours.fingerprint
    assert len(keys) == 2


def leaky(tmp_path):
    """12 test pictures: 4 equal and 2 nearly equal to train, 1 equal to validation, 1 twice."""
    train, validation = some(0, 12), some(40, 6)
    test = [*train[:2], cropped(train[4]), *some(80, 3), validation[0]]
    other = [*some(20, 2), ImageOps.mirror(picture(22)), *some(90, 2)]
    other[1] = train[2]
    return folder(
        tmp_path,
        train__cat=train,
        train__dog=some(20, 12),
        val__cat=validation,
        val__dog=some(60, 6),
        test__cat=[*test, test[4]],
        test__dog=other,
    )


def test_what_is_in_two_parts_is_counted_and_named(tmp_path):
    dataset = leaky(tmp_path)
    part = dataset.split("test")

    others = {name: places for name, places in dataset.own_split.items() if name != "test"}
    found = data_doubts(part, others)

    assert found.sentences == (
        "4 of 13 test pictures are also in train, pixel for pixel, such as "
        "test/cat/0.png = train/cat/0.png.",
        "2 of 13 test pictures are nearly equal to pictures of train (saved anew, cropped, "
        "mirrored or brightened), such as test/cat/2.png and train/cat/4.png.",
        "1 of 13 test pictures are also in validation, pixel for pixel, such as "
        "test/cat/6.png = val/cat/0.png.",
        "2 pictures of the data set occur with different labels, such as test/dog/1.png (dog) "
        "and train/cat/2.png (cat): no model can be right on all of them.",
        "1 of 13 test pictures repeat another of them, pixel for pixel, such as "
        "test/cat/4.png = test/cat/7.png: each counts.",
    )
    assert len(found.leaked) == 6


def test_the_accuracy_without_leaked_pictures_stands_beside_it(tmp_path):
    train = {"train__0": some(0, 4), "train__1": some(50, 4)}
    dataset = folder(tmp_path, **train, test__0=some(0, 3), test__1=[*some(50, 2), *some(90, 3)])
    result = measured(dataset)

    records = result.records
    learnt = dataset.take(dataset.own_split["train"]).ids
    is_new = ~np.isin(records["id"], learnt)
    right = int((records["rank"] == 0)[is_new].sum())
    found = wilson(right, 3)

    assert is_new.sum() == 3
    (sentence,) = [w for w in result.provenance.warnings if w.startswith("Without")]
    assert f"{100 * found.value:.1f} % ({100 * found.low:.1f} % to" in sentence
    assert "n = 3" in sentence
    assert result.summary()["warnings"] == list(result.provenance.warnings)


def test_three_copies_with_three_labels_are_a_contradiction():
    images = np.concatenate([pixels(*range(30)), pixels(0, 0)])
    labels = np.array([*(np.arange(30) % 3), 1, 2])

    said = data_doubts(dataset_from_arrays(images, labels, list("abc")), {}).sentences

    assert said[0] == (
        "3 pictures of the data set occur with different labels, such as picture 0 (a) and "
        "picture 30 (b): no model can be right on all of them."
    )


def test_uneven_and_empty_classes_are_told():
    images = np.random.default_rng(0).integers(0, 256, (1001, 4, 4, 3), dtype=np.uint8)
    labels = np.array([0] * 1000 + [1])

    said = data_doubts(dataset_from_arrays(images, labels, ["cat", "dog", "owl"]), {}).sentences

    assert said == (
        "1 of 3 classes have no picture in this part ('owl'): the numbers say nothing of them.",
        "The classes are uneven: 'cat' has 1000 of 1001 pictures and 'dog' 1, so always answering "
        "'cat' is right in 99.9 %. Look at the balanced accuracy.",
    )


def test_an_even_data_set_without_duplicates_needs_no_word():
    images = [picture(seed) for seed in range(40)]

    assert data_doubts(dataset_from_arrays(images, np.arange(40) % 2), {}).sentences == ()


def test_a_parquet_file_names_its_rows(tmp_path):
    rows = [
        {"image": {"bytes": encoded(picture(s), "PNG")}, "label": s % 2} for s in (0, 1, 2, 3, 2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "data.parquet")

    said = data_doubts(load_dataset(tmp_path / "data.parquet"), {}).sentences

    assert "row 2 = row 4" in said[0]


def test_a_very_large_data_set_says_what_was_not_looked_for(monkeypatch):
    monkeypatch.setattr(contents, "MOST", 10)
    monkeypatch.setattr(contents, "_known", {})

    said = data_doubts(doubled(), {}).sentences

    assert "nearly equal ones were not looked for" in said[-1]


def test_a_training_tells_its_held_out_pictures_that_it_learns(tmp_path, capsys):
    images = {"cat": some(0, 10), "dog": some(50, 10)}
    folder(
        tmp_path / "data", **{f"{p}__{c}": i for p in ("train", "test") for c, i in images.items()}
    )
    words = ["finetune", "--model", "bundled/vgg", "--dataset", str(tmp_path / "data")]

    assert cli.main([*words, "--epochs", "1", "--json", str(tmp_path / "answer.json")]) == 0
    said = capsys.readouterr()

    sentence = "of 20 test pictures are also in train, pixel for pixel"
    assert sentence in said.err
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert any(sentence in warning for warning in answer["warnings"])
    train = load_dataset(tmp_path / "data").split("train")
    assert f"{len(train)} of 20 test" in said.err


def test_parts_taken_by_hand_know_the_whole():
    dataset = digits_dataset(0, 100)

    part = select(dataset, DatasetSpec("x", "test", limit=10))

    assert part.whole is dataset
    assert part.take([0]).whole is dataset


def test_many_copies_of_one_picture_are_paired_with_all_that_is_nearly_it():
    originals = np.stack([np.asarray(picture(seed).resize((16, 16))) for seed in range(40)])
    brighter = np.clip(originals[:2].astype(int) + 3, 0, 255).astype(np.uint8)
    thumbnails = np.concatenate([originals, originals[:1].repeat(3, axis=0), brighter])

    found = {tuple(pair) for pair in near_equal(thumbnails).tolist()}

    alike = (0, 40, 41, 42, 43)
    assert found == {(i, j) for i in alike for j in alike if i < j} | {(1, 44)}


@pytest.mark.parametrize("is_film", [False, True])
def test_pairs_without_bound_are_not_listed(is_film, monkeypatch):
    monkeypatch.setattr(duplicates, "MOST_COMPARED", 1000)
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 1000)
    frame = np.asarray(picture(0).resize((16, 16)))
    frames = frame[None].repeat(60, axis=0).copy()
    frames[:, 0, 0, 0] += np.arange(60, dtype=np.uint8) * is_film

    assert near_equal(frames) is None


def test_what_was_not_looked_for_is_said(monkeypatch):
    monkeypatch.setattr(contents, "_known", {})
    monkeypatch.setattr(contents, "near_equal", lambda thumbnails: None)

    said = data_doubts(doubled(), {}).sentences

    assert "in several parts was not looked for" in said[-1]


@pytest.mark.parametrize(
    "arrays",
    [
        {"hashes": np.array(["a"] * 29), "near": np.zeros((0, 2), dtype=np.int64)},
        {"hashes": np.array(["a"] * 30), "near": np.array([[0, 30]])},
        {"hashes": np.array(["a"] * 30), "near": np.zeros((3,), dtype=np.int64)},
        {"hashes": np.arange(30), "near": np.zeros((0, 2), dtype=np.int64)},
        {"hashes": np.array([{}] * 30), "near": np.zeros((0, 2), dtype=np.int64)},
        {},
    ],
)
def test_a_damaged_file_of_contents_is_not_believed(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])

    assert contents._read(tmp_path / "a.npz", 30) is None
    assert contents._read(tmp_path / "b.npz", 30) is None
