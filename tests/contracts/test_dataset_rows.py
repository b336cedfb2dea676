"""What is told of a data set with a name before it is read is what its reader finds."""

import pytest

from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.fitting import facts_of, fitting, is_at_hand, misfit
from usable_core.datasets import load_dataset


@pytest.mark.parametrize("name", [name for name, row in DATASETS.items() if not row.files])
def test_the_classes_of_a_row_are_those_of_its_data(name):
    assert load_dataset(name).labels.names == DATASETS[name].classes


def test_the_classes_of_cifar10_are_those_of_the_models_trained_on_it():
    assert facts_of("bundled/resnet").classes == DATASETS["cifar10"].classes


def test_what_must_be_downloaded_is_at_hand_once_it_lies_where_its_reader_looks(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    assert not is_at_hand("cifar10")
    assert is_at_hand("digits")

    (tmp_path / "datasets" / DATASETS["cifar10"].files).mkdir(parents=True)

    assert is_at_hand("cifar10")


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        (
            "bundled/resnet",
            "languages",
            "bundled/resnet takes pictures, and Languages holds texts.",
        ),
        ("timm/resnet50", "languages", "timm/resnet50 takes pictures, and Languages holds texts."),
        ("bundled/bert", "digits", "bundled/bert takes texts, and Digits holds pictures."),
        ("bundled/bert", "languages", ""),
        ("hf/a/b", "languages", ""),
        ("hf/a/b", "digits", ""),
    ],
)
def test_data_of_the_other_kind_do_not_fit(model, data, said):
    assert misfit(facts_of(model), data, {}) == said


def test_texts_are_offered_to_models_of_texts_alone():
    assert fitting([facts_of("bundled/gpt")], list(DATASETS), {}) == ["languages"]
    assert "languages" not in fitting([facts_of("timm/resnet50")], list(DATASETS), {})
