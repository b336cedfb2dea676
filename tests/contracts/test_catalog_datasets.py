"""What every named data set promises; those that need a download refuse with the way out."""

import numpy as np
import pytest

from usable_core import settings
from usable_core.catalog.datasets import DATASETS
from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused

SPLITS = ("train", "validation", "test")


def test_digits_come_without_a_download_and_cifar_does_not():
    assert len(load_dataset("digits")) == 1797
    with pytest.raises(DatasetRefused):
        load_dataset("cifar10")


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_is_whole_named_and_fixed_or_says_where_its_files_belong(name):
    try:
        data = load_dataset(name)
    except DatasetRefused as refused:
        assert str(settings.home() / "datasets") in str(refused)  # noqa: PT017
        return

    assert (data.own_split is not None) == DATASETS[name].has_own_split
    example, label = data[0]
    assert data.kind == DATASETS[name].kind
    assert data.kind == "text" or example.mode == "RGB"
    assert 0 <= label < len(data.labels)
    assert len(data.ids) == len(data) == len(data.targets)
    assert len(set(data.labels.names)) == len(data.labels)
    assert data.fingerprint == load_dataset(name).fingerprint
    is_for_testing = data.own_split is not None and "train" not in data.own_split
    parts = [data.split(part) for part in (data.own_split if is_for_testing else SPLITS)]
    assert sum(map(len, parts)) == len(data)
    for part in parts:
        assert set(np.unique(part.targets)) == set(range(len(data.labels)))
