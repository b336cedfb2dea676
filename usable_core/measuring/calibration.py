"""Temperature and energy: from a model's answers to images of its task that it did not learn."""

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import unreadable
from usable_core.datasets.splits import described, training_splits
from usable_core.errors import DatasetRefused
from usable_core.evaluations.calibration import Calibration
from usable_core.evaluations.explained import Familiarity
from usable_core.evaluations.specs import DatasetSpec, Report, silent
from usable_core.measuring.examples import Examples, Progress, answers
from usable_core.measuring.label_matching import target_indices
from usable_core.measuring.provenance import (
    doubts_about,
    evaluated_part,
    is_drawn_by_position,
    is_trained_on,
    ready,
    training_spec,
)
from usable_core.metrics.arrays import Floats, Indices
from usable_core.models.model import Model
from usable_core.records import from_json
from usable_core.runs import calibrations

FAMILIAR_SHARE = 0.95  # of the task's own images, as in Liu et al. 2020
LEAST = 20  # images: fewer have no 5 % quantile
# A model that is right on every image has no best temperature: the smaller, the likelier.
_BOUNDS = (0.05, 20.0)


def calibrate(
    *, model: Model, dataset: Dataset, spec: DatasetSpec, report: Report = silent
) -> Calibration:
    """Return the temperature and the energy threshold of a model on a part of a data set.

    Args:
        model: Pixels to logits.
        dataset: The whole data set.
        spec: Which part of it; `auto` is what a training on this data set held out, and the
            validation split of any other, so that figures on test images stay clean.
        report: Told the progress; raises `Cancelled`.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there are fewer than 20 images.
        OutputsRefused: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    part = calibration_part(model, dataset, spec)
    _check_count(part, len(part))
    examples = Examples(part, target_indices(model, part)[part.targets])
    logits, indices = _logits(ready(model), examples, report)
    _check_count(part, len(indices))
    found = fitted(
        logits,
        examples.labels[indices],
        data=described(part),
        dataset_fingerprint=part.fingerprint,
        model_fingerprint=model.fingerprint,
    )
    return replace(found, warnings=(*model.warnings, *doubts_about(model, part).sentences))


def calibration_part(model: Model, dataset: Dataset, spec: DatasetSpec) -> Dataset:
    """Return the images that `spec` asks for, see `calibrate`."""
    if spec.split == "auto" and is_trained_on(model, dataset):
        by_position = is_drawn_by_position(model)
        _, validation = training_splits(dataset, training_spec(model), by_position=by_position)
        return validation.sample(spec.limit, seed=spec.seed)
    if spec.split == "auto":
        spec = DatasetSpec(spec.reference, "validation", spec.limit, spec.seed)
    return evaluated_part(model, dataset, spec)


def fitted(
    logits: Floats, labels: Indices, *, data: str, dataset_fingerprint: str, model_fingerprint: str
) -> Calibration:
    """Return the calibration that fits logits (N, classes) and true classes (N,)."""
    temperature = best_temperature(logits, labels)
    return Calibration(
        temperature=temperature,
        energy_threshold=float(np.quantile(familiarity_scores(logits), 1 - FAMILIAR_SHARE)),
        n=len(labels),
        data=data,
        dataset_fingerprint=dataset_fingerprint,
        model_fingerprint=model_fingerprint,
        nll=negative_log_likelihood(logits, labels),
        nll_calibrated=negative_log_likelihood(logits / temperature, labels),
    )


def best_temperature(logits: Floats, labels: Indices) -> float:
    """Return the temperature, from 0.05 to 20, at which the true classes are likeliest.

    The likelihood has one maximum, for its logarithm is concave in the inverse of the temperature.

    Args:
        logits: Float64 (N, classes).
        labels: True classes (N,).

    Reference: Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    found = minimize_scalar(
        lambda log: negative_log_likelihood(logits / np.exp(log), labels),
        bounds=np.log(_BOUNDS),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def negative_log_likelihood(logits: Floats, labels: Indices) -> float:
    """Return the mean negative log-likelihood (nats) of classes (N,) by logits (N, classes)."""
    true = logits[np.arange(len(labels)), labels]
    return float(np.mean(logsumexp(logits, axis=1) - true))


def familiarity_scores(logits: Floats) -> Floats:
    """Return the log-sum-exp (N,) of logits (N, classes): high for what a model knows.

    Reference: Liu et al. 2020, arXiv:2010.03759, eq. 4 (the negative energy at temperature 1).
    """
    return np.asarray(logsumexp(logits, axis=-1))


def known_calibration(model: Model) -> Calibration | None:
    """Return what was fitted here for this very model, else what its card brings."""
    found = calibrations.find(model.fingerprint)
    if found is None and "calibration" in model.card:
        try:
            found = from_json(Calibration, model.card["calibration"])
        except (TypeError, ValueError):  # a card of another version
            return None
    # Other weights or another normalisation under the same card are another model.
    return found if found and found.model_fingerprint == model.fingerprint else None


def familiarity(calibration: Calibration, logits: Floats) -> Familiarity:
    """Return whether an image with these logits (classes,) looks like the task's."""
    return Familiarity(
        float(familiarity_scores(logits)), calibration.energy_threshold, calibration.data
    )


def familiarity_of(model: Model, logits: Floats) -> Familiarity | None:
    """Return whether an image of these logits (classes,) looks like the task's.

    None where the model is not calibrated.
    """
    found = known_calibration(model)
    return None if found is None else familiarity(found, logits)


def _logits(model: Model, examples: Examples, report: Report) -> tuple[Floats, Indices]:
    """Return the answers (n, classes) to examples, and which they are (n,)."""
    progress, logits, places = Progress(len(examples), report, "Calibrating"), [], []
    with Oracle(model) as oracle:
        for indices, answered in answers(oracle, examples, slice(None)):
            logits.append(answered.numpy())
            places.append(indices)
            progress.add(len(indices))
            progress.tell()
    if not places:
        raise unreadable(examples.dataset)
    return np.concatenate(logits), np.concatenate(places)


def _check_count(part: Dataset, readable: int) -> None:
    if readable < LEAST:
        raise DatasetRefused(
            f"A calibration needs at least {LEAST} {part.examples}, but the {part.split_name} part "
            f"of {part.name} has {readable}. Choose another part, or give more {part.examples}."
        )
