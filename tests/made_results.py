"""Results made by hand, as the measuring half would return them."""

import numpy as np
import pandas as pd

from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance


def provenance(model="bundled/resnet", names=("cat", "dog", "fox"), data="abc"):
    return Provenance(model, "f" + model, "digits", data, "test", tuple(names), seconds=1.5)


def accuracy_result(
    labels,
    predictions,
    *,
    confidence=None,
    rank=None,
    model="bundled/resnet",
    names=("cat", "dog", "fox"),
    data="abc",
    start=0,
    ids=None,
):
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    n = len(labels)
    index = np.arange(start, start + n)
    records = pd.DataFrame(
        {
            "index": index,
            "id": [f"image{i}" for i in index] if ids is None else ids,
            "label": labels,
            "prediction": predictions,
            "rank": (labels != predictions).astype(int) if rank is None else rank,
            "confidence": np.full(n, 0.8) if confidence is None else confidence,
            "nll": np.linspace(0.1, 2, n),
            "brier": np.linspace(0, 1.5, n),
        }
    )
    config = AccuracyConfig(ModelSpec(model), DatasetSpec("digits"))
    return AccuracyResult(config, provenance(model, names, data), records)


def resolved(settings):
    """Settings of a `RobustnessConfig` of which those of an `AttackChoice` became `attacks`."""
    names = AttackChoice.__dataclass_fields__
    choice = AttackChoice(**{name: settings[name] for name in names if name in settings})
    rest = {name: value for name, value in settings.items() if name not in names}
    return {"attacks": choice.attacks, "preset": choice.preset} | rest


def robustness_result(
    labels,
    clean,
    attacked,
    noisy=None,
    *,
    epsilons=(0.0, 0.01, 0.03),
    model="bundled/resnet",
    data="abc",
    **settings,
):
    """`attacked` and `noisy`: predictions (E, N)."""
    noisy = attacked if noisy is None else noisy
    frames = [
        pd.DataFrame(
            {
                "index": np.arange(len(labels)),
                "id": [f"image{i}" for i in range(len(labels))],
                "label": labels,
                "epsilon": epsilon,
                "clean_prediction": clean,
                "prediction": after,
                "found_epsilon": np.where(np.asarray(after) != np.asarray(labels), epsilon, np.nan),
                "noise_prediction": noise,
            }
        )
        for epsilon, after, noise in zip(epsilons, attacked, noisy, strict=True)
    ]
    config = RobustnessConfig(
        ModelSpec(model), DatasetSpec("digits"), epsilons=tuple(epsilons), **resolved(settings)
    )
    return RobustnessResult(config, provenance(model, data=data), pd.concat(frames))
