"""Options made from dataclasses: names, help, defaults and values come from the fields."""

import re
from dataclasses import dataclass, field
from typing import Literal

import pytest
import typer
from typer.testing import CliRunner

from usable_core.cli.options import expanded
from usable_core.errors import ConfigError, UnknownName
from usable_core.evaluations.explanation import ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, asked

WORDS = ["--model", "timm/x", "--dataset", "digits"]


@dataclass(frozen=True)
class Inner:
    """Settings within settings.

    Attributes:
        rate: How fast,
            in units.
        seed: Of the inner.
    """

    rate: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Settings:
    """A question.

    Attributes:
        model: The model.
        dataset: The data.
        kind: Which `kind`.
        weight: λ.
        parts: Several.
        levels: Numbers.
        whole: Texts with commas.
        other: A second model.
        source: Second data.
        inner: More.
        seed: Of everything.
    """

    model: ModelSpec
    dataset: DatasetSpec
    kind: Literal["one", "two"] = "one"
    weight: float = field(default=1.0, metadata=asked("--lambda"))
    parts: tuple[str, ...] = ("a", "b")
    levels: tuple[int, ...] = (1, 2)
    whole: list[str] | None = None
    other: ModelSpec | None = None
    source: DatasetSpec | None = None
    inner: Inner = Inner()
    seed: int = 0


def filled(kind, *words):
    """The record of `kind` that a command of these words receives."""
    received = []

    def command(config) -> None:
        received.append(config)

    command.__annotations__["config"] = kind
    app = typer.Typer()
    app.command()(expanded(command))
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return received[0] if received else done


def test_what_is_not_said_is_as_the_record_has_it():
    assert filled(Settings, *WORDS) == Settings(ModelSpec("timm/x"), DatasetSpec("digits"))


def test_every_kind_of_field_is_read():
    found = filled(
        Settings,
        *WORDS,
        *("--kind", "two", "--lambda", "1/4", "--parts", "b,c", "--parts", "d", "--levels", "3,1"),
        *("--arch-option", "pad_type=same", "--arch-option", "k=v", "--rate", "8/255"),
    )

    assert (found.kind, found.weight, found.inner.rate) == ("two", 0.25, 8 / 255)
    assert (found.parts, found.levels) == (("b", "c", "d"), (1, 3))
    assert found.model.arch_options == (("pad_type", "same"), ("k", "v"))


def test_one_seed_goes_everywhere_and_a_second_model_takes_only_trust_and_seed():
    found = filled(
        Settings,
        *WORDS,
        *("--seed", "7", "--limit", "5", "--weights", "w", "--trust"),
        *("--other", "file/o.pt2", "--source", "cifar10"),
    )

    assert (found.seed, found.dataset.seed, found.inner.seed) == (7, 7, 7)
    assert found.other == ModelSpec("file/o.pt2", trust=True)
    assert found.source == DatasetSpec("cifar10", seed=7)


def filled_many(*words):
    return [
        (spec.reference, spec.weights, spec.preprocessing)
        for spec in filled(tuple[ModelSpec, ...], *words)
    ]


def test_several_models_take_an_option_each_in_their_order():
    two = ["--config", "a", "--config", "a", "--weights", "x", "--weights"]
    resized = (("resize", "8"), ("crop", "6"))

    assert filled_many("--config", "a,b,a") == [("a", None, ()), ("b", None, ())]
    assert filled_many(*two, "y,z") == [("a", "x", ()), ("a", "y,z", ())]
    assert filled_many(*two, "none") == [("a", "x", ()), ("a", None, ())]
    assert filled_many(
        *("--config", "a,b", "--preprocessing", "none", "--preprocessing", "resize=8 crop=6")
    ) == [("a", None, ()), ("b", None, resized)]
    assert filled_many(
        *("--config", "a", "--preprocessing", "resize=8", "--preprocessing", "crop=6")
    ) == [("a", None, resized)]


@pytest.mark.parametrize(
    ("words", "times"),
    [
        (["--config", "a,b", "--weights", "x"], "1 times for 2"),
        (["--config", "a", "--weights", "x", "--weights", "y"], "2 times for 1"),
        (["--config", "a,b", "--arch-option", "k=v"], "1 times for 2"),
    ],
)
def test_an_option_that_is_not_said_for_each_model_is_refused(words, times):
    with pytest.raises(ConfigError, match=f"{times} of --config. Give it once for each"):
        filled_many(*words)


def test_help_and_defaults_are_those_of_the_dataclass():
    shown = filled(Settings, "--help").output

    assert "How fast, in units." in shown
    assert "Which kind. One of one, two." in shown
    assert "[default: a, b]" in shown
    assert "Seed of the splits and of all randomness. [default: 0]" in " ".join(shown.split())


def test_help_names_the_form_of_a_value():
    shown = filled(Settings, "--help").output

    forms = {"--lambda": "<float>", "--parts": "<str,…>", "--levels": "<int,…>", "--whole": "<str>"}
    assert all(re.search(rf"{name} +{form} ", shown) for name, form in forms.items())
    assert re.search("--preprocessing +KEY=VALUE ", shown)


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        (["--kind", "three"], UnknownName, "Unknown kind 'three'"),
        (["--lambda", "x"], ConfigError, "--lambda must be a number"),
        (["--levels", "x"], ConfigError, "--levels must be whole numbers"),
        (["--preprocessing", "mean"], ConfigError, "--preprocessing must be KEY=VALUE"),
    ],
)
def test_a_mistake_is_a_sentence(words, error, sentence):
    with pytest.raises(error, match=sentence):
        filled(Settings, *WORDS, *words)


def test_a_preset_brings_its_number_of_examples_unless_one_is_said():
    assert filled(RobustnessConfig, *WORDS, "--preset", "glance").dataset.limit == 64
    said = filled(RobustnessConfig, *WORDS, "--preset", "glance", "--limit", "9")
    assert said.dataset.limit == 9
    assert filled(RobustnessConfig, *WORDS).dataset.limit is None


def test_explanations_are_of_ten_images_and_evidence_is_a_flag():
    found = filled(ExplanationConfig, *WORDS)

    assert (found.dataset.limit, found.evidence) == (10, "curves")
    assert filled(ExplanationConfig, *WORDS, "--evidence").evidence == "all"
