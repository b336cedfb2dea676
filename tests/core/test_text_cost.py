"""The cost of an answer to a text: it depends on how long the text is, and on its batch."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from made_texts import save_classifier
from test_cost import Clock
from test_text_explanations import WORDS, bag
from torch import nn
from typer.testing import CliRunner

import usable_core as usable
from usable_core.cli import app
from usable_core.datasets.texts import from_texts
from usable_core.evaluations.cost import CostConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.labels import LabelSpace
from usable_core.measuring import again, cost, opened_texts
from usable_core.measuring.opened_texts import Texts
from usable_core.models.counting import work_of

LENGTHS = (6, 1, 8, 3, 5, 2, 7, 4)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(cost, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 0.1)
    monkeypatch.setattr(cost, "_fastest", lambda model, pictures: 2)


def data(lengths=LENGTHS):
    texts = [" ".join(["good"] * length) for length in lengths]
    labels = np.arange(len(texts)) % 2
    return from_texts("toy", texts, labels, LabelSpace(("calm", "angry")))


def texts_of(lengths=LENGTHS):
    return Texts.of(bag(), data(lengths), CostConfig(ModelSpec("bag"), DatasetSpec("toy")))


def test_padding_is_counted_in_batches_of_like_length_and_as_texts_come():
    like, as_they_come = texts_of().padding(2)

    # (1 2) (3 4) (5 6) (7 8): 36 of 40; (6 1) (8 3) (5 2) (7 4): 36 of 52.
    assert like == pytest.approx(1 - 36 / 40)
    assert as_they_come == pytest.approx(1 - 36 / 52)
    assert texts_of().padding(1) == (0, 0)


def test_batches_are_of_like_length_and_every_text_is_in_one():
    texts, seen = texts_of(), []

    for number in range(4):
        opened = texts.opened(2 * number, 2)
        assert abs(len(opened[0].split()) - len(opened[1].split())) == 1
        seen += [len(text.split()) for text in opened]

    assert sorted(seen) == list(range(1, 9))
    one_by_one = [len(texts.opened(k, 1)[0].split()) for k in range(8)]
    assert sorted(one_by_one) == list(range(1, 9))
    assert len(texts.opened(0, 20)) == 20
    assert texts.largest(2).shape == (2, 1, 1, 8)


def test_the_texts_that_are_timed_are_as_long_as_those_of_the_data():
    lengths = [1] * 300 + [2] * 150 + [5] * 150

    texts = texts_of(lengths)

    own = np.sort(np.array(texts.lengths)[list(texts.place)])
    assert len(own) == 64
    assert (own == 1).mean() == pytest.approx(0.5, abs=0.02)
    assert (own == 5).mean() == pytest.approx(0.25, abs=0.02)
    assert texts.pieces == (1, 1, 5)
    half = [len(texts.opened(k, 1)[0].split()) for k in range(32)]
    assert np.mean(half) == pytest.approx(own.mean(), abs=0.2)  # no drift from the order


class ByLength(nn.Module):
    """Takes 10 ms, and 1 ms for each piece that it reads, those that only fill up included."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.head = clock, nn.Linear(1, 2)

    def forward(self, x):
        self.clock.now += 0.010 + 0.001 * x.numel()
        return self.head((x >= 0).float().sum((1, 2, 3))[:, None])


def test_a_text_takes_as_long_as_it_is_long(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(cost, "time", clock)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 5.0)
    model = bag()
    model.network = ByLength(clock)

    found = usable.evaluate_cost(model, data(), timings=80)

    times = np.sort(np.unique(found.timings("forward", 1).round(6)))
    assert times.tolist() == pytest.approx([0.010 + 0.001 * k for k in range(1, 9)])
    assert found.time("forward", 1, 0.5).value == pytest.approx(0.014)
    pairs = np.sort(np.unique(found.timings("forward", 2).round(6)))
    assert pairs.tolist() == pytest.approx([0.014, 0.018, 0.022, 0.026])  # of the longer, twice
    assert found.kind == "text"
    assert found.facts.pieces == (1, 4, 8)
    assert "texts of 1 to 8 pieces, median 4" in found.pictures_in_words
    assert "10 % of what the network reads only fills up (31 % of texts as they come)" in (
        found.pictures_in_words
    )


@pytest.mark.parametrize("count", [1, 7, 30])
@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_multiply_adds_of_a_text_are_those_of_hand_and_pencil(kind, count, tmp_path):
    save_classifier(tmp_path, kind)
    wide, layers, inner = 16, 2, 24 if kind == "bert" else 4 * 16
    by_layer = count * (4 * wide * wide + 2 * wide * inner) + 2 * count * count * wide
    head = wide * wide + 3 * wide if kind == "bert" else 3 * wide * count  # one for each piece

    found = work_of(usable.load_model(tmp_path), count)

    assert (found.macs, found.uncounted) == (layers * by_layer + head, ())


def test_the_fastest_batch_is_found_on_all_texts_together(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(opened_texts, "time", clock)

    class Best(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 2)

        def forward(self, x):
            clock.now += 0.001 * {4: 4, 8: 4, 16: 20}[len(x)]
            return self.head((x >= 0).float().sum((1, 2, 3))[:, None])

    texts = texts_of(range(1, 65))
    texts.model.network = Best()

    assert opened_texts.fastest_size(texts) == 8


def test_the_command_line_says_which_texts_were_answered(tmp_path, monkeypatch):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path / "home"))
    save_classifier(tmp_path / "bert", "bert")
    table = pd.DataFrame({"text": ["it rained", "no", "a small test"], "label": list("aba")})
    table.to_csv(tmp_path / "texts.csv", index=False)
    asked = ["evaluate", "cost", "--model", f"hf/{tmp_path / 'bert'}", "--timings", "5"]
    asked += ["--dataset", str(tmp_path / "texts.csv"), "--json", str(tmp_path / "a.json")]

    answer = CliRunner().invoke(app, asked)

    assert answer.exit_code == 0, answer.output
    assert "texts of " in answer.output
    assert "open, cut into pieces, forward" in answer.output
    said = json.loads((tmp_path / "a.json").read_text())
    assert [row["batch"] for row in said["batches"]] == [1, 2]
    assert said["macs"] > 0


def test_what_is_counted_is_the_same_when_it_is_verified(tmp_path):
    save_classifier(tmp_path, "bert")
    model = usable.load_model(tmp_path)
    found = usable.evaluate_cost(model, data(), timings=5)

    assert again.counts(found, model, None, 1, 0).wrong == ()
    with torch.no_grad():
        longer = usable.evaluate_cost(model, data((20, 21, 22)), timings=5)
    assert longer.facts.macs > found.facts.macs


def test_without_data_the_forward_pass_of_one_length_is_timed():
    found = usable.evaluate_cost(bag(), timings=5)

    assert found.parts == ("forward",)
    assert found.facts.pieces == (32, 32, 32)
    assert "a text of 32 pieces (no data were named" in found.pictures_in_words
    assert found.provenance.dataset == "no texts"
    assert len(WORDS) == found.facts.parameters
