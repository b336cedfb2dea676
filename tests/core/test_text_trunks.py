"""Networks of texts without classes are starts of training, and are asked nothing before."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_texts import CLASSES, DECODERS, SMALL, TEXTS, save_classifier, save_tokenizer
from test_text_training import QUICK, accuracy, backbone, planted, tune, way

import usable_core as usable
from usable_core import cli, load_model
from usable_core.answering import check_kinds
from usable_core.asking.oracle import Oracle
from usable_core.errors import CheckpointError, ConfigError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training_words import in_words
from usable_core.models.sources.from_card import model_in
from usable_core.training.language_modelling import language_modelling

pytest.importorskip("transformers")
WIDE = {"bert": {"hidden_size": 64}, "gpt2": {"n_embd": 64}}
# As people save them: the class of transformers beside what its type lacks for that.
FORMS = {
    "bert": ("AutoModel", "AutoModelForMaskedLM", "AutoModelForPreTraining"),
    "gpt2": ("AutoModel", "AutoModelForCausalLM"),
}


def save_as(folder, kind, form, **changes):
    """Write a random network of a type without classes, and return transformers' own trunk."""
    import transformers

    save_classifier(folder, kind, **changes)
    config = transformers.AutoConfig.from_pretrained(folder)
    torch.manual_seed(1)
    network = getattr(transformers, form).from_config(config).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    network.save_pretrained(folder)
    return network.base_model


def features(model, texts):
    x = model.input.stack([model.input.read(text) for text in texts])
    with torch.no_grad():
        return model.features(x)


def pooled(trunk, model, text):
    """What is read of one text alone, of transformers' own states."""
    ids = model.input.read(text).view(1, -1)
    with torch.no_grad():
        states = trunk(input_ids=ids).last_hidden_state[0]
    return states[-1] if model.network.pooling == "last" else states.mean(0)


@pytest.mark.parametrize("kind", SMALL)
def test_a_text_is_read_alike_in_every_company(kind, tmp_path):
    trunk = save_as(tmp_path, kind, "AutoModel")

    model = load_model(tmp_path)

    assert model.network.pooling == ("last" if kind in DECODERS else "mean")
    together = features(model, TEXTS)
    for place, text in enumerate(TEXTS):
        expected = pooled(trunk, model, text)
        assert (together[place] - expected).abs().max() < 1e-5
    assert together.std(0).min() > 1e-6


@pytest.mark.parametrize(("kind", "form"), [(k, f) for k in FORMS for f in FORMS[k]])
def test_heads_of_other_tasks_are_left_out(kind, form, tmp_path):
    trunk = save_as(tmp_path, kind, form)

    model = load_model(tmp_path)

    assert len(model.labels) == 0
    expected = torch.stack([pooled(trunk, model, text) for text in TEXTS])
    assert (features(model, TEXTS) - expected).abs().max() < 1e-5
    assert load_model(tmp_path).fingerprint == model.fingerprint  # nothing in it is random


@pytest.mark.parametrize("method", ["linear_probe", "full"])
@pytest.mark.parametrize("kind", FORMS)
def test_classes_are_learnt_from_it_and_measured_after(kind, method, tmp_path):
    save_as(tmp_path / "start", kind, FORMS[kind][1], **WIDE[kind])
    model = load_model(tmp_path / "start")
    schedule = QUICK if method == "full" else usable.Schedule(60, 8, "adamw", 0.05, seed=1)

    tune(model, tmp_path / "tuned", method=method, schedule=schedule)

    tuned = model_in(tmp_path / "tuned")
    assert tuned.labels.names == ("plain", "planted")
    assert accuracy(tuned, planted(60, seed=5)) > 0.9
    assert usable.evaluate_accuracy(tuned, planted(60, seed=5)).accuracy.value > 0.9
    found = usable.explain(tuned, "rain fell zzz", method="occlusion", target="planted")
    assert int(np.argmax(found.values)) == len(found.values.ravel()) - 1
    old = dict(model.network.named_parameters())
    moved = any(
        not torch.equal(tensor, old[name])
        for name, tensor in tuned.network.named_parameters()
        if not name.startswith("head.")
    )
    assert moved == (method == "full")


def test_what_is_asked_of_classes_is_refused_in_a_sentence(tmp_path):
    save_as(tmp_path, "bert", "AutoModel")
    model, data = load_model(tmp_path), planted()
    config = AccuracyConfig(ModelSpec(str(tmp_path)), DatasetSpec("planted"))
    questions = (
        lambda: usable.evaluate_accuracy(model, data),
        lambda: usable.explain(model, "rain"),
        lambda: usable.calibrate(model, data, keep=False),
        lambda: model.predict("rain"),
        lambda: Oracle(model).logits(model.input.trial()),
        lambda: check_kinds(config, {"model": model, "dataset": data}),
    )

    for ask in questions:
        with pytest.raises(ConfigError, match=r"has no classes.*usable finetune"):
            ask()
    assert usable.passport(model).class_count == 0
    assert "no classes" in usable.passport(model).output


