import numpy as np
import pytest
import torch
from made_pictures import photo, png
from made_results import accuracy_result, robustness_result
from torch import nn

import usable_core as usable
from usable_core.errors import ConfigError, ImageRefused, UnknownName
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.training import Schedule
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing


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
        usable.evaluate_robustness(model, data, settings={"step": 2})


def test_robustness_keeps_clean_accuracy_at_epsilon_zero(model):
    data = usable.load_dataset("digits", limit=20)

    result = usable.evaluate_robustness(
        model, data, epsilons=(0, 0.1), settings={"steps": 2, "walked": 4}
    )

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
