"""Classifiers of texts in folders of the hub's form: as transformers answers, text by text."""

import logging
import shutil
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_texts import CLASSES, DECODERS, SMALL, TEXTS, change, save_classifier, save_tokenizer

from usable_core import explain, load_model, passport
from usable_core.asking.oracle import Oracle
from usable_core.catalog.references import files_of
from usable_core.errors import (
    CheckpointError,
    ConfigError,
    ExplanationError,
    TextRefused,
    UnknownName,
)

pytest.importorskip("transformers")
LONG = "word " * 200


def alone(network, tokenizer, text, longest=None):
    """What transformers itself answers to one text, which is alone and so never filled up."""
    settings = {"truncation": True, "max_length": longest} if longest else {}
    with torch.no_grad():
        return network(**tokenizer(text, return_tensors="pt", **settings)).logits[0]


def answers(model, texts):
    x = model.input.stack([model.input.read(text) for text in texts])
    return torch.cat([logits for _, logits in Oracle(model).stream(len(x), x.__getitem__)])


@pytest.mark.parametrize("kind", SMALL)
def test_texts_together_are_answered_as_transformers_answers_each_alone(kind, tmp_path):
    network, tokenizer = save_classifier(tmp_path, kind)

    model = load_model(f"hf/{tmp_path}")

    expected = torch.stack([alone(network, tokenizer, text) for text in TEXTS])
    assert (answers(model, TEXTS) - expected).abs().max() < 1e-6
    assert expected.std(0).min() > 1e-4  # the texts do not all get one answer
    assert model.labels.names == CLASSES
    assert model.kind == "text"


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_each_text_is_answered_alike_in_every_company(kind, tmp_path):
    save_classifier(tmp_path, kind)
    model = load_model(tmp_path)

    together = answers(model, TEXTS)

    for place, text in enumerate(TEXTS):
        assert (answers(model, [text])[0] - together[place]).abs().max() < 1e-6


@pytest.mark.parametrize("kind", SMALL)
def test_attention_is_followed_word_by_word_as_transformers_tells_it(kind, tmp_path):
    network, tokenizer = save_classifier(tmp_path, kind)
    network.set_attn_implementation("eager")
    given = tokenizer(TEXTS[1], return_tensors="pt", return_offsets_mapping=True)
    places = given.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        layers = network(**given, output_attentions=True).attentions
    share = torch.zeros(len(places))
    share[-1 if kind in DECODERS else 0] = 1.0  # where its head reads
    for layer in reversed(layers):
        share = 0.5 * share + 0.5 * share @ layer[0].mean(0)

    found = explain(load_model(tmp_path), TEXTS[1], method="attention_rollout", evidence=True)

    due = [
        sum(float(share[k]) for k, (a, b) in enumerate(places) if max(a, low) < min(b, high))
        for low, high in found.spans
    ]
    assert found.values[0] == pytest.approx(due, abs=1e-5)
    assert 0.1 < sum(due) <= 1 + 1e-6
    assert max(due) > 1.5 * min(due)
    assert {curve.kind for curve in found.evidence.curves} == {"deletion", "insertion"}
    other = explain(load_model(tmp_path), TEXTS[1], method="attention_rollout", target=CLASSES[-1])
    assert np.allclose(other.values, found.values, atol=1e-6)  # the same for every class


def test_a_network_without_attention_says_so(tmp_path):
    save_classifier(tmp_path, "bert")
    model = load_model(tmp_path)
    inner = model.network.network
    for layer in inner.bert.encoder.layer:
        layer.attention = FirstPiece()

    with pytest.raises(ExplanationError, match="shows none") as told:
        explain(model, TEXTS[1], method="attention_rollout")

    assert "Grad-CAM" not in str(told.value)  # which texts do not have
    with pytest.raises(ExplanationError, match="method for pictures"):
        explain(model, TEXTS[1], method="grad_cam")


class FirstPiece(torch.nn.Module):
    """Mixes without attention."""

    def forward(self, hidden, *args, **kwargs):
        return hidden + hidden.mean(1, keepdim=True), None


def test_a_decoder_reads_its_last_piece_though_it_is_the_one_that_ends_texts(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "gpt2")
    model = load_model(tmp_path)

    ids = torch.cat([model.input.read("no"), torch.full((1, 1, 1), tokenizer.eos_token_id)], -1)
    x = model.input.stack([ids, model.input.read(TEXTS[1])])

    with torch.no_grad():
        expected = network(input_ids=ids[0]).logits[0]
        assert (model(x)[0] - expected).abs().max() < 1e-5


def test_what_fills_up_may_be_no_piece_of_the_network(tmp_path):
    save_classifier(tmp_path, "gpt2")
    model = load_model(tmp_path)
    change(tmp_path / "config.json", pad_token_id=10_000)

    beyond = load_model(tmp_path)

    assert (answers(beyond, TEXTS) - answers(model, TEXTS)).abs().max() < 1e-5


