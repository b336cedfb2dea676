"""What every bundled backbone promises: small, loadable, described, as good as its card says."""

import pytest
from scipy.stats import binom

from usable_core.catalog.architectures import ARCHITECTURES, BUNDLED
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.references import weights_size
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.accuracy import measure
from usable_core.measuring.provenance import evaluated_part
from usable_core.models import load_model
from usable_core.settings import assets
from usable_core.verdicts.demo import demo

LIMITS = {"picture": 16.5e6, "text": 16e6}  # bytes of weights that a clone carries
SAMPLE = 400


def test_all_weights_together_are_small():
    sizes = dict.fromkeys(LIMITS, 0)
    for name, row in BUNDLED.items():
        sizes[ARCHITECTURES[row.architecture].kind] += weights_size(f"bundled/{name}")

    assert len(list((assets() / "models").rglob("*.safetensors"))) == len(BUNDLED)
    assert all(0 < sizes[kind] <= LIMITS[kind] for kind in LIMITS)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_card_says_how_it_was_made_and_how_good_it_is(name):
    model = load_model(f"bundled/{name}")
    card, is_text = model.card, model.kind == "text"

    first = card["pretraining"]["command"] if is_text else card["command"]
    assert first.startswith("usable pretrain")
    assert {"seed", "versions", "data", "config"} <= set(card)
    assert not is_text or card["command"].startswith("usable finetune")
    assert not is_text or "Unicode License" in card["licence"]
    for proportion in ("accuracy",) if is_text else ("accuracy", "robust_accuracy"):
        assert set(card["measured"][proportion]) == {"value", "low", "high", "n"}


@pytest.mark.parametrize("name", BUNDLED)
def test_it_is_right_as_often_as_its_card_says(name, shared_data):
    model = load_model(f"bundled/{name}")
    named = next((data for data in DATASETS if model.card["data"]["reference"] == data), None)
    data = load_dataset(named or str(shared_data / "cifar10" / "dev.parquet"))
    part = DatasetSpec(named, "test") if named else DatasetSpec("dev", split="all", limit=SAMPLE)
    config = AccuracyConfig(ModelSpec(f"bundled/{name}"), part)

    found = measure(model=model, dataset=data, config=config).accuracy

    promised = model.card["measured"]["accuracy"]["value"]
    low, high = binom.interval(0.999, found.n, promised)
    assert low / found.n <= found.value <= high / found.n


def test_the_models_of_the_demo_are_measured_on_the_same_examples():
    """Else only those that none of them has learned from would be in common."""
    data = load_dataset("digits")
    whole = data.split("test", seed=0).ids

    for spec in demo().models:
        part = evaluated_part(load_model(spec.reference), data, demo().dataset)
        assert part.ids == whole, spec.reference
