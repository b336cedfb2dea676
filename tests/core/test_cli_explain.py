"""`usable explain` and `usable evaluate explanation`: every number beside a map is in the JSON."""

import json

import numpy as np
import pytest
import torch
import torchvision
from made_pictures import png
from safetensors.torch import save_file
from typer.testing import CliRunner

from usable_core import cli
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS
from usable_core.cli.explain import between_models
from usable_core.errors import ExplanationError
from usable_core.evaluations.evidence import Stability
from usable_core.evaluations.explained import Explanation
from usable_core.explainers import cam


def as_json(capsys, *words):
    capsys.readouterr()
    assert cli.main([*words, "--json", "-"]) == 0
    return json.loads(capsys.readouterr()[0])


@pytest.mark.parametrize("command", ["explain", "evaluate explanation"])
def test_the_help_names_every_method_and_background_of_the_catalog(command):
    shown = CliRunner(env={"COLUMNS": "300"}).invoke(cli.app, [*command.split(), "--help"])

    for name in (*EXPLAINERS, *BACKGROUNDS, "--tolerance", "--precision", "--evidence"):
        assert name in shown.output


def test_the_json_of_an_explanation_holds_all_that_is_known_of_its_maps(capsys, tmp_path):
    picture = tmp_path / "photo.png"
    picture.write_bytes(png(size=(32, 32)))

    found = as_json(
        capsys,
        "explain",
        "--image",
        str(picture),
        "--model",
        "bundled/resnet",
        "--method",
        "lime,grad_cam",
        "--target",
        "true",
        "--label",
        "cat",
        "--evidence",
        "--drift",
        "--evaluations",
        "64",
        "--segments",
        "9",
        "--out",
        str(tmp_path / "maps"),
    )

    lime, _ = found["maps"]
    assert found["target"] == "cat"
    count = len(found["superpixels"])
    assert len(lime["credits"]) == count
    assert {"r2", "effective_samples", "output", "unit", "precision", "seconds"} <= set(lime)
    if "stability" in lime:
        assert {"values", "low", "high", "is_settled", "error_share"} <= set(lime["stability"])
    curves = lime["evidence"]["curves"]
    assert [c["kind"] for c in curves].count("road") == 1
    assert {"area", "random_area", "centre_area", "gain", "fractions"} <= set(curves[0])
    assert {"randomised", "other_class", "ignores_weights"} <= set(lime["evidence"]["sanity"])
    assert (
        found["familiarity"]["is_unlike"] is False
        or found["familiarity"]["score"] < (found["familiarity"]["threshold"])
    )
    budgets = found["fragility"]["epsilons"]
    assert lime["drift"]["epsilons"] == budgets
    assert (
        len(lime["drift"]["rank_correlation"]) == len(lime["drift"]["rank_drift"]) == len(budgets)
    )
    assert lime["drift"]["is_kept"] == found["fragility"]["is_kept"]
    assert all({"name", "sentence"} == set(doubt) for doubt in lime["doubts"])
    for kind in ("values", "randomised", "other_class"):
        assert np.load(lime[kind]).shape == (32, 32)
    assert found["agreement"]["names"] == ["lime", "grad_cam"]
    assert len(found["agreement"]["consensus"]) == count


