"""Robustness, example by example, on models whose behaviour is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from made_results import resolved
from toy_models import dataset_of, digits_dataset, digits_model, linear_model, model_of

from usable_core.attacked_images import kept_images, open_image
from usable_core.attacks.sweep import towards
from usable_core.errors import AttackError, Cancelled, StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring import accuracy, robustness, shards
from usable_core.measuring.checks import noise
from usable_core.measuring.robustness import measure

EPSILONS = (0.0, 2 / 255, 16 / 255, 64 / 255)


def config(*, limit=None, **settings):
    settings = {"epsilons": EPSILONS, "steps": 5, "gallery": 0, "walked": 0} | settings
    return RobustnessConfig(ModelSpec("toy"), DatasetSpec("toy", limit=limit), **resolved(settings))


@pytest.fixture(scope="module")
def trained():
    return digits_model(epochs=2)


@pytest.fixture(scope="module")
def digits():
    return digits_dataset(1297, 1397)


@pytest.fixture(scope="module")
def result(trained, digits):
    return measure(model=trained, dataset=digits, config=config())


def test_records_hold_one_row_per_example_and_budget(result, digits):
    records = result.records

    assert list(records.columns) == [
        "index",
        "id",
        "label",
        "epsilon",
        "clean_prediction",
        "prediction",
        "found_epsilon",
        "found_attack",
        "found_step",
        "noise_prediction",
        "raw_broken",
    ]
    assert len(records) == len(digits) * len(EPSILONS)
    assert records["epsilon"].tolist() == list(EPSILONS) * len(digits)
    assert tuple(records["id"][:: len(EPSILONS)]) == digits.ids
    assert (records["label"][:: len(EPSILONS)] == digits.targets).all()


def test_a_budget_of_zero_is_exactly_the_clean_accuracy(result, trained, digits):
    clean = accuracy.measure(
        model=trained, dataset=digits, config=AccuracyConfig(ModelSpec("toy"), DatasetSpec("toy"))
    ).records
    start = result.records[result.records["epsilon"] == 0]

    for column in ("clean_prediction", "prediction", "noise_prediction"):
        assert (start[column].to_numpy() == clean["prediction"].to_numpy()).all()


def test_wrong_examples_are_not_attacked_and_stay_as_they_are(result):
    wrong = result.records.query("clean_prediction != label")

    assert len(wrong) > 0
    assert (wrong["prediction"] == wrong["clean_prediction"]).all()
    assert wrong["found_epsilon"].isna().all()


def test_what_is_broken_stays_broken_and_names_the_budget_that_broke_it(result):
    for _, rows in result.records.query("clean_prediction == label").groupby("index"):
        is_broken = (rows["prediction"] != rows["label"]).to_numpy()
        assert (np.diff(is_broken.astype(int)) >= 0).all()
        first = rows["epsilon"][is_broken].min()
        assert (rows["found_epsilon"][is_broken] == first).all()
        assert (rows["found_attack"][is_broken] != "").all()
        assert (rows["found_step"][is_broken] > 0).all()
        assert rows["found_epsilon"][~is_broken].isna().all()
    robust = result.records.query("prediction == label").groupby("epsilon").size()
    assert robust.get(EPSILONS[-1], 0) < robust[0] / 2, "the scene is not set"


def test_batch_size_and_company_do_not_change_the_outcome(trained, digits, result):
    some = digits.take(np.arange(99, 49, -1))

    alone = measure(model=trained, dataset=some, config=config(batch_size=7)).records
    among = result.records.set_index(["id", "epsilon"]).loc[
        list(zip(alone["id"], alone["epsilon"], strict=True))
    ]

    same = (among["prediction"].to_numpy() == alone["prediction"].to_numpy()).mean()
    assert same >= 0.99  # rounding may part one path in a few hundred
    assert (among["noise_prediction"].to_numpy() == alone["noise_prediction"].to_numpy()).all()


def test_a_linear_model_breaks_exactly_where_the_formula_says():
    model = linear_model(classes=2)
    pixels = np.random.default_rng(0).integers(100, 156, (60, 8, 8, 3), dtype=np.uint8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    y = model(x).argmax(1)
    difference = (model.network.linear.weight[0] - model.network.linear.weight[1]).abs().sum()
    margin = (model(x)[:, 0] - model(x)[:, 1]).abs() / difference
    budgets = (0.0, *(float(margin.quantile(q)) for q in (0.305, 0.605, 0.905)))

    found = measure(
        model=model,
        dataset=dataset_of(pixels, y.numpy(), "01"),
        config=config(epsilons=budgets, steps=40),
    ).records

    for epsilon, rows in found.groupby("epsilon"):
        can_withstand = (margin > epsilon).numpy()
        assert ((rows["prediction"] == rows["label"]).to_numpy() == can_withstand).all()


def test_pictures_of_a_few_examples_of_every_breaking_budget_are_kept(trained, digits, tmp_path):
    found = measure(
        model=trained, dataset=digits, config=config(gallery=2, limit=60), folder=tmp_path
    )
    shown = digits.sample(60)
    kept = kept_images(tmp_path)
    smallest = found.smallest_epsilon.set_index("index")["breaks"]

    for breaks, rows in smallest.groupby(smallest, dropna=False):
        chosen = set(rows.index) & set(kept["index"])
        assert len(chosen) == min(2, len(rows)), breaks
    records = found.records.set_index(["index", "epsilon"])
    for index, rows in kept.groupby("index"):
        assert rows["epsilon"].tolist() == list(EPSILONS)
        clean = open_image(tmp_path, rows["file"].iloc[0]).astype(int)
        assert (clean == np.asarray(shown[index][0])).all()
        for row in rows.to_dict("records"):
            saved = open_image(tmp_path, row["file"]).astype(int)
            assert abs(saved - clean).max() <= round(row["epsilon"] * 255)
            assert row["prediction"] == records.loc[(index, row["epsilon"]), "prediction"]


def test_a_killed_evaluation_goes_on_from_its_last_finished_part(
    trained, digits, tmp_path, monkeypatch
):
    monkeypatch.setattr(robustness, "_LEAST", 32)
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    asked = config(batch_size=8, gallery=2, walked=4)
    whole = measure(model=trained, dataset=digits, config=asked, folder=tmp_path / "whole")
    done = []

    def killed(count, total, message, **metrics):
        if len(list((tmp_path / "parts" / "shards").glob("*.parquet"))) == 2:
            raise KeyboardInterrupt

    def watched(count, total, message, **metrics):
        done.append(count)

    with pytest.raises(KeyboardInterrupt):
        measure(
            model=trained, dataset=digits, config=asked, report=killed, folder=tmp_path / "parts"
        )
    finished = len(list((tmp_path / "parts" / "shards").glob("*.parquet")))
    resumed = measure(
        model=trained, dataset=digits, config=asked, report=watched, folder=tmp_path / "parts"
    )

    assert finished == 2
    assert min(done) == 64, "the finished parts were worked on again"
    pd.testing.assert_frame_equal(resumed.records, whole.records)
    assert (resumed.cost.forward, resumed.cost.backward) == (
        whole.cost.forward,
        whole.cost.backward,
    )
    assert [c.verdict for c in resumed.checks] == [c.verdict for c in whole.checks]
    assert resumed.provenance.seconds > 0
    assert kept_images(tmp_path / "parts")["file"].tolist() == (
        kept_images(tmp_path / "whole")["file"].tolist()
    )


def test_no_folder_means_no_pictures(trained, digits):
    found = measure(model=trained, dataset=digits, config=config(gallery=2, limit=10))

    assert len(found.records) == 10 * len(EPSILONS)


def test_long_attacks_show_life_and_can_be_cancelled(trained, digits, monkeypatch):
    from usable_core.measuring import robustness

    clock = iter(np.arange(0, 1e6, 1.0))
    monkeypatch.setattr(robustness.time, "monotonic", lambda: next(clock))
    calls = []

    def stop_in_the_attack(done, total, message, **metrics):
        calls.append(message)
        if sum("Attacking" in m for m in calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(model=trained, dataset=digits, config=config(), report=stop_in_the_attack)

    assert all(p.is_contiguous() for p in trained.network.parameters())
    assert not trained.network._forward_pre_hooks


def test_progress_ends_at_the_total_with_both_accuracies(trained, digits, result):
    told = []
    measure(
        model=trained,
        dataset=digits,
        config=config(),
        report=lambda done, total, message, **metrics: told.append((done, total, metrics)),
    )
    done, total, metrics = told[-1]
    last = result.records.query("epsilon == @EPSILONS[-1]")

    assert done == total == len(digits)
    assert metrics["clean_accuracy"] == (last["clean_prediction"] == last["label"]).mean()
    assert metrics["robust_accuracy"] == (last["prediction"] == last["label"]).mean()


@pytest.mark.parametrize("attack", ["fgsm", "noise"])
def test_weak_attacks_say_so(trained, digits, attack):
    found = measure(model=trained, dataset=digits, config=config(attack=attack, limit=10))

    assert "no strong attack" in found.provenance.warnings[0]


def test_l2_budgets_at_another_image_size_say_so(trained, digits):
    found = measure(model=trained, dataset=digits, config=config(norm="l2", limit=10))

    assert any("not comparable" in warning for warning in found.provenance.warnings)


def test_an_l2_budget_beyond_the_image_cube_is_refused(trained, digits):
    with pytest.raises(AttackError, match=r"between 0 and 13\.8564"):
        measure(model=trained, dataset=digits, config=config(norm="l2", epsilons=(0.0, 14.0)))


def test_answers_that_noise_mends_do_not_hide_those_that_it_breaks():
    """Noise breaks two examples that the attack leaves right, and mends another."""
    clean = torch.tensor([True, True, False])
    attacked, noisy = (
        torch.tensor([[True], [True], [False]]),
        torch.tensor([[False], [False], [True]]),
    )

    check = noise(clean, attacked, noisy)

    assert (check.verdict, check.numbers["excess"]) == ("red", 2)


def test_a_grid_of_zero_alone_is_the_clean_accuracy(trained, digits):
    found = measure(model=trained, dataset=digits, config=config(epsilons=(0.0,), walked=8))

    assert found.robust_accuracy == (found.clean_accuracy,)
    assert [check.verdict for check in found.checks] == ["not run"]
    assert not found.is_upper_bound_only


def test_what_the_first_epsilon_of_a_grid_without_zero_breaks_withstands_nothing(trained, digits):
    found = measure(model=trained, dataset=digits, config=config(epsilons=(16 / 255, 64 / 255)))

    smallest = found.smallest_epsilon
    first = smallest[smallest["breaks"] == 16 / 255]
    assert len(first) > 0
    assert (first["withstands"] == 0).all()
    assert (smallest["withstands"] < smallest["breaks"].fillna(1)).all()


def test_a_batch_size_that_somebody_asked_for_is_not_that_of_the_next_evaluation(digits):
    model = linear_model(classes=10)  # whose search nobody else has made
    before = measure(model=model, dataset=digits, config=config(limit=10)).provenance.batch_size

    measure(model=model, dataset=digits, config=config(limit=10, batch_size=1))

    after = measure(model=model, dataset=digits, config=config(limit=10)).provenance.batch_size
    assert before == after > 1


def test_a_success_that_does_not_repeat_is_looked_for_along_its_direction(
    trained, digits, monkeypatch, result
):
    """Told one budget too small, the answer asked again moves it to where it holds."""
    descend = robustness.descend

    def too_bold(batch):
        found = descend(batch)
        rows = torch.nonzero((found.index > 0) & (found.index < len(batch.epsilons)))[:, 0]
        found.index[rows] -= 1
        found.x_adv[rows] = towards(batch, found.x_adv[rows], rows, found.index[rows])
        return found

    monkeypatch.setattr(robustness, "descend", too_bold)
    asked_again = measure(model=trained, dataset=digits, config=config())

    assert asked_again.robust_accuracy == result.robust_accuracy


def test_a_random_model_has_no_example_that_is_broken_and_right(trained, digits):
    class Random(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = trained.network

        def forward(self, x):
            return self.network(x + 0.1 * torch.randn_like(x))

    torch.manual_seed(0)
    records = measure(model=model_of(Random()), dataset=digits, config=config()).records

    broken = records[records["found_epsilon"].notna()]
    assert len(broken) > 0
    assert (broken["prediction"] != broken["label"]).all()


def test_an_evaluation_whose_parts_were_taken_away_gives_no_answer_on_the_rest(
    trained, digits, tmp_path, monkeypatch
):
    """A run that was thought dead, and gone on from, comes back to life."""
    monkeypatch.setattr(robustness, "_LEAST", 32)
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    parts = tmp_path / "shards"

    def taken(count, total, message, **metrics):
        if len(list(parts.glob("*.parquet"))) == 2 and not (tmp_path / "taken").exists():
            parts.rename(tmp_path / "taken")

    with pytest.raises(StorageError, match="another run went on from them"):
        measure(
            model=trained,
            dataset=digits,
            config=config(batch_size=8),
            report=taken,
            folder=tmp_path,
        )


def test_the_walked_sample_has_every_class_of_data_sorted_by_class(trained):
    pixels, targets = digits_dataset(), digits_dataset().targets
    order = np.argsort(targets, kind="stable")
    pictures = np.stack([np.asarray(pixels[i][0]) for i in order])
    ordered = dataset_of(pictures, targets[order], [str(i) for i in range(10)])

    records = measure(model=trained, dataset=ordered, config=config(limit=100, walked=20)).records

    walked = records[records["raw_broken"].notna() & (records["epsilon"] == 0)]
    assert len(walked) == 20
    assert walked["label"].nunique() == 10


def test_the_list_of_pictures_is_whole_or_absent(trained, digits, tmp_path, monkeypatch):
    def in_place(path, *arguments, **settings):
        raise AssertionError(f"{path} was written in place")

    monkeypatch.setattr("pathlib.Path.write_text", in_place)

    measure(model=trained, dataset=digits, config=config(gallery=1, limit=10), folder=tmp_path)

    assert len(kept_images(tmp_path)) > 0