def test_the_terminal_says_that_it_has_no_classes(tmp_path, capsys):
    save_as(tmp_path, "bert", "AutoModel")

    assert cli.main(["models", "show", f"hf/{tmp_path}"]) == 0

    said = capsys.readouterr().out
    assert "No classes" in said
    assert "0 classes" not in said


def test_a_part_of_the_network_that_the_file_lacks_is_not_made_up(tmp_path):
    from safetensors.torch import load_file, save_file

    save_as(tmp_path, "bert", "AutoModelForMaskedLM")
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)

    lacking = {k: t for k, t in tensors.items() if "layer.1.output.dense.weight" not in k}
    save_file(lacking, path, {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"layer\.1\.output\.dense\.weight"):
        load_model(tmp_path)

    config = json.loads((tmp_path / "config.json").read_text())
    save_file(tensors, path, {"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    with pytest.raises(CheckpointError, match="not its own"):
        load_model(tmp_path)


def test_a_network_that_writes_texts_from_texts_is_refused(tmp_path):
    from transformers import BartConfig, BartModel

    save_tokenizer(tmp_path)
    layers = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 24}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 24}
    small = BartConfig(vocab_size=320, d_model=16, max_position_embeddings=40, **layers, **heads)
    BartModel(small).save_pretrained(tmp_path)

    with pytest.raises(CheckpointError, match="no head for classes can be put on it"):
        load_model(tmp_path)


def test_a_classifier_keeps_its_own_head(tmp_path):
    save_classifier(tmp_path, "bert")

    assert load_model(tmp_path).labels.names == CLASSES


SOURCE = DatasetSpec("source", split="all")


@pytest.mark.parametrize("kind", FORMS)
def test_a_language_model_guesses_on_while_classes_are_learnt(kind, tmp_path):
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_pdrop": 0.0}
    quiet |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0}
    save_as(tmp_path / "start", kind, FORMS[kind][1], **quiet)
    model, source = load_model(tmp_path / "start"), planted(60, seed=9, names=("any", "other"))
    schedule = replace(QUICK, epochs=2, optimizer="sgd", learning_rate=0.05)

    def tuned(weight, **settings):
        folder = tmp_path / str(weight)
        result = tune(model, folder, schedule=schedule, task_weight=weight, **settings)
        return result, backbone(model_in(folder))

    nothing, untouched = tuned(0.0, known=source, source=SOURCE)
    _, near = tuned(0.002, known=source, source=SOURCE)
    much, heavy = tuned(1000.0, known=source, source=SOURCE)
    _, plain = tuned(1.0)

    start = backbone(model)
    assert all(torch.equal(value, start[name]) for name, value in untouched.items())
    assert way(heavy, plain) <= 0.05 * way(plain, start)
    assert way(near, start) < 0.3 * way(plain, start)
    assert nothing.retained.what == "pieces"
    assert nothing.retained.before == nothing.retained.after
    assert nothing.retained.before.n >= 5
    assert not (tmp_path / "1000.0" / "source").exists()
    assert "Pieces of the source's texts guessed" in " ".join(in_words(much))


@pytest.mark.parametrize("kind", FORMS)
def test_the_starting_loss_of_the_source_is_that_of_the_guesses(kind, tmp_path):
    save_as(tmp_path / "start", kind, FORMS[kind][1])
    model, source = load_model(tmp_path / "start"), planted(60, seed=9)
    asking = language_modelling(model.network, model.input, "it")

    result = tune(model, tmp_path / "tuned", known=source, source=SOURCE)

    x = model.input.stack([model.input.read(source[i][0]) for i in range(len(source))])
    with torch.no_grad():
        found = asking.guesses(x, torch.Generator().manual_seed(0))
    assert result.start.source == pytest.approx(float(found.loss), rel=0.15)


def test_answers_of_no_classes_cannot_be_kept(tmp_path):
    save_as(tmp_path / "start", "bert", "AutoModel")
    model = load_model(tmp_path / "start")

    with pytest.raises(ConfigError, match="no classes whose answers could be kept"):
        tune(model, tmp_path / "tuned", proxy="distillation")
    result = tune(model, tmp_path / "tuned", proxy="distance", schedule=replace(QUICK, epochs=1))

    assert result.epochs == 1
