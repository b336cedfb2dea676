import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from made_pictures import photo, png
from made_results import accuracy_result, robustness_result
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from toy_models import digit_pixels

import usable_core as usable
from usable_core.catalog.references import absolute
from usable_core.cli import main
from usable_core.errors import (
    AttackError,
    CheckpointError,
    ConfigError,
    DatasetRefused,
    ImageRefused,
    IncompatibleLabels,
    UnknownName,
)
from usable_core.evaluations import keywords
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.learning_curve import LearningCurveConfig
from usable_core.evaluations.rate import RateConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.runs import RunStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))
    labels = LabelSpace(tuple("0123456789"))
    return Model("linear", network, Preprocessing(resize=(8, 8), crop=(8, 8)), labels)


def test_objects_are_evaluated_as_they_are(model):
    data = usable.load_dataset("digits", split="test", limit=40)

    result = usable.evaluate_accuracy(model, data)

    x = torch.stack([model.preprocessing.geometry(data[i][0]) for i in range(40)])
    right = (model(x).argmax(1) == torch.from_numpy(data.targets)).float().mean()
    assert result.summary()["accuracy"]["value"] == pytest.approx(float(right))
    assert tuple(result.to_frame()["id"]) == data.ids


def test_an_unknown_setting_of_the_attack_is_refused_with_the_nearest(model):
    data = usable.load_dataset("digits", limit=4)

    with pytest.raises(UnknownName, match="steps"):
        usable.evaluate_robustness(model, data, step=2)


def test_robustness_keeps_clean_accuracy_at_epsilon_zero(model):
    data = usable.load_dataset("digits", limit=20)

    result = usable.evaluate_robustness(model, data, epsilons=(0, 0.1), steps=2, walked=4)

    assert result.robust_accuracy[0] == result.clean_accuracy
    with pytest.raises(ConfigError, match="epsilon"):
        usable.evaluate_robustness(model, data, epsilons=(-0.1,))


