"""With other columns a data set is another question where they are kept, and only there."""

from dataclasses import replace

import numpy as np
import pytest

import usable_core as usable
from usable_core import answering
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

CAMERAS = ("old", "new", "old", "new", None, "new")


@pytest.fixture(scope="module")
def objects():
    pictures = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3)).astype(np.uint8)
    names = [str(k) for k in range(10)]
    dataset = usable.dataset_from_arrays(pictures, np.arange(6), names)
    return {"model": usable.load_model("bundled/vgg_digits"), "dataset": dataset}


def key(kind, objects, limit=None, **columns):
    config = kind(ModelSpec("bundled/vgg_digits"), DatasetSpec("pictures", limit=limit))
    dataset = replace(objects["dataset"], columns=columns)
    return answering.key(config, {**objects, "dataset": dataset})


def test_answers_that_keep_columns_are_not_given_for_other_columns(objects):
    asked = key(AccuracyConfig, objects, camera=CAMERAS)

    assert asked == key(AccuracyConfig, objects, camera=CAMERAS)
    assert asked != key(AccuracyConfig, objects)
    assert asked != key(AccuracyConfig, objects, site=CAMERAS)
    assert asked != key(AccuracyConfig, objects, camera=CAMERAS[::-1])
    assert asked != key(
        AccuracyConfig, objects, camera=CAMERAS, hour=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    )


def test_the_order_of_columns_is_no_other_question(objects):
    one = key(AccuracyConfig, objects, camera=CAMERAS, site=CAMERAS[::-1])

    assert one == key(AccuracyConfig, objects, site=CAMERAS[::-1], camera=CAMERAS)


@pytest.mark.parametrize("kind", [CorruptionConfig, RobustnessConfig])
def test_answers_without_columns_are_known_whatever_the_columns(objects, kind):
    assert key(kind, objects, camera=CAMERAS) == key(kind, objects)
