"""How far a measurement is to be believed: planted faults are told, and so is what is open."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result

from usable_core.evaluations.robustness import Check
from usable_core.records import from_json, to_json
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.label_doubts import agreed_labels, unlikely_labels
from usable_core.verdicts.not_measured import not_measured
from usable_core.verdicts.pretraining import pretraining
from usable_core.verdicts.trust import smallest_difference, trust

TASKS = {"accuracy": "Accuracy", "robustness": "Robustness", "explanation": "Explanation"}
PLANTED = (3, 40, 77)


def sure_answer(n=120, model="bundled/resnet", wrong=PLANTED, also=(), **more):
    """A model that is right with 90 %, and that contradicts planted labels with 95 %."""
    labels = np.arange(n) % 3
    predicted, confidence, own = labels.copy(), np.full(n, 0.9), np.full(n, 0.9)
    for i in wrong:
        predicted[i], confidence[i], own[i] = (labels[i] + 1) % 3, 0.95, 0.01
    for i in also:  # wrong, and not sure of it
        predicted[i], confidence[i], own[i] = (labels[i] + 2) % 3, 0.5, 0.3
    found = accuracy_result(labels, predicted, confidence=confidence, model=model, **more)
    return replace(found, records=found.records.assign(nll=-np.log(own)))


def remarks(answers, title):
    return [one for one in trust(answers) if one.title == title]


def test_planted_wrong_labels_are_unlikely_and_unsure_errors_are_not():
    found = unlikely_labels(sure_answer(also=(10, 20)))
    assert set(found["index"]) == set(PLANTED)
    assert unlikely_labels(sure_answer(wrong=())).empty
    absent = sure_answer()
    absent = replace(absent, records=absent.records[absent.records["label"] != 1])
    called = set(absent.records["prediction"])
    assert 1 in called, "the scene is not set"
    assert not (unlikely_labels(absent)["prediction"] == 1).any()


def test_labels_that_all_models_contradict():
    one, two = sure_answer(), sure_answer(wrong=(3, 77), also=(40,))
    assert set(agreed_labels([one, two])["index"]) == {3, 77}
    assert agreed_labels([one]).empty
    apart = sure_answer(data="other", ids=[f"other{i}" for i in range(120)])
    assert agreed_labels([one, apart]).empty
    (told,) = remarks(
        {"A": {"accuracy": one}, "B": {"accuracy": two}}, "Labels that all models contradict"
    )
    assert told.ids == ("image3", "image77")
    assert told.sentence.startswith("Both models call 2 of 120")
    assert told.tone == "doubt"


def test_leaked_and_alike_pictures_are_told():
    plain = sure_answer(wrong=())
    leaked = replace(plain, provenance=replace(plain.provenance, leaked=("image1", "image5")))
    (told,) = remarks({"A": {"accuracy": leaked}}, "Known from training")
    assert (told.tone, told.ids) == ("bad", ("image1", "image5"))
    (told,) = remarks({"A": {"accuracy": plain}}, "Known from training")
    assert told.tone == "good"
    twice = np.arange(120)
    twice[9], twice[30] = 2, 2
    (told,) = remarks(
        {"A": {"accuracy": replace(plain, records=plain.records.assign(alike=twice))}},
        "Pictures that are alike",
    )
    assert told.ids == ("image9", "image30")
    assert "2 of the 120" in told.sentence
    assert "118 different" in told.sentence
    (told,) = remarks({"A": {"accuracy": plain}}, "Pictures that are alike")
    assert told.tone == "unknown", "a run of an earlier version did not look"


@pytest.mark.parametrize(
    ("counts", "tone", "said"),
    [
        ((40, 40, 40), "good", "3 of 3 classes occur, each with 40 "),
        ((100, 15, 5), "doubt", "1 class has fewer than 10"),
        ((60, 60, 0), "good", "2 of 3 classes"),
        ((120, 0, 0), "doubt", "1 of 3 classes"),
        ((2, 2, 1), "doubt", "3 classes have fewer than 10"),
        ((2, 2, 1), "doubt", "from one example (class fox) to 2 (class "),
        ((100, 15, 5), "doubt", "from 5 examples (class fox) to 100 (class cat)"),
    ],
)
def test_balance_of_the_classes(counts, tone, said):
    labels = np.repeat([0, 1, 2], counts)
    (told,) = remarks(
        {"A": {"accuracy": accuracy_result(labels, labels)}}, "Balance of the classes"
    )
    assert told.tone == tone
    assert said in told.sentence


def test_checks_of_the_attack_stand_beside():
    plain = robustness_result([0, 1], [0, 1], [[0, 1], [0, 1], [1, 1]])

    def of(*verdicts):
        names = ("gradient", "descent", "noise")
        checks = tuple(
            Check(name, verdict, f"seen {name}.", {})
            for name, verdict in zip(names, verdicts, strict=False)
        )
        return {"robustness": replace(plain, checks=checks)}

    answers = {"A": of("green", "green"), "B": of("green", "red"), "C": of("amber")}
    told = remarks(answers, "Checks of the attack")
    assert [one.tone for one in told] == ["bad", "doubt", "good"]
    assert "B: 1 of 2 failed" in told[0].sentence
    assert "seen descent" in told[0].sentence
    assert "A (2)" in told[2].sentence


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("bundled/resnet", "digits", "trained by Usable"),
        ("torchvision/resnet50", "/data/imagenet/val", "validation part chose"),
        ("timm/vit_base.augreg_in21k_ft_in1k", "/data/pets", "not looked for"),
        ("timm/vit_base_patch16_clip_224.laion2b", "/data/pets", "any public picture"),
        ("file/classifier.pth", "/data/pets", "not known"),
    ],
)
def test_pre_training_is_told_by_names_and_no_more(model, data, said):
    made = accuracy_result([0], [0], model=model)
    assert said in pretraining(replace(made, provenance=replace(made.provenance, dataset=data)))


def test_power_by_the_formula():
    """n examples with a share f of flips show d: n = ((z sqrt(f) + z' sqrt(f - d²)) / d)²."""
    d = smallest_difference(1000, 0.1)
    needed = ((1.959964 * 0.1**0.5 + 0.841621 * (0.1 - d * d) ** 0.5) / d) ** 2
    assert needed == pytest.approx(1000, rel=1e-4)
    assert np.isnan(smallest_difference(5, 0.1))
    (told,) = remarks(
        {"A": {"accuracy": sure_answer()}, "B": {"accuracy": sure_answer(also=(9,))}}, "Power"
    )
    assert "120 examples" in told.sentence
    (told,) = remarks({"A": {"accuracy": accuracy_result([0] * 5, [1] * 5)}}, "Power")
    assert "5 examples" in told.sentence


def test_what_was_not_measured_is_made_of_what_was_not_asked():
    robust = robustness_result([0, 1], [0, 1], [[0, 1]] * 3, attack="fgsm")
    answers = {"A": {"accuracy": sure_answer(), "robustness": robust}, "B": {}}
    refused = {"B": {"accuracy": "It has other classes."}}

    named = not_measured(answers, refused, TASKS)

    assert "Accuracy of B: It has other classes" in named
    assert "Explanation of A" in named
    assert "Robustness of A" not in named
    assert "Budgets above ε = 0.03" in named
    both = not_measured({"C": {}}, {"C": dict.fromkeys(("accuracy", "robustness"), "No.")}, TASKS)
    assert both[:2] == ("Accuracy, Robustness of C: No", "Explanation of C")
    assert "Robustness on 118 of the 120 examples" in named
    assert any(name.startswith("Attacks in other norms: L2, L1") for name in named)
    others = next(name for name in named if name.startswith("Other attacks"))
    assert "PGD" in others
    assert "FGSM" not in others
    assert any("no columns" in name for name in named)
    with_columns = sure_answer()
    with_columns = replace(with_columns, records=with_columns.records.assign(about_site="x"))
    assert not any(
        "no columns" in name for name in not_measured({"A": {"accuracy": with_columns}}, {}, TASKS)
    )
    only = not_measured({}, {}, TASKS)
    assert len(only) == 3, "nothing was asked: only what nobody can measure here"


def test_findings_survive_json_and_small_answers():
    answers = {"A": {"accuracy": sure_answer()}, "B": {"accuracy": sure_answer(also=(9,))}}
    found = findings_of(answers, {}, TASKS)
    again = from_json(Findings, json.loads(json.dumps(to_json(found))))
    assert again == found
    assert set(found.summary()) == {"slices", "trust", "not_measured", "paces"}
    for labels, predicted in (([0] * 5, [1] * 5), ([0], [0]), ([], [])):
        small = accuracy_result(np.array(labels, int), np.array(predicted, int))
        assert findings_of({"A": {"accuracy": small}}, {}, TASKS).trust
