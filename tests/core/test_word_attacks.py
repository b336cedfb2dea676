"""Attacks on words: what they change, how much of it, and what a known model then answers."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from made_texts import save_classifier
from planted_words import planted
from torch import nn
from typer.testing import CliRunner

from usable_core import (
    attack,
    evaluate_accuracy,
    evaluate_robustness,
    list_attacks,
    load_dataset,
    load_model,
)
from usable_core.asking.oracle import Oracle
from usable_core.catalog import implementation
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import TEXT_ATTACKS, TEXT_PRESETS
from usable_core.cli import app
from usable_core.errors import Cancelled, ConfigError, IncompatibleLabels, NoGradients
from usable_core.evaluations.epsilon import epsilon_label, grid, most_words
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons
from usable_core.evaluations.robustness_cost import attack_work, most_work
from usable_core.evaluations.robustness_texts import (
    similarity,
    still_read,
    swapped_words,
)
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.games.words import Text
from usable_core.inputs.tokens import Tokens
from usable_core.measuring import attacked_texts, shards
from usable_core.measuring.robustness import measure
from usable_core.measuring.robustness_records import noise_check
from usable_core.measuring.worst_texts import attacked
from usable_core.runs.artifacts import PARTS
from usable_core.texts import words_of
from usable_core.word_attacks import search as word_search
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.noise import random_swaps
from usable_core.word_attacks.search import Attacked, search
from usable_core.word_attacks.swaps import synonyms
from usable_core.word_attacks.written import Written

TEXT = "The film was great, and the story that the actor tells was calm again"
SWAPS = {
    name: implementation(row.function)
    for name, row in TEXT_ATTACKS.items()
    if row.is_gradient_based
}
FINE = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)


def table_of(folder, *rows, name="texts.csv"):
    lines = "".join(f'"{text}",{label}\n' for text, label in rows)
    (folder / name).write_text(f"text,label\n{lines}", encoding="utf-8")
    return folder / name


def at(result, epsilon):
    return result.records_at(epsilon).to_dict("records")


@pytest.mark.parametrize(
    ("epsilon", "words", "most"),
    [(0.1, 30, 3), (0.29, 100, 29), (0.05, 19, 0), (0.05, 20, 1), (0.3, 10, 3), (1, 7, 7)],
)
def test_a_share_is_whole_words_rounded_down(epsilon, words, most):
    assert most_words(epsilon, words) == most
    assert most_words(epsilon, np.array([words, 0])).tolist() == [most, 0]


def test_shares_are_read_and_written_in_per_cent():
    assert grid("5%,10 %, 0.2 1/2") == (0.0, 0.05, 0.1, 0.2, 0.5)
    assert [grid(epsilon_label(e, "words"))[-1] for e in (0.05, 0.125, 0.3)] == [0.05, 0.125, 0.3]
    assert default_epsilons("words")[0] == 0
    with pytest.raises(ConfigError, match="100 % of the words"):
        RobustnessConfig(
            ModelSpec("a"), DatasetSpec("b"), TEXT_PRESETS["typo"].attacks, "words", (2.0,)
        )


def test_the_fewest_words_are_told_where_several_decide(tmp_path):
    model = planted(great=2.0, fine=2.0)
    data = table_of(tmp_path, (f"{TEXT} and fine", "good"), ("the film was fine", "good"))

    result = evaluate_robustness(model, data, preset="typo", epsilons=FINE, walked=0)

    rows = at(result, 1.0)
    assert [row["changed"] for row in rows] == [2, 1]
    assert [row["found_epsilon"] for row in rows] == [0.2, 0.5]
    assert {old for old, _ in swapped_words(rows[0]["text"], rows[0]["adversarial_text"])} == {
        "great",
        "fine",
    }


def test_texts_that_withstand_are_no_small_shares(tmp_path):
    """The median share counts what no share breaks; of the broken alone it would be 10 %."""
    texts = [(TEXT, "good"), *((f"the film was calm {i}", "bad") for i in range(2))]

    result = evaluate_robustness(
        planted(great=2.0), table_of(tmp_path, *texts), preset="typo", epsilons=FINE, walked=0
    )

    assert [p.value for p in result.robust_accuracy] == pytest.approx([1, 1, *[2 / 3] * 4])
    assert result.median_smallest_epsilon.value == np.inf
    assert result.censored.value == pytest.approx(2 / 3)


def test_what_is_wrong_when_clean_is_not_attacked(tmp_path):
    model, data = planted(great=2.0), table_of(tmp_path, (TEXT, "bad"), (TEXT, "good"))

    result = evaluate_robustness(model, data, preset="typo", epsilons=FINE, walked=0)

    wrong, right = at(result, 1.0)
    assert (wrong["prediction"], wrong["changed"], wrong["adversarial_text"]) == (1, 0, "")
    assert right["changed"] == 1
    assert [p.value for p in result.robust_accuracy] == [0.5, 0.5, 0, 0, 0, 0]


ODD = ("great", "!?", "42", "great!", "… great …", "日本語 great", "great\u200bgreat", "g-r great")


@pytest.mark.parametrize("preset", TEXT_PRESETS)
def test_texts_of_few_words_or_none_are_measured_too(preset, tmp_path):
    model = planted(great=2.0)
    data = table_of(tmp_path, *((text, "good" if "great" in text else "bad") for text in ODD))

    result = evaluate_robustness(model, data, preset=preset, walked=0)

    whole = evaluate_robustness(model, data, preset=preset, epsilons=(0, 1.0), walked=0)
    rows = at(whole, 1.0)
    assert [row["text"] for row in rows] == list(ODD)
    single = next(row for row in rows if row["text"] == "great")
    assert (single["words"], single["changed"]) == (1, 1)
    assert all(row["changed"] == 0 for row in rows if row["text"] in ("!?", "42"))
    assert at(result, 0.5)[0]["prediction"] == at(result, 0.5)[0]["label"]  # no half of a word
    for row in rows:
        if row["adversarial_text"]:
            assert len(words_of(row["adversarial_text"])) == len(words_of(row["text"]))


def test_what_the_model_does_not_read_is_neither_attacked_nor_counted(tmp_path):
    rows = [("film " * 20 + "great", "bad"), ("great " + "film " * 20, "good")]

    result = evaluate_robustness(
        planted(great=2.0, longest=8), table_of(tmp_path, *rows), preset="typo", epsilons=FINE
    )

    first, second = at(result, 1.0)
    assert result.clean_accuracy.value == 1  # the last word of the first is not read
    assert first["words"] == second["words"] == 8
    assert first["text"] == " ".join(["film"] * 8)
    assert (first["changed"], second["changed"]) == (0, 1)
    assert first["is_cut"]
    (check,) = [c for c in result.checks if c.name == "truncation"]
    assert (check.verdict, check.numbers["cut"]) == ("amber", 2)


@pytest.fixture(scope="module")
def random_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind, length in (("bert", "max_position_embeddings"), ("gpt2", "n_positions")):
        save_classifier(folder / kind, kind, classes=("calm", "sad"), **{length: 200})
    generator = np.random.default_rng(0)
    words = [*words_of(TEXT), "Film", "weak", "moving", "déjà", "ok"]
    texts = [" ".join(generator.choice(words, generator.integers(3, 15))) for _ in range(24)]
    data = table_of(folder, *((text, "calm" if i % 2 else "sad") for i, text in enumerate(texts)))
    models = {kind: load_model(folder / kind) for kind in ("bert", "gpt2")}
    bert = models["bert"]  # whose classes are as far from each other as its answers
    with torch.no_grad():
        mean = torch.cat([bert(bert.input.read(text)[None]) for text in texts]).mean(0)
        bert.network.network.classifier.bias -= mean
    return models, data


SETTINGS = {"epsilons": FINE, "walked": 0}


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_a_success_counts_on_the_final_text_as_the_model_reads_it(random_models, kind):
    models, data = random_models

    result = evaluate_robustness(models[kind], data, preset="typo", **SETTINGS)

    broken = result.broken()
    assert len(broken) > 2
    for row in broken.to_dict("records"):
        answer = models[kind].predict(row["adversarial_text"])[0][0].name
        assert answer == result.provenance.class_names[row["prediction"]]
        assert row["changed"] == len(swapped_words(row["text"], row["adversarial_text"]))
        assert row["changed"] <= most_words(row["found_epsilon"], row["words"])


@pytest.mark.parametrize("preset", ["typo", "homoglyph"])
def test_one_pass_is_as_good_as_attacking_every_share_by_itself(random_models, preset):
    models, data = random_models
    whole = evaluate_robustness(models["bert"], data, preset=preset, **SETTINGS)

    for epsilon, accuracy in zip(FINE[1:], whole.robust_accuracy[1:], strict=True):
        alone = evaluate_robustness(
            models["bert"], data, preset=preset, epsilons=(0, epsilon), walked=0
        )
        assert alone.robust_accuracy[-1] == accuracy
    values = [p.value for p in whole.robust_accuracy]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_a_text_is_attacked_alone_as_in_company(random_models, tmp_path):
    models, data = random_models
    together = evaluate_robustness(models["gpt2"], data, preset="typo", **SETTINGS)
    lines = data.read_text(encoding="utf-8").splitlines()[1:]
    same = ["text", "adversarial_text", "changed", "found_step", "prediction", "noise_prediction"]

    for index in (0, 7, 11):
        path = tmp_path / f"{index}.csv"
        path.write_text(f"text,label\n{lines[index]}\n", encoding="utf-8")
        alone = evaluate_robustness(models["gpt2"], path, preset="typo", **SETTINGS)
        rows = together.records[together.records["index"] == index].to_dict("records")
        for one, other in zip(alone.records.to_dict("records"), rows, strict=True):
            names = alone.provenance.class_names, together.provenance.class_names
            assert names[0] == names[1]
            assert [one[name] for name in same] == [other[name] for name in same]


def test_the_same_seed_gives_the_same_and_another_draws_otherwise(random_models):
    models, data = random_models
    blind = {"attack": "typo_black_box", "steps": 4, **SETTINGS}

    first, again, other = (
        evaluate_robustness(models["bert"], data, seed=seed, **blind) for seed in (1, 1, 2)
    )

    assert first.records.equals(again.records)
    assert not first.records["adversarial_text"].equals(other.records["adversarial_text"])


def test_random_swaps_change_as_many_words_as_are_asked_for():
    model = planted(great=2.0)
    with Oracle(model) as oracle:
        asking = Asking(oracle)
        written = Written.of(Text(TEXT, model.input))
        most = np.array([[0, 1, 5, 99]])
        random_swaps(asking, SWAPS["typo"], [written], [3], most)
        drawn = [swapped_words(TEXT, text) for text in asking.answers]
        many = [
            random_swaps(asking, SWAPS["typo"], [written], [seed], most)[0] for seed in range(60)
        ]

    words = len(words_of(TEXT)) - 1  # the comma stays
    assert sorted(len(pairs) for pairs in drawn) == [0, 1, 5, words]
    right = (np.array(many) == 1).mean(0)
    assert right[0] == 1
    assert right[1] == pytest.approx(1 - 1 / words, abs=0.12)
    assert right[3] == 0


def test_noise_beside_the_curve_is_weaker_than_the_attack(tmp_path):
    model = planted(great=2.0)
    data = table_of(tmp_path, *((f"{TEXT} {i}", "good") for i in range(30)))

    result = evaluate_robustness(model, data, preset="typo", epsilons=(0, 0.1, 1), walked=4)

    assert [p.value for p in result.robust_accuracy] == [1, 0, 0]
    assert 0.7 < result.noise_accuracy[1].value < 1
    assert result.noise_accuracy[2].value == 0
    assert {c.name: c.verdict for c in result.checks}["noise"] == "green"


@pytest.mark.parametrize(("level", "verdict"), [(0, "green"), (2, "red")])
def test_noise_that_breaks_more_than_the_attack_is_a_broken_attack(level, verdict):
    n, levels = 50, 2
    table = pd.DataFrame({"label": [1] * n, "level": [level] * n})
    table = table.assign(**{f"noise_{k}": [0] * 20 + [1] * (n - 20) for k in range(levels)})

    check = noise_check(table)

    assert check.verdict == verdict
    assert check.numbers["excess"] == (20 if level else -30)


def test_a_judge_says_what_broken_texts_still_say(tmp_path):
    model, judge = planted(great=2.0), planted("judge", story=2.0, great=1.0)
    data = table_of(tmp_path, (TEXT, "good"), ("the actor was great", "good"))

    result = evaluate_robustness(model, data, preset="typo", judge=judge, epsilons=(0, 0.5))

    rows = at(result, 0.5)
    assert [row["judge_clean_prediction"] for row in rows] == [1, 1]
    assert [row["judge_prediction"] for row in rows] == [1, 0]  # the second hung on one word
    assert still_read(result)[1].value == 0.5
    assert still_read(result)[0].n == 0
    assert result.summary()["still_read"][1]["value"] == 0.5
    assert not [w for w in result.provenance.warnings if "judge" in w]


def test_nobody_judges_their_own_case():
    model = ModelSpec("bundled/bert")

    with pytest.raises(ConfigError, match="nobody judges their own case"):
        RobustnessConfig(model, DatasetSpec("languages"), judge=model)


def test_without_a_judge_that_is_said_and_one_of_other_classes_is_refused(random_models, tmp_path):
    model, data = planted(great=2.0), table_of(tmp_path, (TEXT, "good"))

    result = evaluate_robustness(model, data, preset="typo", epsilons=(0, 0.5))

    assert [w for w in result.provenance.warnings if "--judge" in w]
    assert result.summary()["still_read"] is None
    with pytest.raises(IncompatibleLabels):
        evaluate_robustness(model, data, preset="typo", judge=random_models[0]["bert"])


def test_similarity_is_one_for_the_same_and_less_for_another_text(random_models):
    models, data = random_models

    result = evaluate_robustness(
        models["bert"], data, preset="typo", judge=models["gpt2"], **SETTINGS
    )

    found = similarity(result)[-1]
    assert found.n == len(result.broken())
    assert -1 <= found.low <= found.median < 1
    broken = result.broken().to_dict("records")[0]
    state = models["gpt2"].network.network.transformer
    with torch.no_grad():
        one, other = (
            state(models["gpt2"].input.read(broken[name]).flatten()[None])[0][0].mean(0)
            for name in ("text", "adversarial_text")
        )
    expected = torch.nn.functional.cosine_similarity(one, other, 0)
    assert broken["similarity"] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("word", ["film", "Great", "GOOD", "don't", "naïve", "a", "well-known"])
@pytest.mark.parametrize("name", SWAPS)
def test_each_swap_is_one_other_word(name, word):
    found = SWAPS[name](word, planted(great=2.0).input)

    assert len(set(found)) == len(found)
    assert all(words_of(one) == [one] for one in found)
    if name != "any":
        assert word not in found
    assert SWAPS[name]("...", planted(great=2.0).input) == ()


def test_a_typo_is_one_slip():
    found = SWAPS["typo"]("Good", None)

    assert {"ood", "Goo", "God", "Ogod", "Godo", "Giod", "Hood", "Goood", "Gooid"} <= {*found} | {
        "Ogod"
    }
    for one in found:
        assert abs(len(one) - 4) <= 1
        assert sum(a != b for a, b in zip("Good", one, strict=False)) <= 4
    assert SWAPS["typo"]("42", None) == ()


def test_homoglyphs_are_of_another_alphabet():
    found = SWAPS["homoglyph"]("scope", None)

    assert len(found) == 6  # each letter, and all
    assert all(not one.isascii() and len(one) == 5 for one in found)


def test_synonyms_keep_capitals_and_are_no_antonyms():
    assert "film" in SWAPS["synonym"]("movie", None)
    assert "Film" in SWAPS["synonym"]("Movie", None)
    assert "FILM" in SWAPS["synonym"]("MOVIE", None)
    for word, opposite in (("good", "bad"), ("hot", "cold"), ("love", "hate"), ("rich", "poor")):
        assert synonyms()[word]
        assert opposite not in synonyms()[word]
    assert all(word not in synonyms() for word in ("the", "not", "in", "a"))


def test_attacks_are_on_what_the_model_takes(random_models):
    models, data = random_models

    with pytest.raises(
        ConfigError, match=r"PGD is an attack on pictures\. Choose .*--preset synonym"
    ):
        evaluate_robustness(models["bert"], data)
    with pytest.raises(
        ConfigError, match=r"Typos is an attack on texts\. Choose .*--preset glance"
    ):
        evaluate_robustness("bundled/vgg_digits", "digits", preset="typo", limit=10)
    with pytest.raises(ConfigError, match="Typos is an attack on texts"):
        attack("bundled/vgg_digits", np.zeros((32, 32, 3)), [0], epsilon=0.1, attack="typo")
    assert {*TEXT_ATTACKS} < {*list_attacks()}


class _Hidden(nn.Module):
    """A network that shows no embeddings."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def test_without_embeddings_the_search_by_answers_is_left(tmp_path):
    model, data = planted(great=2.0), table_of(tmp_path, (TEXT, "good"))
    model.network = _Hidden(model.network)

    with pytest.raises(NoGradients, match="_black_box"):
        evaluate_robustness(model, data, preset="typo", walked=0)
    result = evaluate_robustness(model, data, attack="typo_black_box", steps=4, epsilons=FINE)

    assert at(result, 0.1)[0]["changed"] == 1
    assert {c.name: c.verdict for c in result.checks}["gradient"] == "not run"


