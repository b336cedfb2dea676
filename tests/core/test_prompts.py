"""A prompt is read behind each text, whatever is done to the text, and stays with the model."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from made_texts import save_classifier
from test_text_training import QUICK, TASK, planted
from tokenizers import Tokenizer, processors

from usable_core import evaluate_accuracy, evaluate_robustness, explain, load_model
from usable_core.datasets.splits import training_splits
from usable_core.errors import ConfigError
from usable_core.evaluations.specs import ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.prompts import with_prompt
from usable_core.models.sources.from_card import model_in
from usable_core.training.fine_tuning import fine_tune

pytest.importorskip("transformers")
PROMPT = "The garden is"
KINDS = ("bert", "gpt2")
SPELT = {
    "none": None,
    "bytes": processors.ByteLevel(trim_offsets=True),
    "bert": processors.BertProcessing(("<end>", 2), ("<begin>", 0)),
    "roberta": processors.RobertaProcessing(("<end>", 2), ("<begin>", 0), add_prefix_space=False),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Random classifiers, by type."""
    found = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        save_classifier(folder, kind)
        found[kind] = load_model(folder)
    return found


def ending(takes, kind):
    """The same tokenizer, whose texts end in another way."""
    said = json.loads(takes.identity)
    said["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(said))
    if SPELT[kind] is not None:
        tokenizer.post_processor = SPELT[kind]
    return replace(takes, tokenizer=tokenizer)


@pytest.mark.parametrize("kind", ["own", *SPELT])
def test_a_text_with_a_prompt_is_the_text_that_ends_with_it(kind, models):
    takes = models["bert"].input if kind == "own" else ending(models["bert"].input, kind)

    asked = with_prompt(takes, PROMPT)

    for text in ("It rained all day.", "no", "naïve café — déjà vu 42"):
        found, whole = asked.encoded(text), takes.encoded(f"{text} {PROMPT}")
        assert found.ids == whole.ids
        own = [span for span in found.offsets if span != (0, 0)]
        assert own == [span for span in takes.encoded(text).offsets if span != (0, 0)]
    again = with_prompt(asked, "It is")
    assert again.encoded("no").ids == takes.encoded("no It is").ids


def test_a_long_text_is_cut_and_its_prompt_is_not(models):
    takes, text = models["bert"].input, "rain " * 100

    asked = with_prompt(takes, PROMPT)

    tail = takes.encoded(f"no {PROMPT}").ids[-6:]
    assert asked.encoded(text).ids[-6:] == tail
    assert len(asked.encoded(text).ids) == takes.longest
    assert asked.is_cut(text)
    assert asked.encoded("").ids[-6:] == tail


@pytest.mark.parametrize(
    ("prompt", "sentence"), [(" ", "is empty"), ("why " * 60, "Give one of at most 20")]
)
def test_a_prompt_that_cannot_be_one_is_refused(prompt, sentence, models):
    with pytest.raises(ConfigError, match=sentence):
        with_prompt(models["bert"].input, prompt)


def test_pictures_have_no_prompt(tmp_path):
    config = FineTuningConfig(ModelSpec("bundled/vgg"), TASK, prompt=PROMPT)

    with pytest.raises(ConfigError, match="takes pictures"):
        fine_tune(
            model=load_model("bundled/vgg"),
            dataset=planted(),
            config=config,
            report=silent,
            folder=tmp_path,
        )


@pytest.mark.parametrize("method", ["full", "linear_probe"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_model_keeps_its_prompt(kind, method, models, tmp_path):
    model, data = models[kind], planted()
    config = FineTuningConfig(
        ModelSpec(model.name), TASK, method=method, prompt=PROMPT, schedule=replace(QUICK, epochs=2)
    )

    result = fine_tune(
        model=model, dataset=data, config=config, report=silent, folder=tmp_path / "a"
    )

    tuned, text = model_in(tmp_path / "a"), "nobody minded the rain"
    plain = copy.copy(tuned)
    plain.input = model.input
    read = model.input.read(f"{text} {PROMPT}")
    assert torch.equal(tuned.input.read(text), read)
    assert tuned.input.prompt == tuned.input.values["prompt"] == PROMPT
    assert "--prompt 'The garden is'" in result.card["command"]
    assert tuned.predict(text) == plain.predict(f"{text} {PROMPT}")
    assert model.input.prompt == ""
    # What training itself saw of the texts that it held out.
    _, held_out = training_splits(data, TASK)
    said = result.records["validation_accuracy"].iloc[-1]
    found = evaluate_accuracy(tuned, held_out).records
    assert (found["prediction"] == found["label"]).mean() == pytest.approx(said)


def test_explanations_and_attacks_know_the_words_of_the_text_alone(models, tmp_path):
    config = FineTuningConfig(
        ModelSpec("any"), TASK, prompt=PROMPT, schedule=replace(QUICK, epochs=1)
    )
    fine_tune(
        model=models["bert"], dataset=planted(), config=config, report=silent, folder=tmp_path
    )
    tuned, data = model_in(tmp_path), planted(6)

    found = explain(tuned, "nobody minded the rain", method="lime")
    result = evaluate_robustness(tuned, data, preset="typo", epsilons=(0, 1.0), walked=0)

    assert found.text.split() == ["nobody", "minded", "the", "rain"]
    assert found.values.size == 4
    rows = result.records[result.records["epsilon"] == 1.0].to_dict("records")
    assert [row["words"] for row in rows] == [len(data[i][0].split()) for i in range(6)]
    plain = models["bert"].input
    for row in rows:
        changed = row["adversarial_text"] or row["text"]
        asked = plain.stack([plain.read(f"{changed} {PROMPT}")])
        assert int(tuned(asked).argmax()) == row["prediction"]


def test_the_source_of_a_joint_objective_is_read_as_it_was(models, tmp_path):
    source = planted(30, seed=9, names=("calm", "angry"))
    config = FineTuningConfig(
        ModelSpec("any"), TASK, prompt=PROMPT, source=TASK, schedule=replace(QUICK, epochs=1)
    )

    fine_tune(
        model=models["bert"],
        dataset=planted(),
        config=config,
        report=silent,
        folder=tmp_path,
        source=source,
    )

    assert model_in(tmp_path).input.prompt == PROMPT
    assert model_in(tmp_path / "source").input.identity == models["bert"].input.identity
