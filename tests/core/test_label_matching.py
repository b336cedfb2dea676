"""Classes that are numbers, ids or names of two classes: the right index, or a sentence."""

import numpy as np
import pytest

from usable_core.errors import IncompatibleLabels
from usable_core.labels import LabelSpace
from usable_core.measuring.label_matching import matching
from usable_core.models.sources.imagenet import imagenet_labels

TWELVE = LabelSpace.unnamed(12)


def folders(*names):
    """Classes as folders give them: sorted as text."""
    return LabelSpace(tuple(sorted(names)))


def ids(*numbers, names=None):
    """Classes as a file gives them, with or without names."""
    called = names or tuple(f"class {n}" for n in numbers)
    return LabelSpace(called, is_named=names is not None, ids=numbers)


def test_numbers_in_two_orders_are_refused_with_both():
    with pytest.raises(IncompatibleLabels) as refused:
        matching(TWELVE, folders(*map(str, range(12))))

    said = str(refused.value)
    assert "(0, 1, 2, 3, 4, …), where '10' is logit 10" in said
    assert (
        "(0, 1, 10, 11, 2, …), as torchvision's ImageFolder has it, where '10' is logit 2" in said
    )
    assert "--labels FILE" in said


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (LabelSpace.unnamed(10), folders(*map(str, range(10))), range(10)),
        (TWELVE, folders(*(f"{i:02}" for i in range(12))), range(12)),
        (LabelSpace.unnamed(9), folders(*map(str, range(1, 10))), range(9)),
        (LabelSpace.unnamed(10), folders("3", "5", "9"), (3, 5, 9)),
        (TWELVE, folders("0", "1"), (0, 1)),
    ],
    ids=["0 to 9", "zeros before", "1 to 9", "some", "some in both orders"],
)
def test_numbers_whose_orders_agree_are_places(ours, theirs, expected):
    found = matching(ours, theirs)

    assert found.indices == tuple(expected)
    assert "by their position" in found.warnings[0]
    assert f"{theirs.names[0]!r} is logit {expected[0]}" in found.warnings[0]


@pytest.mark.parametrize(
    "theirs",
    [
        folders(*map(str, range(1, 13))),
        folders("1", "10", "3"),
        folders("9", "10"),
    ],
    ids=["1 to 12", "some", "9 and 10"],
)
def test_other_numbers_in_two_orders_are_refused(theirs):
    with pytest.raises(IncompatibleLabels, match="two orders"):
        matching(TWELVE, theirs)


def test_names_of_the_model_settle_the_order_of_numbers():
    by_text = LabelSpace(tuple(sorted(map(str, range(12)))))
    by_number = LabelSpace(tuple(map(str, range(12))))
    theirs = folders(*map(str, range(12)))

    assert matching(by_number, theirs).indices == tuple(int(name) for name in theirs.names)
    assert matching(by_text, theirs).indices == tuple(range(12))
    assert matching(by_number, folders("07", "11")).indices == (7, 11)


def test_numbers_are_indices_of_a_model_that_names_its_classes():
    theirs = folders(*map(str, range(1000)))

    found = matching(imagenet_labels(), theirs)

    assert found.indices == tuple(int(name) for name in theirs.names)
    assert "0 is 'tench', 1 is 'goldfish', 10 is 'brambling'" in found.warnings[0]
    assert matching(imagenet_labels(), folders("0", "217", "482")).indices == (0, 217, 482)


@pytest.mark.parametrize(
    "theirs",
    [folders(*map(str, range(20))), ids(*range(10)), folders(*map(str, range(1, 1001))), ids(1000)],
    ids=["twenty folders", "ten ids", "1 to 1000", "beyond"],
)
def test_numbers_of_another_list_are_refused(theirs):
    with pytest.raises(IncompatibleLabels, match="cannot be told to be the same"):
        matching(imagenet_labels(), theirs)


def test_digits_are_no_indices_of_as_many_classes_with_other_names():
    animals = LabelSpace(tuple(f"animal {i}" for i in range(10)))

    with pytest.raises(IncompatibleLabels, match="does not know 10 of"):
        matching(animals, folders(*map(str, range(10))))