class _Rounded(nn.Module):
    def forward(self, logits):
        return logits.round()


@pytest.mark.parametrize(
    ("ending", "red"),
    [(_Rounded(), ["gradient", "white_box"]), (nn.Softmax(1), ["logits"]), (None, [])],
)
def test_checks_see_what_blinds_an_attack(ending, red, tmp_path):
    model = planted(great=2.0, ending=ending)
    data = table_of(tmp_path, *((f"{TEXT} {i}", "good") for i in range(4)))

    result = evaluate_robustness(model, data, preset="typo", epsilons=FINE, walked=4)

    verdicts = {check.name: check.verdict for check in result.checks}
    assert [name for name, verdict in verdicts.items() if verdict == "red"] == (red)
    assert verdicts["descent"] == verdicts["epsilon_zero"] == verdicts["deterministic"] == "green"
    assert result.is_upper_bound_only == bool(red)
    assert [p.value for p in result.raw_curve] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("texts", "verdict"),
    [
        (["qwrx zzp great", "qwrx zzq great"], "green"),
        (["qwrx zzp blargh", *(f"great film {i}" for i in range(3))], "amber"),
        (["qwrx zzp blargh", "qwrx zzq blargh", "qwrx zzr blargh"], "red"),
    ],
)
def test_a_curve_of_texts_that_no_swap_fits_is_an_upper_bound(texts, verdict, tmp_path):
    model = planted(great=2.0, blargh=2.0)
    data = table_of(tmp_path, *((text, "good") for text in texts))

    result = evaluate_robustness(model, data, preset="synonym", epsilons=FINE, walked=4)

    (check,) = [check for check in result.checks if check.name == "swappable"]
    assert check.verdict == verdict
    assert check.numbers["none"] == sum("blargh" in text for text in texts)
    assert result.is_upper_bound_only == (verdict == "red")