def test_an_image_is_explained_from_a_picture_bytes_or_a_path(model, tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    options = ExplainerOptions(evaluations=16, segments=4)

    maps = [
        usable.explain(model, image, method="gradient_shap", target="3", options=options)
        for image in (photo(), png(), tmp_path / "a.png")
    ]

    assert {one.target for one in maps} == {"3"}
    assert maps[0].values.shape == (8, 8)
    assert all(np.array_equal(maps[0].values, one.values) for one in maps[1:])
    with pytest.raises(ImageRefused, match="cannot be read"):
        usable.explain(model, tmp_path / "gone.png")


def test_an_explanation_comes_with_its_evidence_when_asked(model):
    options = ExplainerOptions(evaluations=32, segments=4)

    bare = usable.explain(model, photo(), method="lime", options=options)
    whole = usable.explain(model, photo(), method="lime", options=options, evidence=True)

    assert bare.evidence is None
    assert bare.compared == {}
    assert len(bare.superpixels) == bare.segments.max() + 1 == len(bare.credits)
    assert np.array_equal(bare.values, whole.values)
    assert {curve.kind for curve in whole.evidence.curves} == {"deletion", "insertion", "road"}
    assert set(whole.compared) == {"randomised", "other_class"}


def test_fine_tuning_returns_the_model_that_it_saved(tmp_path):
    from usable_core.models.architectures import small_vgg

    start = Model(
        "start",
        small_vgg(3),
        Preprocessing(resize=(32, 32), crop=(32, 32)),
        LabelSpace(("a", "b", "c")),
        {"architecture": "small_vgg"},
    )
    data = usable.load_dataset("digits", limit=60)

    tuned, result = usable.fine_tune(
        start, data, tmp_path / "out", schedule=Schedule(epochs=1, batch_size=20)
    )

    assert tuned.labels.names == tuple("0123456789")
    assert len(result.to_frame()) == 1
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_a_folder_that_python_wrote_is_a_reference_everywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = usable.load_dataset("digits", limit=60)
    tuned, _ = usable.fine_tune(
        "bundled/vgg", data, "tuned", method="linear_probe", schedule=Schedule(epochs=1)
    )

    forms = ["tuned", "tuned/", Path("tuned"), tmp_path / "tuned", "folder/tuned", tuned.spec]
    fingerprints = {usable.load_model(form).fingerprint for form in forms}
    status = main(["models", "show", "tuned"])
    assert fingerprints == {tuned.fingerprint}
    assert status == 0
    assert tuned.fingerprint in capsys.readouterr().out
    assert absolute("tuned") == f"folder/{tmp_path / 'tuned'}"  # as the warm process is asked
    with pytest.raises(
        CheckpointError, match="Expected a model at elsewhere, but nothing is there"
    ):
        usable.load_model("folder/elsewhere")
    with pytest.raises(UnknownName):
        usable.load_model("elsewhere")


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = usable.nonsense


def test_models_data_sets_and_results_say_in_a_line_what_they_are(model):
    data = usable.load_dataset("digits", split="test", limit=40)
    accuracy = accuracy_result([0, 1, 2, 2], [0, 1, 2, 0])
    robustness = robustness_result([0, 1], [0, 1], [[0, 1], [0, 2], [2, 2]])
    explanation = usable.evaluate_explanation(
        model,
        data,
        methods=("saliency",),
        options=ExplainerOptions(evaluations=16, segments=4),
        limit=3,
        evidence="none",
    )

    assert repr(data) == "Dataset('digits', test: 40 examples in 10 classes)"
    assert repr(model).startswith("Model('linear': 10 classes, 8 × 8 pixels, 1,930 parameters, ")
    assert repr(accuracy) == (
        "AccuracyResult(bundled/resnet on digits (test): accuracy 0.750 (0.301 to 0.954), n = 4)"
    )
    assert "mean over ε 0.417 (0.000 to 1.000), n = 2" in repr(robustness)
    assert repr(explanation) == "ExplanationResult(linear on digits (test): n = 3)"
    assert "saliency deletion gain" in repr(
        usable.evaluate_explanation(model, data, methods=("saliency",), limit=3)
    )


def test_the_public_names_are_those_that_type_checkers_see_and_import_no_torch():
    source = (ROOT / "usable_core" / "__init__.py").read_text(encoding="utf-8")
    shown = set(re.findall(r"^    from \S+ import (\w+) as \1$", source, re.MULTILINE))
    code = (
        "import sys, usable_core as usable\n"
        "usable.list_models(), usable.ModelSpec, usable.Schedule, usable.errors\n"
        "usable.evaluate_accuracy, usable.explain, usable.ExplainerOptions, usable.list_attacks()\n"
        "print('torch' in sys.modules, usable.__version__)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert shown | {"__version__"} == set(usable.__all__) == set(dir(usable))
    assert all(getattr(usable, name) is not None for name in usable.__all__)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert done.stdout.split() == ["False", project["version"]]


def test_what_can_be_chosen_is_listed():
    assert "bundled/resnet" in usable.list_models()
    assert usable.list_datasets() == ("digits", "photographs", "cifar10", "languages")
    assert {"pgd", "apgd", "square"} <= set(usable.list_attacks())
    assert {"lime", "grad_cam"} <= set(usable.list_explainers())
    assert {"fog", "gaussian_noise"} <= set(usable.list_corruptions())


def names_of(record):
    return {field.name for field in fields(record)}


@pytest.mark.parametrize(
    ("settings", "config", "others"),
    [
        (keywords.AccuracySettings, AccuracyConfig, set()),
        (keywords.RobustnessSettings, RobustnessConfig, names_of(AttackChoice)),
        (keywords.CorruptionSettings, CorruptionConfig, set()),
        (keywords.ExplanationSettings, ExplanationConfig, set()),
        (keywords.FineTuningSettings, FineTuningConfig, set()),
        (keywords.RateSettings, RateConfig, set()),
        (keywords.SweepSettings, SweepConfig, set()),
        (keywords.LearningCurveSettings, LearningCurveConfig, set()),
    ],
)
def test_plain_keywords_are_the_fields_of_the_config(settings, config, others):
    named = names_of(config) - {
        "model",
        "models",
        "dataset",
        "attacks",
    }  # which an AttackChoice says

    assert set(settings.__annotations__) == named | others


def test_a_setting_of_another_type_is_refused_in_a_sentence(model):
    data = usable.load_dataset("digits", limit=4)

    with pytest.raises(ConfigError, match="steps must be a whole number"):
        usable.evaluate_robustness(model, data, steps="many")
    with pytest.raises(UnknownName, match="corruptions"):
        usable.evaluate_corruption(model, data, corruption="fog")
    with pytest.raises(UnknownName, match="schedule"):
        usable.fine_tune(model, data, scheduel=Schedule())
    with pytest.raises(ConfigError, match=r"schedule=usable.Schedule\(epochs=...\)"):
        usable.fine_tune(model, data, epochs=3)
    with pytest.raises(ConfigError, match=r"measures=usable.Measures\(epsilon=...\)"):
        usable.sweep("bundled/vgg_digits", "digits", source="digits", epsilon=0.1)
    with pytest.raises(ConfigError, match=r"options=usable.ExplainerOptions\(evaluations=...\)"):
        usable.evaluate_explanation(model, data, evaluations=3)


def test_one_name_stands_for_a_list_of_one_and_arrays_for_lists(model):
    data = usable.load_dataset("digits", limit=4)

    corruption = usable.evaluate_corruption(model, data, corruptions="fog", severities=[1, 3])
    robustness = usable.evaluate_robustness(
        model, data, epsilons=np.array([0, 0.1]), steps=1, walked=0
    )

    assert (corruption.corruptions, corruption.severities) == (("fog",), (1, 3))
    assert robustness.config.epsilons == (0.0, 0.1)


def network(classes=10):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, classes))