def test_ids_of_a_file_are_indices_of_a_nameless_model():
    assert matching(TWELVE, ids(0, 5, 11)).indices == (0, 5, 11)
    assert matching(TWELVE, ids(3, 10, names=("ox", "ant"))).indices == (3, 10)
    assert matching(LabelSpace.unnamed(2), ids(1, 2, names=("ox", "ant"))).indices == (0, 1)
    with pytest.raises(IncompatibleLabels, match="numbers 1 to 12, but the model has 12 logits"):
        matching(TWELVE, ids(*range(1, 13)))


def test_ids_beside_names_are_no_indices_of_a_model_with_other_names():
    with pytest.raises(IncompatibleLabels, match="does not know 1 of"):
        matching(imagenet_labels(), ids(0, 3, names=("tench", "my cat")))


def test_ids_of_a_parquet_file_reach_the_logits(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from torch import zeros
    from toy_models import LinearNetwork, model_of

    from usable_core.datasets import load_dataset
    from usable_core.images import encode_png
    from usable_core.measuring.label_matching import target_indices

    pictures = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3), dtype=np.uint8)
    rows = [{"bytes": encode_png(picture), "path": ""} for picture in pictures]
    pq.write_table(pa.table({"image": rows, "label": [7, 2, 11, 2]}), tmp_path / "d.parquet")
    model = model_of(LinearNetwork(zeros(12, 192), zeros(12)))
    model.labels = TWELVE

    data = load_dataset(str(tmp_path / "d.parquet"))

    assert target_indices(model, data)[data.targets].tolist() == [7, 2, 11, 2]


@pytest.mark.parametrize(
    ("name", "taken", "other"),
    [
        ("Crane", "517, 'crane'", "134, 'crane bird'"),
        ("maillot", "638, 'maillot'", "639, 'maillot tank suit'"),
        ("missile", "657, 'missile'", "744, 'projectile'"),
        ("sunglasses", "837, 'sunglasses'", "836, 'sunglass'"),
        ("Cardigan", "264, 'Cardigan'", "474, 'cardigan'"),
        ("crayfish", "124, 'crayfish'", "123, 'spiny lobster'"),
    ],
)
def test_a_name_of_two_classes_is_told_with_both(name, taken, other):
    found = matching(imagenet_labels(), folders(name, "tench"))

    assert f"{name!r} was taken for class {taken}, but may mean class {other}" in found.warnings[0]


def test_names_that_are_settled_are_not_doubted():
    whole = imagenet_labels()

    assert matching(whole, LabelSpace(whole.names)).warnings == ()
    assert matching(whole, LabelSpace(("crane bird", "crane"))).indices == (134, 517)
    for theirs in (
        LabelSpace(("crane bird", "crane")),
        LabelSpace(("n02012849", "N03126707")),
        LabelSpace(("crane", "tench"), ids=(134, 0)),
    ):
        assert not any("two classes" in w for w in matching(whole, theirs).warnings)


def test_wordnet_ids_and_descriptions_are_names_of_imagenet():
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    every = range(1000)

    assert matching(imagenet_labels(), LabelSpace(tuple(info.label_names()))).indices == tuple(
        every
    )
    named = LabelSpace(tuple(info.label_descriptions()), ids=tuple(every))
    assert matching(imagenet_labels(), named).indices == tuple(every)


@pytest.mark.parametrize("subset", ["imagenet-12k", "imagenet-21k-goog"])
def test_wordnet_ids_are_names_of_larger_sets(subset):
    from timm.data.imagenet_info import ImageNetInfo

    found = imagenet_labels(subset).mapping_from(LabelSpace(("n02012849", "n01440764")))

    wnids = ImageNetInfo(subset).label_names()
    assert [wnids[index] for index in found] == ["n02012849", "n01440764"]


def test_the_doubt_stands_beside_accuracy_and_calibration():
    from toy_models import dataset_of, linear_model

    from usable_core import api

    model = linear_model()
    model.labels = LabelSpace(("crane bird", "crane", "tench"), synonyms=(("crane",), (), ()))
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8)
    data = dataset_of(pixels, np.arange(40) % 2, ("Crane", "tench"))

    said = api.evaluate_accuracy(model, data).provenance.warnings
    calibrated = api.calibrate(model, data, keep=False).warnings

    assert any("'Crane' was taken for class 1, 'crane', but may mean" in w for w in said)
    assert any("'Crane' was taken for class 1, 'crane', but may mean" in w for w in calibrated)