def test_shares_at_which_most_texts_are_too_short_are_told(tmp_path):
    model, data = (
        planted(great=2.0),
        table_of(tmp_path, *((f"great film {i}", "good") for i in "123")),
    )

    found = evaluate_robustness(model, data, preset="typo", epsilons=(0, 0.1, 0.3, 0.4), walked=0)

    (said,) = [one for one in found.provenance.warnings if "too short" in one]
    assert "100 % of the texts are too short for one word to be changed at ε = 30 %" in said
    whole = evaluate_robustness(model, data, preset="typo", epsilons=(0, 0.4), walked=0)
    assert not any("too short" in one for one in whole.provenance.warnings)


def test_a_text_without_its_word_keeps_the_others_apart():
    written = Written.of(Text("The film, was  great", planted(great=1.0).input))

    assert written.text == "The film, was  great"
    assert written.without(0) == "film, was  great"
    assert written.without(1) == "The , was  great"
    assert written.without(4) == "The film, was"
    assert written.swapped(1, "movie").text == "The movie, was  great"
    assert not Written.of(Text("a,b", planted(a=1.0).input)).swapped(1, "x").stands(1)


def test_the_command_line_tells_curve_judge_checks_and_swaps(random_models, tmp_path, monkeypatch):
    models, data = random_models
    said = ["evaluate", "robustness", "--model", models["gpt2"].name, "--dataset", str(data)]
    said += ["--preset", "typo", "--epsilons", "20%,100%", "--judge", models["bert"].name]

    answer = CliRunner().invoke(app, said)

    assert answer.exit_code == 0, answer.output
    for words in (
        "random noise",
        "judge reads as before",
        "similarity",
        "Whole texts are read",
        " → ",
    ):
        assert words in answer.output
    share = r"\d+\.\d % \(\d+\.\d % to \d+\.\d %\)"
    curve, *_ = answer.output.split("too short for one word")
    assert re.search(rf"^20 % +{share} +{share}", curve, re.MULTILINE)  # under attack, and noise