EIGHT = Preprocessing(resize=(8, 8), crop=(8, 8))


def test_a_wrapped_network_is_a_model():
    data = usable.load_dataset("digits", limit=20)

    named = usable.wrap_model(network(), preprocessing=EIGHT, labels=list("0123456789"))
    unnamed = usable.wrap_model(network(), preprocessing=EIGHT, name="mine")

    first, second = (usable.evaluate_accuracy(m, data) for m in (named, unnamed))
    assert first.accuracy == second.accuracy
    assert (first.provenance.model, second.provenance.model) == ("Sequential", "mine")
    assert not unnamed.labels.is_named
    assert "by their position" in second.provenance.warnings[0]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Give it: usable.wrap_model"),
        ({"preprocessing": 8}, "Give it: usable.wrap_model"),
        ({"preprocessing": Preprocessing(None, (9, 8))}, "does not take images"),
        ({"preprocessing": EIGHT, "labels": ["a", "b"]}, "10 logits"),
        ({"preprocessing": EIGHT, "labels": "0123456789"}, "list of class names"),
        ({"preprocessing": EIGHT, "labels": range(10)}, "list of class names"),
    ],
)
def test_a_network_that_is_not_fully_described_is_refused(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        usable.wrap_model(network(), **given)


def test_a_network_that_gives_no_logits_is_refused():
    for wrong in (nn.Flatten(start_dim=0), nn.LSTM(8, 8)):
        with pytest.raises(ConfigError, match=r"logits|does not take"):
            usable.wrap_model(wrong, preprocessing=EIGHT)
    with pytest.raises(ConfigError, match=r"torch\.nn\.Module"):
        usable.wrap_model(lambda x: x, preprocessing=EIGHT)


@pytest.mark.parametrize("wrong", [network(), 3, None, ["bundled/resnet"], np.zeros(3)])
def test_what_is_no_model_is_refused_in_a_sentence(wrong):
    sentence = "wrap_model" if isinstance(wrong, nn.Module) else "must be a usable.Model"
    data = usable.load_dataset("digits", limit=4)

    for function, second in (
        (usable.evaluate_accuracy, data),
        (usable.explain, photo()),
        (usable.calibrate, data),
        (usable.fine_tune, data),
    ):
        with pytest.raises(ConfigError, match=sentence):
            function(wrong, second)
    with pytest.raises(ConfigError, match=sentence):
        usable.evaluate_robustness("bundled/resnet", data, surrogate=3 if wrong is None else wrong)


@pytest.mark.parametrize(
    "wrong", [3, None, {}, np.zeros((2, 8, 8, 3)), (np.zeros((2, 8, 8, 3)),), [1, 2], iter([])]
)
def test_what_is_no_data_set_is_refused_in_a_sentence(model, wrong):
    with pytest.raises(DatasetRefused):
        usable.evaluate_accuracy(model, wrong)


class Pairs(torch.utils.data.Dataset):
    classes = tuple("0123456789")

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


def test_arrays_tensors_and_torch_data_sets_are_the_data_set_that_they_hold(model):
    pixels, targets = digit_pixels()
    pixels, targets = pixels[:30], targets[:30]
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    names = list("0123456789")
    forms = [
        usable.dataset_from_arrays(pixels, targets, names),
        usable.dataset_from_arrays(x, torch.from_numpy(targets), names),
        usable.dataset_from_arrays([Image.fromarray(p) for p in pixels], list(targets), names),
        (pixels / 255, targets),
        Pairs(x, targets),
        list(zip(pixels, targets, strict=True)),
    ]

    results = [usable.evaluate_accuracy(model, form) for form in forms]

    whole = usable.load_dataset("digits")
    expected = usable.evaluate_accuracy(model, whole.take(range(30)))
    assert all(r.accuracy == expected.accuracy for r in results)
    assert all(list(r.records["id"]) == list(whole.ids[:30]) for r in results)
    assert len(usable.compare(results[:3]).pairs) == 3


@pytest.mark.parametrize(
    ("images", "labels", "names", "sentence"),
    [
        (np.zeros((0, 8, 8, 3)), [], None, "0 pictures"),
        (np.zeros((2, 8, 8, 3)), [0], None, r"labels of shape \(1,\)"),
        (np.zeros((2, 8, 8, 3)), [0, 0.5], None, "whole numbers"),
        (np.zeros((2, 8, 8, 3)), [0, -1], None, "whole numbers"),
        (np.zeros((2, 8, 8, 3)), ["a", "b"], None, "whole numbers"),
        (np.zeros((2, 8, 8, 3)), [0, 2], ["a", "b"], "only 2 class names"),
        (np.zeros((2, 8, 8, 3)), [0, 1], "ab", "list of class names"),
        (np.zeros((2, 8, 8, 3)) - 1, [0, 1], None, "Picture 0 cannot be used"),
        (3, [0], None, "array, a tensor or a list"),
    ],
)
def test_arrays_that_are_no_labelled_pictures_are_refused(images, labels, names, sentence):
    with pytest.raises(DatasetRefused, match=sentence):
        usable.dataset_from_arrays(images, labels, names)


def test_a_torch_data_set_that_changes_its_pictures_is_refused(model):
    class Random(Pairs):
        def __getitem__(self, i):
            return torch.rand(3, 8, 8), self.labels[i]

    with pytest.raises(DatasetRefused, match="another picture each time"):
        usable.evaluate_accuracy(model, Random(None, [0, 1]))


def test_the_config_says_all_that_the_model_was_loaded_by(tmp_path):
    save_file(usable.load_model("bundled/resnet").network.state_dict(), tmp_path / "w.safetensors")
    model = usable.load_model(
        "bundled/resnet", weights=tmp_path / "w.safetensors", preprocessing={"mean": "0.5"}
    )
    part = usable.load_dataset("digits", "test", limit=4, seed=1)

    unlabelled = usable.dataset_from_arrays(
        np.stack([part[i][0] for i in range(4)]), part.targets, model.labels.names
    )
    result = usable.evaluate_robustness(model, unlabelled, steps=1, walked=0, surrogate=model)

    expected = ModelSpec(
        "bundled/resnet",
        weights=str(tmp_path / "w.safetensors"),
        preprocessing=(("mean", "0.5"),),
    )
    assert result.config.model == expected == model.spec
    assert result.config.surrogate == expected


def test_the_config_names_the_part_of_the_data_that_was_evaluated(model):
    part = usable.load_dataset("digits", "test", limit=40, seed=1)

    result = usable.evaluate_accuracy(model, part)

    assert result.config.dataset == DatasetSpec("digits", "test", 40, 1) == part.spec
    again = usable.evaluate_accuracy(model, result.config.dataset)
    assert list(again.records["id"]) == list(part.ids)
    assert part.take([0]).spec is None


def test_a_kept_answer_is_taken_from_the_store_whoever_asks(model):
    part = usable.load_dataset("digits", "test", limit=40)

    kept = usable.evaluate_accuracy(model, part, store=True)
    again = usable.evaluate_accuracy(model, DatasetSpec("digits", "test", 40), store=True)
    usable.evaluate_accuracy(model, part)

    first, second = sorted(RunStore().list(), key=lambda run: run.created)
    assert second.answered_by == first.id
    assert first.config == kept.config
    assert kept.n == 40
    assert kept.accuracy == again.accuracy == usable.evaluate_accuracy(model, part).accuracy


def test_python_and_the_command_line_share_the_store(tmp_path, capsys):
    images = tmp_path / "images"
    for name in ("cat", "dog"):
        (images / name).mkdir(parents=True)
        for seed in range(3):
            (images / name / f"{seed}.png").write_bytes(png(seed + len(name)))
    usable.evaluate_accuracy("bundled/resnet", str(images), store=True)

    status = main(["evaluate", "accuracy", "--model", "bundled/resnet", "--dataset", str(images)])

    assert status == 0
    assert "Answered from the store" in capsys.readouterr().err


def test_a_part_taken_by_hand_cannot_be_stored(model):
    part = usable.load_dataset("digits").take(range(10))

    with pytest.raises(ConfigError, match="taken by hand"):
        usable.evaluate_accuracy(model, part, store=True)
    with pytest.raises(ConfigError, match="taken by hand"):
        usable.fine_tune("bundled/resnet", "digits", store=True, source=part)
    pixels, targets = digit_pixels()
    arrays = usable.dataset_from_arrays(pixels[:9], targets[:9])
    unnamed = usable.wrap_model(network(5), preprocessing=EIGHT)
    with pytest.raises(IncompatibleLabels):
        usable.evaluate_accuracy(unnamed, arrays, store=True)
    assert RunStore().list()[0].title == "Accuracy of Sequential on arrays"


def test_a_fine_tuned_model_is_kept_as_a_run_or_in_memory():
    start, data = usable.load_model("bundled/vgg"), usable.load_dataset("digits", limit=60)
    schedule = Schedule(epochs=1, batch_size=20)

    stored, result = usable.fine_tune(
        start, data, store=True, schedule=schedule, method="linear_probe"
    )
    passing, _ = usable.fine_tune(start, data, schedule=schedule, method="linear_probe")

    (run,) = RunStore().list()
    assert stored.name == f"run/{run.id}"
    assert usable.load_model(stored.name).fingerprint == stored.fingerprint
    assert result.config.dataset == DatasetSpec("digits", "auto", 60)
    assert passing.name == "bundled/vgg, fine-tuned"
    assert len(passing.predict(photo())[0]) == 5
    with pytest.raises(ConfigError, match="Give folder or store=True"):
        usable.fine_tune(start, data, "somewhere", store=True)


def test_adversarial_images_are_within_epsilon_and_fool_the_model(model):
    data = usable.load_dataset("digits", "test", limit=12)
    images, names = [data[i][0] for i in range(12)], [data.labels.names[t] for t in data.targets]
    x = torch.stack([EIGHT.geometry(image) for image in images])

    x_adv = usable.attack(model, images, names, epsilon=0.3, steps=10)
    indices = usable.attack(model, x, torch.from_numpy(data.targets), epsilon=0.3, steps=10)
    glance = usable.attack(model, x, data.targets, epsilon=0.3, preset="glance")

    assert float((x_adv - x).abs().max()) <= 0.3 + 1e-6
    assert x_adv.min() >= 0
    assert x_adv.max() <= 1
    torch.testing.assert_close(x_adv, indices)
    for attacked in (x_adv, glance):
        predicted = [p[0].index for p in model.predict(attacked)]
        assert all(predicted != data.targets)
    assert usable.attack(model, [], [], epsilon=0.1).shape == (0, 3, 8, 8)


def test_of_a_presets_attacks_the_first_that_succeeds_counts():
    model = usable.load_model("bundled/vgg")
    x = torch.rand(16, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    x = nn.functional.avg_pool2d(x, 9, 1)
    answers = [p[0].index for p in model.predict(x)]  # so that all are right when clean

    first = usable.attack(model, x, answers, epsilon=1 / 255, attack="fgsm")
    both = usable.attack(model, x, answers, epsilon=1 / 255, preset="glance")

    is_fooled = np.array([p[0].index for p in model.predict(first)]) != answers
    assert 0 < is_fooled.sum() < 16
    torch.testing.assert_close(both[is_fooled], first[is_fooled])
    assert not torch.equal(both[~is_fooled], first[~is_fooled])


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"epsilon": -1}, ConfigError, "epsilon"),
        ({"epsilon": 0.1, "attack": "pdg"}, UnknownName, "pgd"),
        ({"epsilon": 0.1, "attack": "apgd", "norm": "l1"}, ConfigError, "norm"),
        ({"epsilon": 0.1, "step": 2}, UnknownName, "steps"),
        ({"epsilon": 0.1, "labels": ["3"]}, AttackError, "2 images, 1 labels"),
        ({"epsilon": 0.1, "labels": [3, 10]}, AttackError, "0 to 9"),
        ({"epsilon": 0.1, "labels": ["3", "x"]}, IncompatibleLabels, "x"),
    ],
)
def test_a_wrong_attack_is_refused_in_a_sentence(model, settings, error, sentence):
    labels = settings.pop("labels", [0, 1])

    with pytest.raises(error, match=sentence):
        usable.attack(model, torch.rand(2, 3, 8, 8), labels, **settings)


