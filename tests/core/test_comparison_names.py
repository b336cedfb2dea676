from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result

from usable_core.comparison import compare, short_names
from usable_core.comparison.groups import groups
from usable_core.comparison.names import distinct

LABELS = np.zeros(4, int)


def _named(*references, weights=None):
    results = [accuracy_result(LABELS, LABELS, model=reference) for reference in references]
    if weights is None:
        return results
    return [
        replace(r, config=replace(r.config, model=replace(r.config.model, weights=w)))
        for r, w in zip(results, weights, strict=True)
    ]


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        (("bundled/resnet", "bundled/vgg"), ("ResNet", "VGG")),
        (("timm/resnet50.a1_in1k", "run/0whclq"), ("resnet50.a1_in1k", "run/0whclq")),
        (
            ("folder//data/team/first/model", "folder//data/team/second/model"),
            ("first/model", "second/model"),
        ),
        (("file//a/x.pt2", "file//a/y.pt2"), ("x", "y")),
        (("torchvision/resnet18", "timm/resnet18"), ("torchvision/resnet18", "timm/resnet18")),
        (("bundled/resnet", "bundled/resnet"), ("ResNet (1)", "ResNet (2)")),
    ],
)
def test_names_are_as_short_as_they_tell_the_models_apart(references, expected):
    assert short_names(_named(*references)) == expected


def test_twelve_long_paths_become_twelve_names():
    references = [f"folder//data/{'deep/' * 12}run {i:02}/checkpoints/best" for i in range(12)]

    found = short_names(_named(*references))

    assert found == tuple(f"run {i:02}/checkpoints/best" for i in range(12))


def test_own_weights_tell_one_architecture_from_itself():
    found = _named("timm/vit", "timm/vit", weights=("/w/a.safetensors", "/w/b.safetensors"))

    assert short_names(found) == ("vit (a)", "vit (b)")


def test_titles_come_first_and_a_shared_one_gets_its_id():
    found = _named("run/1a", "run/2b", "run/3c")
    titles = {"run/1a": "Tuned", "run/2b": "Tuned", "run/3c": "Other"}

    assert short_names(found, titles) == ("Tuned (1a)", "Tuned (2b)", "Other")


def test_a_number_never_makes_a_name_that_is_there_already():
    assert distinct(["a", "a", "a (1)"]) == ("a (2)", "a (3)", "a (1)")


def test_names_that_somebody_gives_stay_as_they_are():
    found = compare(_named("bundled/resnet", "bundled/vgg"), names=["x/one", "x/two"])

    assert found.names == found.short == ("x/one", "x/two")


def test_models_share_a_letter_unless_they_are_shown_to_differ():
    shown = {("p", "r"), ("s", "q"), ("p", "s")}

    letters = groups("pqrs", shown)

    assert letters == {"p": "A", "q": "AB", "r": "BC", "s": "C"}
    for first in "pqrs":
        for second in "pqrs":
            is_shown = (first, second) in shown or (second, first) in shown
            assert is_shown == (not set(letters[first]) & set(letters[second]))


def test_no_difference_is_one_group_and_all_differences_are_as_many():
    all_pairs = [("p", "q"), ("q", "r"), ("p", "r")]

    assert groups("pqr", []) == {"p": "A", "q": "A", "r": "A"}
    assert groups("pqr", all_pairs) == {"p": "A", "q": "B", "r": "C"}
    assert groups([], []) == {}
