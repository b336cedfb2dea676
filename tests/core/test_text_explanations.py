"""How much each word of a text spoke for a class: against what is known to be true of it."""

import itertools
import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_texts import SMALL, TEXTS, save_classifier
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from typer.testing import CliRunner

from usable_core import ExplainerOptions, Explanation, explain, explain_methods, load_model
from usable_core.cli import app
from usable_core.errors import ConfigError, ExplanationError, NoGradients, TextRefused, UnknownName
from usable_core.explainers.path_gradients import quadrature
from usable_core.games.words import Text
from usable_core.inputs.tokens import Tokens
from usable_core.labels import LabelSpace
from usable_core.measuring.instances import Instance
from usable_core.measuring.refinement import explain as explain_instance
from usable_core.models.embedded import at_embeddings
from usable_core.models.model import Model
from usable_core.plots.words import chips_html, describe_words

WORDS = ("<mask>", "…", "good", "bad", "film", "not", "the")
WEIGHTS = (0.0, 0.25, 2.0, -3.0, 0.5, -1.0, 0.0)
METHODS = ("lime", "kernel_shap", "partition_shap", "occlusion", "integrated_gradients")


class Bag(nn.Module):
    """The logit of the second class is the sum of the weights of a text's words."""

    def __init__(self):
        super().__init__()
        table = nn.Embedding.from_pretrained(torch.tensor(WEIGHTS)[:, None])
        self.network = SimpleNamespace(get_input_embeddings=lambda: table)
        self.table = table

    def forward(self, x):
        ids = x.flatten(1)
        sums = (self.table(ids.clamp_min(0))[..., 0] * (ids >= 0)).sum(1)
        return torch.stack([torch.zeros_like(sums), sums], 1)


def bag():
    words = models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="the")
    tokenizer = Tokenizer(words)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    takes = Tokens(tokenizer, 50, 50, len(WORDS), "<mask>", WORDS.index("the"))
    return Model("bag", Bag(), takes, LabelSpace(("calm", "angry")))


@pytest.mark.parametrize("method", [*METHODS, "gradient_shap"])
def test_credits_of_a_sum_of_words_are_its_terms(method):
    text = "the good film not bad bad"
    options = ExplainerOptions(evaluations=200, background="mask")

    found = explain(bag(), text, method=method, target="angry", options=options)

    assert found.words == tuple(text.split())
    due = np.array([WEIGHTS[WORDS.index(word)] for word in text.split()])
    if method == "lime":  # of probabilities, which are no sum
        assert np.corrcoef(found.values[0], due)[0, 1] > 0.95
        assert found.values[0].argmin() in (4, 5)
    else:
        assert np.allclose(found.values[0], due, atol=1e-4)
    assert found.background == "mask"


@pytest.mark.parametrize("evaluations", [100, 300])
def test_words_that_do_nothing_have_one_credit(evaluations):
    options = ExplainerOptions(evaluations=evaluations, background="mask")

    found = explain(
        bag(), "the the good the the the the the", method="kernel_shap", options=options
    )

    assert (np.delete(found.values[0], 2) == 0).all()
    assert abs(found.values[0, 2]) == pytest.approx(2, abs=1e-5)


def test_each_place_of_a_repeated_word_has_its_own_credit():
    network = Bag()
    network.forward = lambda x: torch.stack(
        [torch.zeros(len(x)), (x.flatten(1)[:, 0] == 2).float()], 1
    )
    model = bag()
    model.network = network

    found = explain(model, "good good", method="kernel_shap", target="angry")

    assert np.allclose(found.values, [[1, 0]], atol=1e-6)


def shapley(pay, count):
    """Exact Shapley values by asking every coalition."""
    worth = {s: pay(s) for s in itertools.product((False, True), repeat=count)}
    values = np.zeros(count)
    for coalition, paid in worth.items():
        size = sum(coalition)
        for i in range(count):
            if not coalition[i]:
                joined = (*coalition[:i], True, *coalition[i + 1 :])
                share = math.factorial(size) * math.factorial(count - size - 1)
                values[i] += share / math.factorial(count) * (worth[joined] - paid)
    return values