def test_clean_predictions_are_those_of_the_accuracy(random_models):
    models, data = random_models

    result = evaluate_robustness(models["bert"], data, preset="typo", **SETTINGS)

    accuracy = evaluate_accuracy(models["bert"], data)
    assert result.clean_accuracy == accuracy.accuracy


def test_a_stopped_run_goes_on_from_its_finished_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    model = planted(great=2.0)
    rows = [(f"{'great ' if i % 3 else ''}{'film ' * (i % 7)}{i}", "good") for i in range(300)]
    data, folder = load_dataset(table_of(tmp_path, *rows)), tmp_path / "run"
    config = RobustnessConfig(
        model.spec, DatasetSpec("x", "all"), TEXT_PRESETS["typo"].attacks, epsilons=FINE, walked=0
    )
    told = []

    def stop(done, total, message, **metrics):
        told.append((done, total))
        if done >= total / 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(model=model, dataset=data, config=config, report=stop, folder=folder)
    stored = {path.name for path in (folder / PARTS).iterdir()}
    calls = []
    monkeypatch.setattr(
        attacked_texts, "attacked", lambda *a: (calls.append(len(a[3])), attacked(*a))[1]
    )
    again = measure(model=model, dataset=data, config=config, folder=folder)
    left = sum(calls)
    whole = measure(model=model, dataset=data, config=config)

    assert len(stored) > 1
    assert 0 < left < sum(calls) - left == 300
    assert again.records.equals(whole.records)
    assert told[-1][1] == 4 * 300