def test_a_text_that_is_too_long_is_cut_as_transformers_cuts_it(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "bert")

    model = load_model(tmp_path)

    assert model.input.longest == 40
    assert model.input.is_cut(LONG)
    assert not model.input.is_cut("short")
    expected = alone(network, tokenizer, LONG, 40)
    assert (answers(model, [LONG])[0] - expected).abs().max() < 1e-5


def test_all_models_read_as_much_of_a_text_where_nothing_is_said(tmp_path):
    """So that what is compared is the models, not how much each was given."""
    read = {}
    for kind, places in (("bert", 600), ("gpt2", 700)):
        name = {"bert": "max_position_embeddings", "gpt2": "n_positions"}[kind]
        save_classifier(tmp_path / kind, kind, **{name: places})
        model = load_model(tmp_path / kind)
        read[kind] = model.input.read("a " * 2000).shape[-1]
        assert model.input.is_cut("a " * 2000)

    assert read == {"bert": 512, "gpt2": 512}


def test_networks_that_count_places_from_behind_have_fewer(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "roberta")
    places = network.config.max_position_embeddings - tokenizer.pad_token_id - 1

    model = load_model(tmp_path)

    assert model.input.longest == places
    assert answers(model, [LONG]).isfinite().all()


def test_fewer_pieces_can_be_asked_for_and_not_more_than_there_are(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "bert")

    model = load_model(tmp_path, preprocessing={"longest": "8"})

    expected = alone(network, tokenizer, LONG, 8)
    assert (answers(model, [LONG])[0] - expected).abs().max() < 1e-5
    assert model.fingerprint != load_model(tmp_path).fingerprint
    with pytest.raises(ConfigError, match="from 3 to 40"):
        load_model(tmp_path, preprocessing={"longest": "41"})
    with pytest.raises(UnknownName, match="longest"):
        load_model(tmp_path, preprocessing={"mean": "0.5"})


def test_a_tokenizer_is_part_of_the_fingerprint(tmp_path):
    save_classifier(tmp_path, "bert")
    before = load_model(tmp_path).fingerprint

    text = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(text.replace('"<begin> ', '"<begin> '))
    assert load_model(tmp_path).fingerprint == before
    settings = {"add_prefix_space": True}
    saved = text.replace('"add_prefix_space":false', '"add_prefix_space":true')
    saved = saved.replace('"add_prefix_space": false', '"add_prefix_space": true')
    assert saved != text, settings
    (tmp_path / "tokenizer.json").write_text(saved)

    assert load_model(tmp_path).fingerprint != before


def test_predictions_of_texts_have_names(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "distilbert")
    model = load_model(tmp_path)

    found = model.predict(list(TEXTS[:2]), top=3)

    shares = alone(network, tokenizer, TEXTS[1]).softmax(0)
    assert [p.name for p in found[1]] == [CLASSES[i] for i in shares.argsort(descending=True)]
    assert found[1][0].probability == pytest.approx(float(shares.max()), abs=1e-5)
    assert [p.name for p in model.predict(TEXTS[1], top=3)[0]] == [p.name for p in found[1]]


@pytest.mark.parametrize("text", ["", "  \n", "half \ud83d", 3, None])
def test_what_is_no_text_is_a_sentence(text, tmp_path):
    save_classifier(tmp_path, "gpt2")

    with pytest.raises(TextRefused):
        load_model(tmp_path).predict([text])


def test_what_needs_pictures_is_refused_in_a_sentence(tmp_path):
    save_classifier(tmp_path, "bert")
    model = load_model(tmp_path)

    with pytest.raises(ConfigError, match="reads texts"):
        _ = model.input_size
    with pytest.raises(ConfigError, match="reads texts"):
        _ = model.preprocessing


def test_a_head_that_is_missing_is_not_made_up(tmp_path):
    from transformers import AutoModel

    save_classifier(tmp_path, "bert")
    AutoModel.from_pretrained(tmp_path).save_pretrained(tmp_path)
    change(tmp_path / "config.json", architectures=["BertForSequenceClassification"])

    with pytest.raises(CheckpointError, match=r"classifier\.weight"):
        load_model(tmp_path)


def test_a_tokenizer_of_more_pieces_than_the_network_knows_is_refused(tmp_path):
    save_classifier(tmp_path, "bert")
    other = tmp_path / "other"
    tokenizer = save_tokenizer(other)
    tokenizer.add_tokens(["brandnew"])
    tokenizer.save_pretrained(tmp_path)

    with pytest.raises(CheckpointError, match="numbers its pieces up to"):
        load_model(tmp_path)


def test_a_sign_that_the_network_does_not_know_is_told(tmp_path):
    save_classifier(tmp_path, "bert")
    tokenizer = save_tokenizer(tmp_path / "other")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<late>"]})
    tokenizer.save_pretrained(tmp_path)

    model = load_model(tmp_path)

    assert answers(model, ["early"]).isfinite().all()
    with pytest.raises(TextRefused, match="<late>"):
        model.predict(["<late>"])