@pytest.mark.parametrize("background", ["mask", "delete", "neutral"])
def test_kernel_shap_of_every_coalition_is_exact(background, tmp_path):
    network, tokenizer = save_classifier(tmp_path, "bert", seed=3)
    model = load_model(tmp_path)
    words = ["rain", "fell", "all", "day", "and", "nobody", "minded"]
    instead = {"mask": tokenizer.mask_token, "delete": "", "neutral": "…"}[background]

    def pay(stays):
        shown = [w if stay else instead for w, stay in zip(words, stays, strict=True)]
        text = " ".join(word for word in shown if word)
        with torch.no_grad():
            return float(network(**tokenizer(text, return_tensors="pt")).logits[0, 1])

    options = ExplainerOptions(evaluations=128, background=background)
    found = explain(model, " ".join(words), method="kernel_shap", target="angry", options=options)

    due = shapley(pay, len(words))
    assert np.abs(found.values[0] - due).max() < 1e-5
    assert found.additivity_gap < 1e-5
    assert found.stability.error_share == 0
    assert found.evaluations == 128


def test_kernel_shap_of_some_coalitions_is_near(tmp_path):
    save_classifier(tmp_path, "bert", seed=3)
    model, text = load_model(tmp_path), "rain fell all day and nobody minded it at all"
    exact, near = (
        explain(
            model,
            text,
            method="kernel_shap",
            target="angry",
            options=ExplainerOptions(evaluations=n, background="neutral"),
        )
        for n in (1024, 256)
    )

    assert exact.stability.error_share == 0 < near.stability.error_share
    apart = np.abs(near.values - exact.values).max() / np.abs(exact.values).max()
    assert 0 < apart < 0.15


@pytest.mark.parametrize("kind", SMALL)
def test_a_network_at_its_own_embeddings_gives_its_own_answer_to_the_bit(kind, tmp_path):
    save_classifier(tmp_path, kind)
    model = load_model(tmp_path)
    x = model.input.read(TEXTS[1])

    inner, network = at_embeddings(model, x, list(range(x.shape[-1])))

    with torch.no_grad():
        assert torch.equal(inner(network.vectors()[None]), model(x[None]))
        moved = network.vectors()[None] + 0.1
        assert not torch.equal(inner(moved), model(x[None]))


def test_integrated_gradients_are_those_of_a_plain_loop(tmp_path):
    network, tokenizer = save_classifier(tmp_path, "bert", seed=1)
    text = "rain fell all day"
    found = explain(load_model(tmp_path), text, method="integrated_gradients", target="sad")

    table = network.get_input_embeddings()
    ids = tokenizer(text, return_tensors="pt").input_ids
    end = table(ids).detach()
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    is_word = [bool(text[low:high].strip()) for low, high in offsets]
    start = end.clone()
    start[0, is_word] = table(torch.tensor(tokenizer.mask_token_id)).detach()
    total = torch.zeros_like(end)
    for position, weight in zip(*quadrature(50), strict=True):
        e = (start + position * (end - start)).float().requires_grad_()
        logits = network(inputs_embeds=e, attention_mask=torch.ones_like(ids)).logits
        total += weight * torch.autograd.grad(logits[0, 2], e)[0]
    credits = ((end - start) * total).sum(-1)[0].detach().numpy()
    due = np.zeros(4)
    for credit, (low, high) in zip(credits, offsets, strict=True):
        if text[low:high].strip():
            due[len(text[:high].split()) - 1] += credit
    assert np.allclose(found.values[0], due, atol=1e-5)
    assert found.additivity_gap < 0.05 * abs(found.output - found.base)


def test_a_path_is_summed_without_a_lean_to_either_end():
    positions, weights = quadrature(8)

    for power in range(16):  # of polynomials the integral is exact
        assert weights @ positions**power == pytest.approx(1 / (power + 1), abs=1e-12)


def test_words_are_what_people_call_so(tmp_path):
    save_classifier(tmp_path, "bert", max_position_embeddings=100)
    takes = load_model(tmp_path).input
    text = "Don't stop—now!! naïve 日本 x_1 (well-known)"

    words = Text(text, takes).words

    assert words == (
        *("Don't", "stop", "—", "now", "!!", "naïve", "日", "本", "x_1", "(", "well-known", ")"),
    )


def test_words_that_the_model_does_not_read_are_no_players(tmp_path):
    save_classifier(tmp_path, "bert")
    model = load_model(tmp_path, preprocessing={"longest": "12"})

    found = explain(model, "rain " * 50, method="occlusion")

    assert 0 < len(found.words) <= 10
    assert found.text == ("rain " * 50).strip()


