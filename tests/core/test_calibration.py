"""Temperature and energy are fitted as their papers say, kept for one very model, and shown."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toy_models import dataset_of, digits_dataset, digits_model, linear_model

import usable_core as usable
from usable_core import cli
from usable_core.datasets import load_dataset
from usable_core.datasets.splits import training_splits
from usable_core.errors import DatasetRefused, IncompatibleLabels
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.jobs import interactive as lane
from usable_core.measuring.calibration import (
    best_temperature,
    calibrate,
    calibration_part,
    familiarity,
    familiarity_scores,
    known_calibration,
    negative_log_likelihood,
)
from usable_core.measuring.interactive import ModelCache, answer
from usable_core.models import load_model
from usable_core.models.model import Model
from usable_core.models.sources.from_card import model_in
from usable_core.records import to_json
from usable_core.runs import calibrations
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

ALL = DatasetSpec("digits", split="all")


def sampled(count=4000, classes=5, seed=0):
    """Logits (N, classes), and classes (N,) drawn with just their probabilities."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(count, classes)) * 2
    gumbel = generator.gumbel(size=logits.shape)
    return logits, (logits + gumbel).argmax(1)


@pytest.fixture(scope="module")
def trained():
    return digits_model(epochs=2)


def overconfident(model, factor=20.0):
    network = copy.deepcopy(model.network)
    network[-1].weight.data *= factor
    network[-1].bias.data *= factor
    return Model("toy", network, model.preprocessing, model.labels)


def logits_of(model, dataset):
    x = torch.stack([model.preprocessing.geometry(dataset[i][0]) for i in range(len(dataset))])
    with torch.inference_mode():
        return model(x).double().numpy()


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_the_temperature_of_known_probabilities_is_what_they_were_multiplied_by(factor):
    logits, labels = sampled()

    found = best_temperature(factor * logits, labels)

    assert found == pytest.approx(factor, rel=0.05)


def test_the_temperature_is_the_best_of_a_fine_grid_and_what_newton_finds():
    logits, labels = sampled(500)
    grid = np.exp(np.linspace(np.log(0.2), np.log(5), 4001))
    best = grid[np.argmin([negative_log_likelihood(logits * 2 / t, labels) for t in grid])]
    inverse = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([inverse], max_iter=200, tolerance_grad=1e-10)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            torch.from_numpy(logits * 2) * inverse, torch.from_numpy(labels)
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    found = best_temperature(logits * 2, labels)

    assert found == pytest.approx(best, rel=1e-3)
    assert found == pytest.approx(1 / float(inverse.detach()), rel=1e-4)


def test_an_overconfident_model_is_cooled_and_likelier_on_images_held_out(trained):
    model = overconfident(trained)
    fitted_on, held_out = digits_dataset(1297, 1547), digits_dataset(1547)

    found = calibrate(model=model, dataset=fitted_on, spec=ALL)

    logits = logits_of(model, held_out)
    before, after = (
        negative_log_likelihood(logits / t, held_out.targets) for t in (1, found.temperature)
    )
    assert found.temperature > 2
    assert after < before
    assert found.nll_calibrated < found.nll
    assert (found.n, found.model_fingerprint) == (250, model.fingerprint)


def test_of_the_tasks_own_images_one_in_twenty_is_unlike_them(trained):
    model, data = trained, digits_dataset()
    found = calibrate(model=model, dataset=data, spec=ALL)
    logits = logits_of(model, data)

    flagged = [familiarity(found, one).is_unlike for one in logits]

    assert np.mean(flagged) == pytest.approx(0.05, abs=0.003)
    scores = np.log(np.exp(logits).sum(1))
    assert familiarity_scores(logits) == pytest.approx(scores)
    assert min(scores[~np.array(flagged)]) >= found.energy_threshold > max(scores[flagged])


def test_fewer_than_twenty_images_are_refused():
    with pytest.raises(DatasetRefused, match="at least 20 images"):
        calibrate(model=linear_model(8, 10), dataset=digits_dataset(1297, 1316), spec=ALL)


def test_a_model_that_does_not_know_the_classes_is_not_calibrated():
    with pytest.raises(IncompatibleLabels):
        calibrate(model=linear_model(8, 3), dataset=digits_dataset(), spec=ALL)


def test_what_is_calibrated_on_was_not_trained_on():
    data = digits_dataset()
    for split in ("all", "train"):
        training = DatasetSpec("digits", split=split, seed=3)
        model = linear_model(8, 10)
        model.card = {
            "data": {"fingerprint": data.fingerprint, "drawn_by": "content"},
            "config": {"dataset": {"reference": "digits", "split": split, "seed": 3}},
        }
        train, validation = training_splits(data, training)

        found = calibration_part(model, data, DatasetSpec("digits"))

        assert found.ids == validation.ids
        assert not set(found.ids) & set(train.ids)


def test_other_data_gives_its_validation_split():
    data = digits_dataset()

    found = calibration_part(linear_model(8, 10), data, DatasetSpec("digits", seed=2))

    assert found.ids == data.split("validation", seed=2).ids


def test_a_calibration_kept_here_goes_before_the_cards():
    model = linear_model(8, 10)
    of_card = calibrate(model=model, dataset=digits_dataset(), spec=ALL)
    model.card["calibration"] = json.loads(json.dumps(vars(of_card)))
    assert known_calibration(model) == of_card
    kept = replace(of_card, temperature=7.0)

    calibrations.keep(kept)

    assert known_calibration(model) == kept
    assert calibrations.find("0" * 16) is None


