"""The same numbers from scikit-learn, torchmetrics and scipy, on the digits and on random cases."""

import numpy as np
import pytest

from usable_core.metrics import attribution, calibration, classification, ranks

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def predicted_digits():
    """Labels (N,), probabilities (N, 10) of a weak classifier on real images it has not seen."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    images, labels = load_digits(return_X_y=True)
    model = LogisticRegression(C=1e-4, max_iter=50).fit(images[:300], labels[:300])
    return labels[300:], model.predict_proba(images[300:])


@pytest.fixture(params=range(5))
def case(request):
    """Random labels and predictions of which some classes never occur."""
    generator = np.random.default_rng(request.param)
    labels = generator.integers(0, 6, 80)
    return labels, np.where(generator.uniform(size=80) < 0.6, labels, generator.integers(0, 9, 80))


def test_per_class_scores_equal_scikit_learn(case):
    from sklearn.metrics import precision_recall_fscore_support

    labels, predictions = case
    found = classification.class_scores(labels, predictions)
    classes = [s.index for s in found]
    expected = precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=np.nan
    )

    assert [s.precision.value for s in found] == pytest.approx(expected[0], nan_ok=True)
    assert [s.recall.value for s in found] == pytest.approx(expected[1])
    assert [s.f1 for s in found] == pytest.approx(expected[2])
    assert [s.recall.n for s in found] == expected[3].tolist()


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_and_confusion_equal_scikit_learn(case):
    from sklearn.metrics import balanced_accuracy_score, confusion_matrix

    labels, predictions = case

    assert classification.balanced_accuracy(*case).value == pytest.approx(
        balanced_accuracy_score(labels, predictions)
    )
    assert np.array_equal(classification.confusion(*case)[1], confusion_matrix(labels, predictions))


@pytest.mark.parametrize("bins", [1, 10, 15, 30])
def test_the_calibration_error_equals_torchmetrics(predicted_digits, bins):
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    labels, probabilities = predicted_digits
    expected = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(labels), num_classes=10, n_bins=bins
    )
    correct = probabilities.argmax(1) == labels

    found = calibration.calibration_error(probabilities.max(1), correct, bins)

    assert found.value == pytest.approx(float(expected), abs=1e-6)


def test_the_reliability_curve_equals_scikit_learn(predicted_digits):
    from sklearn.calibration import calibration_curve

    labels, probabilities = predicted_digits
    correct = probabilities.argmax(1) == labels
    expected = calibration_curve(correct, probabilities.max(1), n_bins=15)

    found = calibration.reliability(probabilities.max(1), correct)

    assert found["accuracy"].tolist() == pytest.approx(expected[0].tolist())
    assert found["confidence"].tolist() == pytest.approx(expected[1].tolist())


def test_bins_of_equal_mass_are_pandas_quantile_bins(predicted_digits):
    import pandas as pd

    confidence = predicted_digits[1].max(1)
    assert len(np.unique(confidence)) == len(confidence)

    found = np.bincount(calibration.equal_mass_bins(confidence, 15))

    assert np.abs(found - pd.qcut(confidence, 15).value_counts().to_numpy()).max() <= 1


def test_rank_correlation_equals_scipy():
    from scipy.stats import spearmanr

    first, second = np.random.default_rng(0).integers(0, 6, (2, 40)).astype(float)

    assert ranks.spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)


def test_weighted_r2_equals_scikit_learn():
    from sklearn.metrics import r2_score

    outputs, fitted, weights = np.random.default_rng(0).uniform(size=(3, 50))

    assert attribution.weighted_r2(outputs, fitted, weights) == pytest.approx(
        r2_score(outputs, fitted, sample_weight=weights)
    )
