"""The hint before tuning: LogME, neighbours and probes, held to other ways of computing them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_texts import CLASSES, save_classifier
from scipy.optimize import minimize
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from toy_models import dataset_of, digits_dataset, model_of

import usable_core as usable
from usable_core import cli, load_model, tasks
from usable_core.comparison import compare
from usable_core.datasets.splits import training_splits
from usable_core.datasets.texts import from_texts
from usable_core.errors import DatasetRefused, OutputsRefused
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.transferability import FOLDS, TransferabilityConfig
from usable_core.labels import LabelSpace
from usable_core.metrics.transferability import (
    LEAST_NOISE,
    jackknife,
    logme,
    nearest_neighbours,
    stratified_folds,
    usual_neighbours,
)
from usable_core.models.model import Model
from usable_core.plots.transferability import transferability_figure


def textbook_logme(features, labels):
    """The mean of ln N(y; 0, F Fᵀ / α + I / β), maximised over α and β from several starts."""
    n = len(labels)
    outer = features @ features.T

    def minus(logs, y):
        prior, noise = np.exp(logs)
        covariance = prior * outer + noise * np.eye(n)
        log_determinant = np.linalg.slogdet(2 * np.pi * covariance)[1]
        return (log_determinant + y @ np.linalg.solve(covariance, y)) / 2

    found = []
    for one in np.unique(labels):
        y = (labels == one).astype(float)
        starts = [(-6.0, -1.0), (-2.0, -3.0), (0.0, -1.0)]
        runs = [minimize(minus, start, (y,), method="Nelder-Mead", tol=1e-9) for start in starts]
        found.append(-min(run.fun for run in runs))
    return np.mean(found) / n


@pytest.mark.parametrize(("n", "width", "signal"), [(24, 5, 1.0), (18, 30, 1.0), (24, 6, 0.2)])
def test_logme_is_the_largest_evidence(n, width, signal):
    draw = np.random.default_rng(n + width)
    labels = np.arange(n) % 3
    features = draw.normal(size=(n, width)) + 1
    features[:, :3] += signal * np.eye(3)[labels]

    assert logme(features, labels) == pytest.approx(textbook_logme(features, labels), abs=1e-5)


def test_logme_of_the_labels_themselves_is_the_most_and_that_of_noise_next_to_nothing():
    draw, labels = np.random.default_rng(0), np.arange(200) % 4
    one_hot = np.eye(4)[labels]
    most = np.log(LEAST_NOISE**-2 / (2 * np.pi)) / 2
    nothing = -np.log(2 * np.pi * np.e / 4) / 2  # the best noise alone: of variance mean(y²)

    told = logme(one_hot, labels)

    assert most - 0.2 < told < most
    assert logme(np.hstack([one_hot, draw.normal(size=(200, 8))]), labels) > most - 1
    assert logme(np.zeros((200, 4)), labels) == pytest.approx(nothing)
    assert nothing <= logme(draw.normal(size=(200, 8)), labels) < nothing + 0.05
    assert logme(one_hot + 0.5 * draw.normal(size=(200, 4)), labels) < told


def test_neighbours_are_those_of_scikit_learn_with_each_example_left_out():
    draw, labels = np.random.default_rng(1), np.arange(90) % 3
    features = draw.normal(size=(90, 6)) + 2 * np.eye(3, 6)[labels]
    expected = []
    for i in range(90):
        others = np.arange(90) != i
        peer = KNeighborsClassifier(5, metric="cosine", weights=lambda d: 1 + (1 - d) / 11)
        expected.append(peer.fit(features[others], labels[others]).predict(features[[i]])[0])

    found = nearest_neighbours(features, labels, 5)

    assert found.tolist() == expected
    assert 0.5 < np.mean(found == labels) < 1


@pytest.mark.parametrize(("counts", "expected"), [((1, 1), 1), ((20, 20), 5), ((100, 9, 100), 11)])
def test_neighbours_are_as_many_as_the_root_of_the_usual_class(counts, expected):
    assert usual_neighbours(np.repeat(np.arange(len(counts)), counts)) == expected


def test_folds_hold_each_class_as_evenly_as_can_be():
    labels = np.repeat([0, 1, 2], [25, 3, 12])

    folds = stratified_folds(labels, 10, 7)

    for one in range(3):
        held = np.bincount(folds[labels == one], minlength=10)
        assert held.max() - held.min() <= 1
    assert folds.tolist() == stratified_folds(labels, 10, 7).tolist()
    assert folds.tolist() != stratified_folds(labels, 10, 8).tolist()


def test_a_jackknife_of_a_mean_is_students_interval_of_it():
    values = np.array([1.0, 2.0, 4.0, 7.0])

    found = jackknife(values.mean(), (values.sum() - values) / 3)

    half = 3.182446 * values.std(ddof=1) / 2
    assert (found.value, found.low, found.high) == pytest.approx((3.5, 3.5 - half, 3.5 + half))


class Telling(nn.Module):
    """Its features are the pixels of an image, or one of them alone."""

    def __init__(self, shown=slice(None), factor=1.0):
        super().__init__()
        self.shown, self.factor = shown, factor
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.forward_features(x))

    def forward_features(self, x):
        kept = torch.zeros_like(x[:, 0].flatten(1))
        kept[:, self.shown] = x[:, 0].flatten(1)[:, self.shown]
        return kept * self.factor


DIGITS = digits_dataset(0, 300)


@pytest.fixture(scope="module")
def hints():
    """The answers of a network that sees all of a digit, and of one that sees its middle."""
    seeing, half_blind = model_of(Telling()), model_of(Telling(slice(27, 29)))
    seeing.name, half_blind.name = "toy/seeing", "toy/half_blind"
    return [usable.evaluate_transferability(one, DIGITS, limit=120) for one in (seeing, half_blind)]


def test_features_that_tell_more_have_more_of_every_number(hints):
    seeing, half_blind = ({n.metric: n.found for n in hint.numbers()} for hint in hints)

    assert seeing.keys() == {"probe_accuracy", "neighbour_accuracy", "logme"}
    for name, found in seeing.items():
        assert found.low < found.value < found.high
        assert found.low > half_blind[name].high, name


def test_the_examples_are_those_that_a_training_sees_and_the_same_for_every_model(hints):
    train, _ = training_splits(DIGITS, DatasetSpec("toy", limit=120))

    for hint in hints:
        assert tuple(hint.records["id"]) == train.ids
        assert hint.records["label"].tolist() == train.targets.tolist()
        assert hint.provenance.split == "train"
        assert len(hint.logme_without) == FOLDS
    pixels = np.stack([np.asarray(train[i][0])[..., 0].ravel() for i in range(len(train))]) / 255
    assert hints[0].logme == pytest.approx(logme(pixels, train.targets), abs=1e-6)


def test_backbones_are_compared_example_by_example(hints):
    found = compare(hints)

    assert set(found.pairs["judge"]) == {"probe", "neighbour"}
    assert {row["status"] for row in found.pairs.to_dict("records")} == {"better"}
    said = found.verdicts({"judge": "neighbour"})[0]
    assert said.startswith("seeing is better than half_blind: accuracy of the nearest neighbours")
    other = replace(hints[1], config=replace(hints[1].config, dataset=DatasetSpec("toy", limit=60)))
    with pytest.raises(usable.errors.ConfigError, match=r"limit 120; .*limit 60"):
        compare([hints[0], other])


def test_the_figure_shows_every_number(hints):
    figure = transferability_figure(hints, names=["a", "b"])

    shown = [trace.x[0] for trace in figure.data]
    expected = [
        number.found.value * (1 if number.metric == "logme" else 100)
        for hint in hints
        for number in hint.numbers()
    ]
    assert shown == pytest.approx(expected)


def test_an_answer_is_stored_and_told_and_asked_again(tmp_path, capsys):
    words = ["evaluate", "transferability", "--model", "bundled/vgg", "--dataset", "digits"]
    words += ["--limit", "30"]

    assert cli.main([*words, "--json", str(tmp_path / "a.json")]) == 0
    shown = capsys.readouterr().out
    assert "LogME" in shown
    assert "n = 30" in shown
    assert cli.main([*words, "--json", str(tmp_path / "b.json")]) == 0

    first, again = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab")
    assert again["answered_by"] == first["run"]
    assert again["logme"] == first["logme"]
    assert tasks.in_short("transferability", first).endswith("% by neighbours")


def test_a_limit_is_modest_where_nothing_is_said(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "usable_core.cli.ask.run_task", lambda config: asked.append(config) or 1 / 0
    )

    cli.main(["evaluate", "transferability", "--model", "bundled/vgg", "--dataset", "digits"])

    spec = DatasetSpec("digits", limit=1000)
    assert asked == [TransferabilityConfig(ModelSpec("bundled/vgg"), spec)]


def test_texts_and_starts_without_classes_are_asked_too(tmp_path):
    from transformers import AutoModel

    save_classifier(tmp_path / "bert", "bert")
    model = load_model(tmp_path / "bert")
    texts = [f"{'rain' if i % 2 else 'sun'} {i} day" + " more" * (i % 5) for i in range(30)]
    data = from_texts("texts", texts, np.arange(30) % 2, LabelSpace(("dry", "wet")))

    found = usable.evaluate_transferability(model, data)

    assert (found.kind, found.examples, found.width) == ("text", "texts", 16)
    train, _ = training_splits(data, DatasetSpec("texts"))
    assert tuple(found.records["id"]) == train.ids  # though batches are sorted by length
    assert found.records["text"].tolist() == [train[i][0] for i in range(len(train))]
    assert found.provenance.class_names == ("dry", "wet") != CLASSES
    AutoModel.from_pretrained(tmp_path / "bert").save_pretrained(tmp_path / "bert")
    start = load_model(tmp_path / "bert")
    assert not len(start.labels)
    assert usable.evaluate_transferability(start, data).n == found.n


def test_what_cannot_be_asked_is_a_sentence():
    pixels = np.random.default_rng(0).integers(0, 255, (30, 8, 8, 3)).astype(np.uint8)
    lone = dataset_of(pixels, [0] * 29 + [1], ["a", "b"])
    model = model_of(Telling())

    with pytest.raises(DatasetRefused, match="2 classes need 2 images or more, but 1 of"):
        usable.evaluate_transferability(model, lone.take(np.arange(30)))
    with pytest.raises(OutputsRefused, match="not finite"):
        usable.evaluate_transferability(model_of(Telling(factor=float("inf"))), DIGITS, limit=30)


def test_a_model_of_a_training_on_these_data_is_said_to_know_them():
    model = model_of(Telling())
    knowing = Model(
        "toy",
        model.network,
        model.input,
        model.labels,
        {"data": {"fingerprint": DIGITS.fingerprint}},
    )

    found = usable.evaluate_transferability(knowing, DIGITS, limit=30)

    assert "features know these images" in found.provenance.warnings[0]
