"""Corruption results made by hand, as the measuring half would return them."""

import numpy as np
import pandas as pd
from made_results import provenance

from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec


def corruption_result(
    labels,
    clean,
    corrupted,
    *,
    corruptions=("fog", "snow"),
    severities=(1, 5),
    model="bundled/resnet",
    data="abc",
    confidence=0.8,
    size=32,
    seed=0,
    start=0,
):
    """`corrupted`: predictions (N, corruptions, severities); `confidence`: the same or a number."""
    labels, clean, corrupted = (np.asarray(a) for a in (labels, clean, corrupted))
    n, kinds, levels = corrupted.shape
    confidence = np.broadcast_to(confidence, corrupted.shape)
    example, kind, level = (a.ravel() for a in np.indices(corrupted.shape))
    index = start + example
    records = pd.DataFrame(
        {
            "index": index.astype(np.int32),
            "id": pd.Categorical([f"image{i}" for i in index]),
            "label": labels[example].astype(np.int16),
            "corruption": pd.Categorical.from_codes(kind, list(corruptions)),
            "severity": np.asarray(severities)[level].astype(np.int8),
            "clean_prediction": clean[example].astype(np.int16),
            "clean_confidence": np.float32(0.9),
            "prediction": corrupted.ravel().astype(np.int16),
            "confidence": confidence.ravel().astype(np.float32),
            "nll": np.linspace(0.1, 2, n * kinds * levels).astype(np.float32),
            "height": np.int16(size),
            "width": np.int16(size),
        }
    )
    config = CorruptionConfig(
        ModelSpec(model), DatasetSpec("digits"), tuple(corruptions), tuple(severities), seed
    )
    return CorruptionResult(config, provenance(model, data=data), records)