def test_the_cost_told_before_is_an_upper_bound(random_models):
    models, data = random_models
    result = evaluate_robustness(models["gpt2"], data, preset="typo", epsilons=FINE, walked=8)

    told = most_work(result.config, result.n)

    spent = result.cost
    assert spent.forward + spent.backward <= attack_work(result.config, result.n).passes
    assert spent.forward + spent.backward + spent.checks <= told.passes


def test_what_is_drawn_is_drawn_for_each_text_and_attack():
    """Else a second attack would try what the first one tried, and another text the same places."""
    model, tried = planted(film=0.1), {}
    text = Written.of(Text("film", model.input))
    for steps, seed in ((4, 0), (5, 0), (4, 1), (4, 1 << 40)):
        with Oracle(model) as oracle:
            asking = Asking(oracle)
            search(asking, AttackSpec("typo_black_box", steps), [Attacked(text, 0, -9, seed)], [1])
            tried[steps, seed] = {*asking.answers} - {""}

    assert len({frozenset(one) for one in tried.values()}) == len(tried)
    assert not tried[4, 0] <= tried[5, 0]


@pytest.mark.parametrize("name", TEXT_ATTACKS)
def test_every_text_that_was_asked_about_counts_those_that_rank_words_too(name):
    model = planted(great=2.0)
    with Oracle(model) as oracle:
        asking = Asking(oracle)
        texts = [Attacked(Written.of(Text(TEXT, model.input)), 1, -1.5, 0)]
        (found,) = search(asking, AttackSpec(name, 6), texts, [3])

    assert found.asked == len(asking.answers)
    ranked = len(words_of(TEXT)) - 1 if name == "typo_black_box" else 0  # the comma stays
    assert found.asked >= ranked + 1