def test_a_decoder_has_no_mask_and_leaves_words_out(tmp_path):
    save_classifier(tmp_path, "gpt2")
    model = load_model(tmp_path)

    found = explain(model, TEXTS[1], method="kernel_shap", evidence=True)

    assert found.background == "delete"
    assert {curve.background for curve in found.evidence.curves} == {"delete", "neutral"}
    with pytest.raises(ExplanationError, match="no mask"):
        explain(model, TEXTS[1], options=ExplainerOptions(background="mask"))
    assert math.isfinite(found.base)


def test_a_good_map_is_better_than_chance_and_its_reverse_is_worse():
    text = "the good film not bad the film the good the bad"

    found = explain(bag(), text, method="kernel_shap", target="angry", evidence=True)

    gains = {(c.kind, c.background): c.gain for c in found.evidence.curves}
    assert set(gains) == {
        *(("deletion", "mask"), ("insertion", "mask")),
        *(("deletion", "delete"), ("insertion", "delete")),
    }
    assert min(gains.values()) > 0.05
    first = next(c for c in found.evidence.curves if (c.kind, c.background) == ("deletion", "mask"))
    weights = np.array([WEIGHTS[WORDS.index(word)] for word in text.split()])
    rest = weights.sum() - np.cumsum(np.sort(weights)[::-1])
    assert np.allclose(first.outputs[1:], 1 / (1 + np.exp(-rest)), atol=1e-5)
    in_order = weights.sum() - np.cumsum(weights)  # the words one after the other
    assert np.allclose(first.centre[1:], 1 / (1 + np.exp(-in_order)), atol=1e-5)


@pytest.mark.parametrize(
    ("text", "settings", "error"),
    [
        ("", {}, TextRefused),
        ("fine", {"method": "grad_cam"}, ExplanationError),
        ("fine", {"drift": True}, ConfigError),
        ("fine", {"options": ExplainerOptions(background="grey")}, UnknownName),
        ("fine", {"target": "happy"}, UnknownName),
    ],
)
def test_what_cannot_be_asked_of_a_text_is_a_sentence(text, settings, error, tmp_path):
    save_classifier(tmp_path, "bert")

    with pytest.raises(error):
        explain(load_model(tmp_path), text, **settings)


def test_occlusion_of_more_words_than_evaluations_says_how_many_it_needs(tmp_path):
    save_classifier(tmp_path, "bert")

    with pytest.raises(ExplanationError, match="31"):
        explain(
            load_model(tmp_path),
            "a " * 30,
            method="occlusion",
            options=ExplainerOptions(evaluations=20),
        )


def test_a_network_that_shows_no_embeddings_refuses_gradients_alone():
    model = bag()
    model.network.network = None

    assert explain(model, "good film", method="kernel_shap").values.any()
    with pytest.raises(NoGradients, match="embeddings"):
        explain(model, "good film", method="integrated_gradients")


def test_maps_of_words_agree_and_are_stored(tmp_path):
    text = "the good film not bad"
    found = explain_methods(bag(), text, methods=("kernel_shap", "occlusion"), target="angry")

    assert found[0].agreement == pytest.approx(1)
    found[0].save(tmp_path / "kept")
    again = Explanation.load(tmp_path / "kept")
    assert (again.text, again.words, again.background) == (text, found[0].words, "mask")
    assert np.array_equal(again.values, found[0].values)
    with pytest.raises(ConfigError, match=r"\.html"):
        found[0].save(tmp_path / "a.png")
    found[0].save(tmp_path / "a.html")
    assert "good" in (tmp_path / "a.html").read_text()


def test_chips_show_whatever_a_text_holds_and_run_nothing(tmp_path):
    save_classifier(tmp_path, "bert")
    text = "<script>alert(1)</script> \u202eevil \"quoted\" & 'so'"

    found = explain(load_model(tmp_path), text, method="occlusion")

    shown = chips_html(found)
    assert "<script" not in shown
    assert shown.count("&lt;") == 2
    assert "&amp;" in shown
    assert "⟨U+202E⟩" in shown
    assert shown.count("<span title=") == len(found.words)
    assert re.sub(r"<[^>]*>", "", shown).count("alert") == 1


def test_the_strongest_words_are_said_for_and_against():
    found = explain(bag(), "the good film not bad", method="occlusion", target="angry")

    assert describe_words(found) == "for: “good” +2, “film” +0.5; against: “bad” -3, “not” -1"
    chips = chips_html(found, limit=3.0)
    assert "rgba(33,102,172,0.750)" in chips  # -3 is the strongest, and against
    assert "rgba(230,85,13,0.500)" in chips