def test_a_calibration_holds_for_no_other_weights():
    model, other = linear_model(8, 10), linear_model(8, 10, seed=1)
    found = calibrate(model=model, dataset=digits_dataset(), spec=ALL)
    calibrations.keep(found)
    other.card["calibration"] = vars(found)

    assert known_calibration(model) == found
    assert known_calibration(other) is None


def predicted(model, tmp_path):
    told = []
    request = ImageRequest("predict", ModelSpec("toy"), "x")
    picture = Image.fromarray(np.full((8, 8, 3), 90, np.uint8))
    answer(request, ModelCache(load=lambda spec: model), picture, tmp_path, told.append)
    return told[-1].explanation, logits_of(model, [(picture, 0)])[0]


def test_an_answer_holds_calibrated_confidence_and_familiarity(tmp_path):
    model = linear_model(8, 10)
    found = usable.calibrate(model, digits_dataset())

    last, logits = predicted(model, tmp_path)

    scaled = np.exp(logits / found.temperature)
    expected = scaled / scaled.sum()
    for one in last.predictions:
        assert one.calibrated == pytest.approx(expected[one.index])
        assert one.calibrated != pytest.approx(one.probability)
    assert last.familiarity.score == pytest.approx(float(familiarity_scores(logits)))
    assert last.familiarity.threshold == found.energy_threshold
    assert "500 images" in last.familiarity.data


def test_nothing_is_claimed_without_a_calibration(tmp_path):
    last, _ = predicted(linear_model(8, 10), tmp_path)

    assert last.familiarity is None
    assert all(one.calibrated is None for one in last.predictions)


def test_a_new_calibration_makes_another_answer(monkeypatch):
    monkeypatch.setattr(lane, "ensure_worker", lambda: None)
    request = ImageRequest("predict", ModelSpec("toy"), "0" * 24)
    before = lane.submit(request)

    usable.calibrate(linear_model(8, 10), digits_dataset())

    assert lane.submit(request) != before


def squares(count=240):
    """Pictures of three colours with noise, 32 x 32."""
    generator = np.random.default_rng(0)
    targets = np.arange(count) % 3
    pixels = generator.integers(0, 200, (count, 32, 32, 3))
    pixels[np.arange(count), :, :, targets] += 50
    return dataset_of(pixels.astype(np.uint8), targets, ("red", "green", "blue"))


def test_a_training_calibrates_its_model_on_what_it_held_out(tmp_path):
    data, task = squares(), DatasetSpec("squares", split="train")
    quick = Schedule(epochs=1, batch_size=32, learning_rate=0.05, augmentation="none")
    pretrain(
        dataset=data,
        config=PretrainingConfig("small_resnet", task, quick),
        report=silent,
        folder=tmp_path / "a",
    )
    first = model_in(tmp_path / "a")
    probe = FineTuningConfig(ModelSpec("a"), task, "linear_probe", quick)
    fine_tune(model=first, dataset=data, config=probe, report=silent, folder=tmp_path / "b")
    second = model_in(tmp_path / "b")

    for model in (first, second):
        found = known_calibration(model)
        again = calibrate(model=model, dataset=data, spec=DatasetSpec("squares"))
        assert found is not None
        assert found.n == again.n == 24
        assert found.data == again.data
        assert found.temperature == pytest.approx(again.temperature, rel=1e-3)
        assert found.energy_threshold == pytest.approx(again.energy_threshold, abs=1e-3)


def test_the_command_keeps_a_calibration_or_puts_it_into_a_card(tmp_path, capsys):
    card = tmp_path / "card.json"
    card.write_text('{"title": "x"}\n', encoding="utf-8")
    words = ["calibrate", "--model", "bundled/resnet", "--dataset", str(_folder(tmp_path))]
    words += ["--split", "all", "--json", "-"]

    assert cli.main([*words, "--card", str(card)]) == 0
    in_card = json.loads(card.read_text(encoding="utf-8"))["calibration"]
    assert calibrations.state() == ()
    assert cli.main(words) == 0

    fingerprint = load_model("bundled/resnet").fingerprint
    kept = calibrations.find(fingerprint)
    assert to_json(kept) == in_card
    assert json.loads(card.read_text(encoding="utf-8"))["title"] == "x"
    assert kept.n == 40


def _folder(tmp_path):
    """Pictures of two of the bundled backbones' classes."""
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 255, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pictures"


@pytest.mark.parametrize("name", ["resnet", "resnet_robust", "vgg", "vit"])
def test_the_bundled_backbones_know_their_task(name, shared_data):
    model = load_model(f"bundled/{name}")
    found = known_calibration(model)
    data = load_dataset(str(shared_data / "cifar10" / "dev.parquet")).sample(800)
    logits = logits_of(model, data)

    flagged = [familiarity(found, one).is_unlike for one in logits]

    before, after = (
        negative_log_likelihood(logits / t, data.targets) for t in (1, found.temperature)
    )
    assert 0.025 < np.mean(flagged) < 0.08
    assert after < before


def test_a_picture_of_noise_is_unlike_what_the_bundled_resnet_knows():
    model = load_model("bundled/resnet")
    found = known_calibration(model)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (10, 224, 224, 3), dtype=np.uint8)

    logits = logits_of(model, [(Image.fromarray(one), 0) for one in pixels])

    assert all(familiarity(found, one).is_unlike for one in logits)
