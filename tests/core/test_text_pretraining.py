"""Networks of texts from random weights: what they learn without labels, and what comes of it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from usable_core import load_dataset, load_model
from usable_core.answering import resolve, run
from usable_core.cli import main
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.evaluations.training_words import in_words
from usable_core.models.text_architectures import FEWEST, bert
from usable_core.models.weights.checkpoints import read_card
from usable_core.tasks import in_short
from usable_core.training.language_modelling import language_modelling
from usable_core.training.material import load_material
from usable_core.training.text_pretraining import validate

pytest.importorskip("transformers")
TEXTS = [
    f"{who} {does} {what}"
    for who in ("a cat", "the dog", "my bird", "Zoë", "one of them")
    for does in ("sees", "hears", "likes", "never finds")
    for what in ("a mouse", "the rain", "its tail", "naïve café owners", "no way out")
]
ARCHITECTURES = ("bert", "gpt")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("\n".join(TEXTS) + "\n\n", encoding="utf-8")
    return DatasetSpec(str(path))


def asked(config, folder=None):
    return run(config, resolve(config), silent, folder)


def trained(folder, architecture, data, **changes):
    settings = {"epochs": 6, "batch_size": 8, "precision": "float32", **changes}
    config = PretrainingConfig(architecture, data, Schedule(**settings))
    return asked(config, folder)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tiny_pretraining_lowers_the_loss_of_held_out_texts(architecture, data, tmp_path):
    result = trained(tmp_path / "a", architecture, data, epochs=20)

    losses = result.records["validation_loss"]
    assert losses.iloc[-1] < result.start.task - 1
    assert result.records["train_loss"].iloc[-1] < result.start.task - 1
    frame = result.to_frame()
    assert frame["perplexity"].tolist() == pytest.approx(np.exp(losses).tolist())
    assert result.perplexity == frame["perplexity"].iloc[-1]
    assert 0 < frame["validation_accuracy"].iloc[-1] <= 1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_seed_gives_the_same_start_and_another_another(architecture, data, tmp_path):
    frames, models = [], []
    for place, seed in enumerate((0, 0, 1)):
        result = trained(tmp_path / str(place), architecture, data, epochs=2, seed=seed)
        frames.append(result.records.drop(columns="seconds"))
        models.append(load_model(tmp_path / str(place)).fingerprint)

    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert models[0] == models[1] != models[2]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_start_that_is_loaded_guesses_as_its_card_says(architecture, data, tmp_path):
    result = trained(tmp_path / "a", architecture, data)

    model = load_model(tmp_path / "a")
    held_out = load_dataset(data.reference, "validation")
    material = load_material(held_out, model.input, torch.device("cpu"), silent)
    found = validate(language_modelling(model.network, model.input, "a"), material)
    measured = read_card(tmp_path / "a")["measured"]
    assert found.loss == pytest.approx(measured["validation_loss"], abs=1e-5)
    assert found.accuracy == pytest.approx(measured["validation_accuracy"])
    assert measured["validation_examples"] == len(material)
    assert result.card["objective"] == {"bert": "masked", "gpt": "causal"}[architecture]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_text_can_be_written_in_a_tokenizers_pieces(architecture, data, tmp_path):
    trained(tmp_path / "a", architecture, data, epochs=1)

    takes = load_model(tmp_path / "a").input

    def pieces(text):
        return [takes.tokenizer.id_to_token(i) for i in takes.read(text).flatten().tolist()]

    begin, *inner, end = pieces(TEXTS[0])
    signs = {"bert": ("[CLS]", "[SEP]"), "gpt": ("<|endoftext|>",) * 2}
    assert (begin, end) == signs[architecture]
    assert len(inner) < len(TEXTS[0])
    for text in (*TEXTS, "ZOË", "日本 🙂", "tab\tand\nline"):
        assert takes.tokenizer.decode(takes.read(text).flatten().tolist()) == text
    assert max(takes.read(text).max() for text in TEXTS) < takes.known
    assert takes.is_cut("a b c " * 100)


def test_few_texts_have_short_pieces_and_many_have_longer_ones():
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abcdefghij"), 6)) for _ in range(3000)]

    few = bert(words[:50]).takes
    many = bert([" ".join(draw.choice(words, 10)) for _ in range(10_000)]).takes

    assert few.known == FEWEST
    assert 600 < many.known < 800  # 690,000 characters, one piece for a thousand


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_start_is_fine_tuned_and_then_has_classes(architecture, data, tmp_path):
    trained(tmp_path / "start", architecture, data, epochs=1)
    start = ModelSpec(str(tmp_path / "start"))
    task = DatasetSpec("languages", limit=60)

    result = asked(
        FineTuningConfig(start, task, schedule=Schedule(epochs=1, batch_size=16)),
        tmp_path / "tuned",
    )

    assert len(load_model(tmp_path / "tuned").labels) == 15
    assert result.perplexity is None
    assert "objective" not in result.card


def test_a_start_has_no_classes_to_be_measured_by(data, tmp_path):
    trained(tmp_path / "start", "bert", data, epochs=1)
    config = AccuracyConfig(ModelSpec(str(tmp_path / "start")), DatasetSpec("languages"))

    with pytest.raises(ConfigError, match=r"has no classes.*usable finetune --model"):
        asked(config)


@pytest.mark.parametrize(
    ("architecture", "kind", "other"),
    [("bert", "text", "picture"), ("small_vgg", "picture", "text")],
)
def test_data_of_the_other_kind_are_refused(architecture, kind, other, tmp_path):
    reference = {"text": "languages", "picture": "digits"}[other]

    with pytest.raises(
        ConfigError,
        match=f"{architecture} takes {kind}s, and {reference} holds {other}s. Choose .* of {kind}s",
    ):
        asked(PretrainingConfig(architecture, DatasetSpec(reference)), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epsilon": 0.1}, "epsilon must be 0 for texts"),
        ({"label_smoothing": 0.1}, "label_smoothing must be 0"),
        ({"augmentation": "shift"}, "augmentation must be none for texts"),
    ],
)
def test_what_has_no_meaning_for_texts_is_refused(changes, said, data, tmp_path):
    epsilon = changes.pop("epsilon", 0.0)
    config = PretrainingConfig("gpt", data, Schedule(epochs=1, **changes), epsilon)

    with pytest.raises(ConfigError, match=said):
        asked(config, tmp_path)


def test_a_pretraining_is_told_in_words(data, tmp_path, capsys):
    words = ["--architecture", "gpt", "--dataset", data.reference, "--epochs", "2"]

    main(["pretrain", *words])

    found = capsys.readouterr()
    said = " ".join(found.out.split())
    assert "Of next pieces in" in said
    assert "a perplexity of" in said
    assert "usable finetune --model run/" in said
    assert "The texts have no labels" in found.err


def test_the_words_of_a_pretraining_are_its_numbers(data, tmp_path):
    result = trained(tmp_path / "a", "bert", data, epochs=2)

    (said,) = in_words(result)

    assert said.startswith("2 epochs in ")
    loss = result.records["validation_loss"].iloc[-1]
    assert "adamw at 0.001. Of hidden pieces in 10 validation texts it guesses" in said
    assert f": a loss of {loss:.3f} nats each, a perplexity of {result.perplexity:.1f}." in said
    assert in_short("pretrain", result.summary()) == f"perplexity {result.perplexity:.1f}"
    assert json.dumps(result.summary())


def test_plain_texts_are_one_a_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone text\r\n\r\n  two  \nthree".encode())

    data = load_dataset(path)

    assert [data[i][0] for i in range(len(data))] == ["one text", "two", "three"]
    assert data.labels.names == ("unlabelled",)
    assert data.place(1) == "line 3"
    assert "no labels" in data.notes[0]


def test_a_table_without_labels_is_pretrained_on(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f'"the {n} cats sat on {n + 1} mats",{n}' for n in range(40)]
    path.write_text("\n".join(["review,year", *lines]))
    config = PretrainingConfig("bert", DatasetSpec(str(path)), Schedule(epochs=1, batch_size=8))

    result = asked(config, tmp_path / "out")

    assert result.is_start
    assert result.card["measured"]["validation_examples"] == 4


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00", "plain text in UTF-8"), (b" \n\n", "holds no text")]
)
def test_what_is_no_plain_text_is_refused(content, said, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(content)

    with pytest.raises(DatasetRefused, match=said):
        load_dataset(path)