def test_the_command_line_explains_a_text(tmp_path):
    save_classifier(tmp_path / "one", "bert")
    save_classifier(tmp_path / "two", "gpt2")
    asked = ["explain", "--text", TEXTS[1], "--target", "sad", "--method"]
    asked += ["kernel_shap,occlusion,attention_rollout"]
    asked += ["--model", f"hf/{tmp_path / 'one'}", "--model", f"hf/{tmp_path / 'two'}"]
    asked += ["--evidence", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "a.json")]

    answer = CliRunner().invoke(app, asked)

    assert answer.exit_code == 0, answer.output
    said = json.loads((tmp_path / "a.json").read_text())
    own = explain(load_model(tmp_path / "one"), TEXTS[1], method="occlusion", target="sad")
    first = said["models"][0]
    assert first["words"] == list(own.words)
    assert first["maps"][1]["credits"] == pytest.approx(own.values[0].tolist(), abs=1e-5)
    assert [one["maps"][0]["background"] for one in said["models"]] == ["mask", "delete"]
    assert set(said["agreement"]) == {"kernel_shap", "occlusion", "attention_rollout"}
    assert len(list((tmp_path / "out").glob("*.html"))) == 6
    assert "Attention is no evidence" in answer.output


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "--image FILE, or --text"),
        (["--text", "fine", "--image", "a.png"], "--image FILE, or --text"),
        (["--text", "fine"], "model of pictures"),
    ],
)
def test_the_command_line_says_what_it_needs(given, sentence):
    answer = CliRunner().invoke(app, ["explain", *given, "--model", "bundled/vgg"])

    assert answer.exit_code != 0
    assert sentence in re.sub(r"\s+", " ", f"{answer.output} {answer.exception}")


@pytest.mark.parametrize("background", ["mask", "delete", "neutral"])
def test_words_that_are_hidden_for_good_are_no_players(background):
    text = "the good film not bad"
    options = ExplainerOptions(evaluations=64, background=background)
    seen = Instance.of_text(bag(), text, background, hidden=(1, 4))

    found = explain_instance(seen, "kernel_shap", 1, options)

    assert found.words == ("the", "film", "not")
    assert found.superpixels.tolist() == [0, 2, 3]
    gone = WEIGHTS[WORDS.index("…")] if background == "neutral" else 0.0
    due = np.array([WEIGHTS[WORDS.index(word)] - gone for word in found.words])
    assert np.allclose(found.values[0], due, atol=1e-5)
    rest = sum(WEIGHTS[WORDS.index(word)] for word in found.words)
    assert seen.logits[1] == pytest.approx(rest + 2 * gone)


def test_numbers_of_words_are_those_of_the_whole_text_whatever_a_model_reads():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("!", "removed")
    takes = Tokens(tokenizer, 50, 50, 2, None)

    text = Text("! a ! b", takes)

    assert text.words == ("a", "b")
    assert text.numbers == (1, 3)
    assert text.without((1,), "delete").text == "! ! b"
    assert text.without((1,), "delete").numbers == (3,)


@pytest.mark.parametrize(
    ("text", "hidden", "written", "places"),
    [
        ("a  b\nc d", (), "a  b\nc d", ["a", "b", "c", "d"]),  # nothing is left out: as it was
        ("a b c d", (1, 2), "a d", ["a", "d"]),
        ("a b c d", (0, 1), "c d", ["c", "d"]),
        ("a b c d", (2, 3), "a b", ["a", "b"]),
        ("a b, c", (1,), "a , c", ["a", ",", "c"]),
        ("a b, c", (1, 2), "a c", ["a", "c"]),
        ("a b", (0, 1), "", []),
    ],
)
def test_a_word_that_is_left_out_leaves_no_space_behind(text, hidden, written, places):
    found = Text(text, bag().input).without(hidden, "delete")

    assert found.text == written
    assert [found.text[low:high] for _, (low, high) in found.placed] == places


def test_a_text_of_hidden_words_alone_has_no_map_and_says_so():
    seen = Instance.of_text(bag(), "good film", "mask", hidden=(0, 1))

    assert seen.logits.tolist() == [0, 0]
    with pytest.raises(ExplanationError, match="Every word"):
        explain_instance(seen, "kernel_shap", 1, ExplainerOptions(background="mask"))