def test_no_tokenizer_is_a_sentence(tmp_path):
    save_classifier(tmp_path, "bert")
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink(missing_ok=True)

    with pytest.raises(CheckpointError, match=r"expected tokenizer\.json"):
        load_model(tmp_path)


def test_a_damaged_tokenizer_is_a_sentence(tmp_path):
    save_classifier(tmp_path, "bert")
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text()[:500])

    with pytest.raises(CheckpointError, match=r"tokenizer\.json of .* cannot be read as JSON"):
        load_model(tmp_path)


def test_code_beside_a_tokenizer_is_not_run(tmp_path):
    save_classifier(tmp_path, "bert")
    canary = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(canary)!r}, 'w')\nclass Evil: pass\n")
    change(
        tmp_path / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]}
    )
    change(tmp_path / "config.json", auto_map={"AutoModel": "evil.Evil"})

    load_model(tmp_path)

    assert not canary.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("problem_type", "multi_label_classification", "several classes at once"),
        ("problem_type", "regression", "regression"),
        ("quantization_config", {"quant_method": "gptq"}, "quantised"),
        ("max_position_embeddings", 4096, "have another shape"),
    ],
)
def test_other_tasks_and_forms_are_refused_with_the_reason(field, value, sentence, tmp_path):
    save_classifier(tmp_path, "bert")
    change(tmp_path / "config.json", **{field: value})

    with pytest.raises(CheckpointError, match=sentence):
        load_model(tmp_path)


def test_weights_of_half_precision_are_computed_in_float32(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "bert")
    network.half().save_pretrained(tmp_path)

    model = load_model(tmp_path)

    logits = answers(model, TEXTS)
    assert logits.dtype == torch.float32
    assert any("float16" in note for note in model.notes)
    expected = torch.stack([alone(network.float(), tokenizer, text) for text in TEXTS])
    assert np.allclose(logits, expected, atol=1e-5)


def test_all_decoders_are_among_those_that_are_tried():
    assert set(DECODERS) < set(SMALL)


COMMIT = "c" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub" / "models--some--one"


def put(folder, place, names):
    """Lay files into the hub's cache as its client does: links to their contents."""
    snapshot = place / "snapshots" / COMMIT
    for part in (place / "refs", place / "blobs", snapshot):
        part.mkdir(parents=True, exist_ok=True)
    (place / "refs" / "main").write_text(COMMIT)
    for name in names:
        shutil.copy(folder / name, place / "blobs" / f"of-{name}")
        (snapshot / name).symlink_to(place / "blobs" / f"of-{name}")
    return snapshot


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_classifier_of_texts_in_the_cache_answers_without_a_network(
    kind, cache, tmp_path, monkeypatch
):
    network, tokenizer = save_classifier(tmp_path / "theirs", kind)
    put(tmp_path / "theirs", cache, [path.name for path in (tmp_path / "theirs").iterdir()])
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("asked the network"))

    model = load_model("hf/some/one")

    expected = torch.stack([alone(network, tokenizer, text) for text in TEXTS])
    assert (answers(model, TEXTS) - expected).abs().max() < 1e-5
    assert model.card["weights"] == f"some/one, revision main (commit {COMMIT[:12]})"
    assert {"tokenizer.json", "model.safetensors"} <= {p.name for p in files_of("hf/some/one")}


def test_of_a_hubs_model_only_what_is_needed_is_fetched_and_told_before(
    cache, tmp_path, monkeypatch, caplog
):
    save_classifier(tmp_path / "theirs", "bert")
    for name in ("pytorch_model.bin", "tf_model.h5", "README.md", "evil.py", "spm.model"):
        (tmp_path / "theirs" / name).write_bytes(b"x" * 5_000_000)
    held = {path.name: path.stat().st_size for path in (tmp_path / "theirs").iterdir()}
    came = []

    def info(_, id, **__):
        files = [SimpleNamespace(rfilename=name, size=size) for name, size in held.items()]
        said = {"model_type": "bert"}
        return SimpleNamespace(siblings=files, config=said, card_data=None, sha=COMMIT)

    def download(id, *, revision, allow_patterns):
        came.extend(allow_patterns)
        return str(put(tmp_path / "theirs", cache, allow_patterns))

    monkeypatch.setattr("usable_core.catalog.hub_client.why_not", lambda: "")
    monkeypatch.setattr("usable_core.models.sources.fetching.HfApi.model_info", info)
    monkeypatch.setattr("usable_core.models.sources.fetching.snapshot_download", download)
    needed = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}

    before = passport("hf/some/one")
    with caplog.at_level(logging.WARNING):
        model = load_model("hf/some/one")

    assert set(came) == {*needed, "spm.model"}
    assert before.download.size == sum(held[name] for name in came)
    assert before.download.host == "huggingface.co"
    assert before.download.said in caplog.text
    assert model.predict("no")[0][0].name in CLASSES