def test_a_method_that_refuses_a_model_is_told_and_the_others_have_their_maps(
    capsys, tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise ExplanationError("There is no grid in this network.")

    monkeypatch.setattr(cam, "explain_grad", refuse)
    picture = tmp_path / "photo.png"
    picture.write_bytes(png(size=(32, 32)))
    words = [
        "explain",
        "--image",
        str(picture),
        "--model",
        "bundled/resnet",
        "--evaluations",
        "64",
        "--segments",
        "9",
        "--out",
        str(tmp_path / "maps"),
        "--json",
        "-",
    ]

    assert cli.main([*words, "--method", "grad_cam,saliency"]) == 0
    out, err = capsys.readouterr()
    assert [one["method"] for one in json.loads(out)["maps"]] == ["saliency"]
    assert "no grad_cam map of bundled/resnet. There is no grid" in err
    assert cli.main([*words, "--method", "grad_cam"]) == 2


def saliency_of(capsys, picture, out, *more):
    """The file of a picture's map, and its values."""
    words = ["explain", "--image", str(picture), "--method", "saliency", "--out", str(out)]
    models = () if "--model" in more else ("--model", "bundled/resnet")
    (one,) = as_json(capsys, *words, *models, *more)["maps"]
    return one["values"], np.load(one["values"])


def test_every_picture_has_a_file_of_its_own(capsys, tmp_path):
    """Names of other scripts, of one folder each, and that differ by their case only."""
    pictures = [tmp_path / n for n in ("写真.png", "猫.png", "a/x.png", "b/x.png", "ä.png")]
    pictures += [tmp_path / "photo.png", tmp_path / "Photo.png", tmp_path / "x.jpg"]
    pictures += [tmp_path / f"{'long' * 40}{end}.png" for end in "12"]
    for place, picture in enumerate(pictures):
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(png(place, (32, 32)))

    written = [saliency_of(capsys, picture, tmp_path / "maps")[0] for picture in pictures]

    assert len({name.casefold() for name in written}) == len(pictures)
    assert "写真" in written[0]


def test_another_class_or_model_of_a_picture_has_another_file(capsys, tmp_path):
    picture, out = tmp_path / "photo.png", tmp_path / "maps"
    picture.write_bytes(png(size=(32, 32)))

    first, values = saliency_of(capsys, picture, out, "--target", "cat")
    others = [
        saliency_of(capsys, picture, out, "--target", "dog")[0],
        saliency_of(capsys, picture, out, "--model", "bundled/vgg", "--target", "cat")[0],
    ]
    again, same = saliency_of(capsys, picture, out, "--target", "cat")

    assert len({first, *others}) == 3
    assert again == first
    assert np.array_equal(same, values)


def test_the_true_class_needs_its_name(capsys):
    words = ["explain", "--image", "a.png", "--model", "bundled/resnet", "--target", "true"]

    assert cli.main(words) == 2
    assert "--label" in capsys.readouterr()[1]


def explanation(credits, superpixels, target="cat", settled=None):
    segments = np.arange(len(credits), dtype=np.int32)[None]
    values = np.array(credits, np.float32)[None]
    stability = None
    if settled is not None:
        low = tuple(1.0 if is_known else -1.0 for is_known in settled)
        stability = Stability(tuple(credits), low, (2.0,) * len(low), 0.1, 2, False)
    return Explanation(
        method="lime",
        target=target,
        values=values,
        segments=segments,
        superpixels=np.array(superpixels, np.int32),
        stability=stability,
    )


def test_models_are_compared_on_the_superpixels_that_both_see():
    whole = explanation([1.0, 2.0, -3.0, 4.0], [0, 1, 2, 3], settled=(True, True, True, False))
    cropped = explanation([5.0, -6.0, -1.0], [1, 2, 3])

    found = between_models(["a", "b"], [[whole], [cropped]])["lime"]

    assert found["superpixels"] == [1, 2, 3]
    assert found["rank_correlation"][0][1] == pytest.approx(0.5)
    expected = [(2 / 4 + 5 / 6) / 2, (-3 / 4 - 1) / 2, (1 - 1 / 6) / 2]
    assert found["consensus"] == pytest.approx(expected)
    assert found["sign_agreement"][0][1] == 1  # the last one's sign is not settled in both


def test_maps_of_different_classes_are_not_compared(capsys):
    found = between_models(
        ["a", "b"], [[explanation([1.0], [0])], [explanation([1.0], [0], "dog")]]
    )

    assert found is None
    assert "different classes" in capsys.readouterr()[1]


def test_a_data_set_is_explained_with_its_doubts(capsys):
    found = as_json(
        capsys,
        "evaluate",
        "explanation",
        "--model",
        "bundled/resnet",
        "--dataset",
        "digits",
        "--limit",
        "2",
        "--method",
        "gradient_shap",
        "--evaluations",
        "32",
        "--segments",
        "9",
    )

    (row,) = found["methods"]
    assert row["deletion_gain"] is not None
    assert row["road_gain"] is None
    assert {"doubtful", "deletion_gain_low", "deletion_gain_high"} <= set(row)
    assert len(found["worst"]) == 2


def test_two_checkpoints_of_one_network_are_explained_side_by_side(capsys, tmp_path):
    torch.manual_seed(0)
    files = [tmp_path / "first.safetensors", tmp_path / "second.safetensors"]
    for file in files:
        save_file(torchvision.models.squeezenet1_1().state_dict(), file)
    picture = tmp_path / "photo.png"
    picture.write_bytes(png(size=(32, 32)))
    asked = ["explain", "--image", str(picture), "--method", "saliency", "--target", "tench"]
    sized = ["--preprocessing", "resize=64 crop=64"]
    two = [
        word
        for file in files
        for word in ("--model", "torchvision/squeezenet1_1", "--weights", str(file), *sized)
    ]

    found = as_json(capsys, *asked, *two, "--out", str(tmp_path / "maps"))

    alone = as_json(capsys, *asked, *two[6:], "--out", str(tmp_path / "alone"))
    first, second = found["models"]
    assert [part["model"].partition(" with ")[2].split()[0] for part in (first, second)] == [
        str(file) for file in files
    ]
    assert second["predictions"] == alone["predictions"] != first["predictions"]
    values = [np.load(part["maps"][0]["values"]) for part in (first, second, alone)]
    assert np.array_equal(values[1], values[2])
    assert not np.array_equal(values[0], values[1])
    assert "saliency" in found["agreement"]


def test_a_model_that_is_given_twice_is_refused(capsys, tmp_path):
    words = ["explain", "--image", "x.png", *("--model", "timm/a", "--weights", "w") * 2]

    assert cli.main(words) == 2
    assert "timm/a with w is given twice" in capsys.readouterr().err
