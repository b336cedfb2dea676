"""What every named data set promises; those that need a download refuse with the way out."""

import numpy as np
import pytest

from usable_core.catalog.datasets import DATASETS
from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused

SPLITS = ("train", "validation", "test")


SHIPPED = [name for name, row in DATASETS.items() if not row.has_own_split]
DOWNLOADED = sorted(set(DATASETS) - set(SHIPPED))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_download_that_fails_names_the_folder_to_put_the_files_in(name):
    with pytest.raises(DatasetRefused, match="datasets"):
        load_dataset(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_data_set_is_whole_named_and_fixed(name):
    data = load_dataset(name)

    picture, label = data[0]
    assert picture.mode == "RGB"
    assert 0 <= label < len(data.labels)
    assert len(data.ids) == len(data) == len(data.targets)
    assert len(set(data.labels.names)) == len(data.labels)
    assert data.fingerprint == load_dataset(name).fingerprint
    parts = [data.split(part) for part in SPLITS]
    assert sum(map(len, parts)) == len(data)
    for part in parts:
        assert set(np.unique(part.targets)) == set(range(len(data.labels)))
