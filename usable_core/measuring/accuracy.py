"""How often a model is right and how sure it is, example by example, in one streamed pass."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from torch import Tensor

from usable_core.asking.batch_size import batch_size, in_batches, remember
from usable_core.attacks.validation import PROBABILITIES_WARNING, are_probabilities, check_logits
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import batches
from usable_core.errors import DatasetRefused
from usable_core.evaluations.accuracy import ACCURACY_COLUMNS, AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import Report, silent
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import evaluated_part, provenance, ready
from usable_core.models.model import Model
from usable_core.models.modes import channels_last, frozen


def measure(
    *,
    model: Model,
    dataset: Dataset,
    config: AccuracyConfig,
    report: Report = silent,
    folder: Path | None = None,
) -> AccuracyResult:
    """Return the outcome of every example that `config.dataset` asks for.

    Args:
        model: Pixels to logits.
        dataset: The whole data set; the part is chosen here.
        config: Settings; the names in it are not looked at again.
        report: Told the progress; raises `Cancelled`.
        folder: Not used: this task leaves no artifacts.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate.
        ImageRefused: a picture cannot be decoded.
        AttackError: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    started = time.perf_counter()
    part = evaluated_part(model, dataset, config.dataset)
    if len(part) == 0:
        raise DatasetRefused(f"{part.name} has no examples to evaluate. Choose another part of it.")
    labels = target_indices(model, part)[part.targets]
    device = ready(model).device
    size = batch_size(model, fixed=config.batch_size, precision=config.precision)
    tables: list[dict[str, np.ndarray]] = []
    right, is_softmax = 0, True
    cast = torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")
    with frozen(model.network), channels_last(model.network), torch.inference_mode(), cast:
        for x, _, indices in batches(part, model.preprocessing, size.largest):
            x = x.to(device, memory_format=torch.channels_last)

            def logits_of(piece: slice, x: Tensor = x) -> Tensor:
                return model(x[piece]).cpu().double()

            for piece, logits in in_batches(size, len(x), logits_of):
                check_logits(logits)
                places = indices[piece].numpy()
                tables.append(outcomes(logits.numpy(), labels[places]))
                is_softmax = is_softmax and are_probabilities(logits)
                right += int((tables[-1]["rank"] == 0).sum())
                done = int(places[-1]) + 1
                report(done, len(part), "Classifying", accuracy=right / done)
    remember(model, size, precision=config.precision)
    warnings = (PROBABILITIES_WARNING,) if is_softmax else ()
    columns = {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}
    columns |= {"index": np.arange(len(part)), "id": np.array(part.ids, dtype=object)}
    return AccuracyResult(
        config,
        provenance(
            model,
            part,
            seconds=time.perf_counter() - started,
            batch_size=size.current,
            warnings=(*warnings, *size.halvings),
        ),
        pd.DataFrame({name: columns[name] for name in ACCURACY_COLUMNS}),
    )


def outcomes(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return label, prediction, rank, confidence, nll and brier (each (N,)) of one batch.

    Ties are broken by the lower class index, so rank 0 and a right prediction are the same thing.

    Args:
        logits: Float64 (N, classes).
        labels: True classes (N,), indices into the logits.
    """
    rows = np.arange(len(labels))
    log_probabilities = logits - logsumexp(logits, axis=1, keepdims=True)
    probabilities = np.exp(log_probabilities)
    true_logit = logits[rows, labels][:, None]
    is_before = np.arange(logits.shape[1]) < labels[:, None]
    is_ahead = (logits > true_logit) | ((logits == true_logit) & is_before)
    confidence = probabilities.max(1)
    probabilities[rows, labels] -= 1  # now the errors
    return {
        "label": labels,
        "prediction": logits.argmax(1),
        "rank": is_ahead.sum(1),
        "confidence": confidence,
        "nll": -log_probabilities[rows, labels],
        "brier": (probabilities**2).sum(1),
    }
