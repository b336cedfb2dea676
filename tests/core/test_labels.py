import pandas as pd
import pytest

from usable_core.errors import IncompatibleLabels
from usable_core.labels import LabelSpace, plain_name

CRANES = LabelSpace(
    ("crane bird", "tench", "crane"),
    synonyms=(("crane",), ("tench", "Tinca tinca"), ("crane",)),
)


def test_order_does_not_matter():
    model = LabelSpace(("cat", "dog", "ship"))

    assert model.mapping_from(LabelSpace(("ship", "cat"))) == (2, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jack-o'-lantern", "jack_o_lantern"),
        ("potter’s wheel", "Potters wheel"),
        ("Crème brûlée", "creme-brulee"),
        ("  great   white shark", "great_white_shark"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(one, other):
    assert plain_name(one) == plain_name(other)
    assert LabelSpace((one,)).index(other) == 0


def test_signs_stay_different_classes():
    assert LabelSpace(("+", "-")).mapping_from(LabelSpace(("-", "+"))) == (1, 0)


def test_the_exact_name_wins_over_the_one_without_punctuation():
    assert LabelSpace(("A-", "A+")).index("A+") == 1


def test_the_name_wins_over_another_class_synonym():
    model = LabelSpace(("skunk", "polecat"), synonyms=(("skunk", "polecat"), ("polecat",)))

    assert model.index("polecat") == 1


def test_a_synonym_finds_its_class():
    assert CRANES.index("tinca_tinca") == 1


def test_a_shared_synonym_is_settled_by_ids_of_the_same_numbering():
    assert CRANES.mapping_from(LabelSpace(("crane", "tench"), ids=(0, 1))) == (0, 1)
    assert CRANES.mapping_from(LabelSpace(("crane", "crane", "tench"), ids=(0, 2, 1))) == (0, 2, 1)


def test_ids_of_another_numbering_are_not_believed():
    # tench is 1 in the model and 5 in the data set, so its 0 says nothing about cranes.
    assert CRANES.mapping_from(LabelSpace(("crane", "tench"), ids=(0, 5))) == (2, 1)


def test_ids_alone_prove_nothing():
    with pytest.raises(IncompatibleLabels, match="horse"):
        LabelSpace(("cat", "dog")).mapping_from(LabelSpace(("cat", "horse"), ids=(0, 1)))


def test_two_classes_of_one_name_are_refused_without_ids():
    with pytest.raises(IncompatibleLabels, match=r"cannot tell which .* 'crane'"):
        CRANES.mapping_from(LabelSpace(("crane", "crane")))
    with pytest.raises(IncompatibleLabels, match="2 classes are called"):
        LabelSpace(("crane", "crane")).index("crane")


def test_unknown_classes_are_counted_and_named():
    with pytest.raises(
        IncompatibleLabels, match=r"does not know 2 of the data set's 3 .*'ox', 'yak'"
    ):
        LabelSpace(("cat", "dog")).mapping_from(LabelSpace(("ox", "cat", "yak")))


def test_an_unknown_target_gets_the_nearest_choices():
    with pytest.raises(IncompatibleLabels, match="Nearest choices: tench"):
        CRANES.index("tensh")


def test_every_class_of_the_imagenet_sample_is_found_by_name(shared_data):
    from usable_core.models.sources.imagenet import imagenet_labels

    names = (shared_data / "imagenet" / "classes.txt").read_text().splitlines()
    sample = pd.read_parquet(
        shared_data / "imagenet" / "dev.parquet", columns=["label", "label_name"]
    )
    dev = sample.drop_duplicates("label").sort_values("label", ascending=False)

    everything = imagenet_labels().mapping_from(LabelSpace(tuple(names), ids=tuple(range(1000))))
    found = imagenet_labels().mapping_from(LabelSpace(tuple(dev.label_name), ids=tuple(dev.label)))

    assert len(dev) == 500
    assert found == tuple(dev.label)
    assert everything == tuple(range(1000))


def test_spelling_of_the_imagenet_names_does_not_matter(shared_data):
    from usable_core.models.sources.imagenet import imagenet_labels

    names = (shared_data / "imagenet" / "classes.txt").read_text().splitlines()
    plain = [plain_name(name) for name in names]  # Cardigan is a dog, cardigan a jacket
    unique = [(i, name) for i, name in enumerate(names) if plain.count(plain[i]) == 1]
    assert len(unique) == 994
    spelled = LabelSpace(
        tuple(name.upper().replace(" ", "_").replace("'", "") for _, name in unique)
    )

    assert imagenet_labels().mapping_from(spelled) == tuple(i for i, _ in unique)