@pytest.mark.parametrize("name", ["typo", "typo_black_box"])
def test_no_more_words_change_than_may(name):
    model = planted(great=2.0, fine=2.0)
    text = Text("the film was great and fine", model.input)
    with Oracle(model) as oracle:
        texts = [Attacked(Written.of(text), 1, -3.5, 0)] * 3
        one, two, many = search(Asking(oracle), AttackSpec(name, 8), texts, [1, 2, 6])

    assert one is None
    assert two.changed == many.changed == 2
    assert two.written.text == many.written.text


@pytest.mark.parametrize("name", ["typo", "typo_black_box"])
def test_once_a_swap_changes_the_answer_the_rest_of_the_step_is_not_asked(
    name, random_models, monkeypatch
):
    models, data = random_models
    asked = {"attack": name, "steps": 16, "epsilons": FINE, "walked": 0}
    few = evaluate_robustness(models["bert"], data, **asked)

    monkeypatch.setattr(word_search, "_AT_ONCE", 16)
    whole = evaluate_robustness(models["bert"], data, **asked)

    assert len(few.broken()) > 2
    assert few.records["changed"].equals(whole.records["changed"])
    assert few.robust_accuracy == whole.robust_accuracy
    assert few.cost.forward < whole.cost.forward


def test_texts_of_like_length_are_asked_about_together(random_models, monkeypatch):
    model = random_models[0]["bert"]
    texts = [f"{'film ' * n}{i}" for i in range(8) for n in (3, 30)]
    written = [Written.of(Text(text, model.input)) for text in texts]
    labels, lengths, stack = torch.zeros(len(texts), dtype=torch.int64), [], Tokens.stack
    alone = [Asking(Oracle(model)) for _ in texts]
    logits = torch.cat([one.logits([text]) for one, text in zip(alone, texts, strict=True)])
    gradients = [
        one.word_gradients([text], labels[:1])[0] for one, text in zip(alone, written, strict=True)
    ]

    def noted(self, xs):
        lengths.append({x.shape[-1] for x in xs})
        return stack(self, xs)

    monkeypatch.setattr(Tokens, "stack", noted)
    asking = Asking(Oracle(model))
    together = asking.logits(texts), asking.word_gradients(written, labels)

    assert len(lengths) == 4
    assert all(max(one) < 2 * min(one) for one in lengths)
    assert torch.allclose(together[0], logits, atol=1e-5)
    for own, other in zip(gradients, together[1], strict=True):
        assert own.abs().max() > 0
        assert torch.allclose(own, other, atol=1e-5)
