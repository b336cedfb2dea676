"""What is told of a data set with a name before it is read is what its reader finds."""

import pytest

from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.fitting import facts_of, is_at_hand
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