@pytest.mark.parametrize("wrong", [[3, 4], [accuracy_result([0], [0]), 3], [None, None]])
def test_what_is_no_result_is_not_compared(wrong):
    with pytest.raises(ConfigError, match="but got"):
        usable.compare(wrong)


def test_a_setting_of_a_map_that_does_not_exist_is_refused():
    with pytest.raises(UnknownName, match="Unknown setting 'targett'"):
        usable.explain("bundled/resnet", photo(), targett="cat")


def test_a_value_that_a_settings_type_does_not_list_is_refused():
    with pytest.raises(ConfigError, match="precision must be one of float32, bfloat16"):
        AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"), precision="float64")


def test_a_number_out_of_its_range_is_refused_by_both_ends():
    with pytest.raises(ConfigError, match="segments must be at least 2 and at most 1,000"):
        ExplainerOptions(segments=1001)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda m: usable.load_model(nn.Linear(2, 2)), "not by the type Linear"),
        (lambda m: usable.load_model(3), "not by the type int"),
        (lambda m: usable.load_dataset("digits", limit="ten"), "a whole number"),
        (lambda m: usable.load_dataset("digits", limit=2.5), "a whole number"),
        (lambda m: usable.load_dataset("digits", limit=0), "at least 1"),
        (
            lambda m: usable.explain(m, np.zeros((8, 8, 3), np.uint8), method=3),
            "Unknown explanation method 3",
        ),
        (
            lambda m: usable.explain(m, np.zeros((8, 8, 3), np.uint8), options={"a": 1}),
            "usable.ExplainerOptions",
        ),
        (lambda m: usable.evaluate_explanation(m, "digits", options=3), "usable.ExplainerOptions"),
        (lambda m: usable.compare(1), "a list of results"),
    ],
)
def test_an_argument_of_another_type_is_refused_in_a_sentence(model, ask, sentence):
    with pytest.raises(usable.errors.UsableError, match=sentence):
        ask(model)
