"""What every attack on texts of the catalog promises, on a model of which one word decides."""

import numpy as np
import pytest
import torch
from planted_words import planted

from usable_core import evaluate_robustness
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import TEXT_ATTACKS, TEXT_PRESETS
from usable_core.evaluations.epsilon import most_words
from usable_core.evaluations.robustness_texts import swapped_words, untouched
from usable_core.texts import words_of

TEXT = "The film was great, and the story that the actor tells was calm again"
FINE = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
CASES = [
    *(pytest.param({"attack": name, "steps": 8}, id=name) for name in TEXT_ATTACKS),
    *(pytest.param({"preset": name}, id=f"preset {name}") for name in TEXT_PRESETS),
]


def data(folder, *rows):
    lines = "".join(f'"{text}",{label}\n' for text, label in rows)
    (folder / "texts.csv").write_text(f"text,label\n{lines}", encoding="utf-8")
    return folder / "texts.csv"


def attacked(model, texts, how, **more):
    return evaluate_robustness(model, texts, epsilons=FINE, **{"walked": 0, **how, **more})


def at(result, epsilon):
    return result.records_at(epsilon).to_dict("records")


@pytest.mark.parametrize("how", CASES)
def test_the_one_word_that_decides_is_found(how, tmp_path):
    model, texts = planted(great=2.0), data(tmp_path, (TEXT, "good"), (TEXT[4:], "good"))

    result = attacked(model, texts, how)

    names = {spec.title for spec in result.config.attacks}
    for row in at(result, 0.1):
        assert (row["changed"], row["words"]) == (1, len(words_of(row["text"])))
        assert row["found_epsilon"] == 0.1
        assert row["found_attack"] in names
        assert row["prediction"] != row["label"] == row["clean_prediction"]
        ((old, new),) = swapped_words(row["text"], row["adversarial_text"])
        assert old == "great" != new
        assert model.predict(row["adversarial_text"])[0][0].name == "bad"
    assert result.robust_accuracy[0].value == result.clean_accuracy.value == 1
    assert [p.value for p in result.robust_accuracy] == [1, 1, 0, 0, 0, 0]
    assert [p.value for p in untouched(result)] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("how", CASES)
def test_what_cannot_be_broken_and_what_is_wrong_stay_as_they_are(how, tmp_path):
    never, wrong = planted(), planted(great=2.0)  # the first says bad to every text
    texts = data(tmp_path, (TEXT, "bad"), (f"{TEXT} again", "bad"))

    withstood, missed = attacked(never, texts, how), attacked(wrong, texts, how)

    assert [p.value for p in withstood.robust_accuracy] == [1] * len(FINE)
    assert [p.value for p in missed.robust_accuracy] == [0] * len(FINE)
    for result in (withstood, missed):
        assert (result.records["changed"] == 0).all()
        assert (result.records["prediction"] == result.records["clean_prediction"]).all()
        assert (result.records["found_step"] == 0).all()


@pytest.mark.parametrize("how", CASES)
def test_no_more_words_change_than_the_share_and_all_others_stay(how, tmp_path):
    model = planted(great=1.0, fine=1.0, story=1.0)
    texts = data(tmp_path, (f"{TEXT} and it was fine", "good"), ("fine story", "good"))

    result = attacked(model, texts, how)

    broken = result.broken().to_dict("records")
    assert broken
    for row in broken:
        assert len(words_of(row["adversarial_text"])) == len(words_of(row["text"])) == row["words"]
        assert len(swapped_words(row["text"], row["adversarial_text"])) == row["changed"]
        assert 0 < row["changed"] <= most_words(row["found_epsilon"], row["words"])
    values = [p.value for p in result.robust_accuracy]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("how", CASES)
def test_the_same_seed_finds_the_same_and_the_model_is_left_as_it_was(how, tmp_path):
    model = planted(great=1.0, fine=1.0)
    texts = data(tmp_path, (f"{TEXT} and fine", "good"), ("the film was fine", "good"))
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}

    first, second = attacked(model, texts, how, seed=5), attacked(model, texts, how, seed=5)

    assert first.records.equals(second.records)
    after = model.network.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert all(weight.grad is None for weight in model.network.parameters())


@pytest.mark.parametrize("how", CASES)
def test_each_model_is_attacked_by_itself(how, tmp_path):
    """What breaks one says nothing of another, whoever was asked before."""
    texts = data(tmp_path, (f"{TEXT} and fine", "good"))
    one, other = planted("one", great=2.0, fine=0.0), planted("other", great=0.0, fine=2.0)

    found = {model.name: attacked(model, texts, how) for model in (one, other, one)}

    for name, word in (("one", "great"), ("other", "fine")):
        (row,) = at(found[name], 1.0)
        assert [old for old, _ in swapped_words(row["text"], row["adversarial_text"])] == [word]


@pytest.mark.parametrize("how", CASES)
def test_noise_of_as_many_words_is_weaker_and_is_drawn_by_the_seed(how, tmp_path):
    texts = data(tmp_path, *((f"{TEXT} {i}", "good") for i in range(20)))
    model = planted(great=2.0)

    result, again = (attacked(model, texts, how, seed=1) for _ in range(2))

    noise = np.array([p.value for p in result.noise_accuracy])
    attack = np.array([p.value for p in result.robust_accuracy])
    assert (noise >= attack).all()
    assert noise[0] == 1
    assert 0.6 < noise[2] <= 1  # one word of fifteen, which is seldom the one
    assert noise[-1] < 0.9  # of `any`, a word may become the one
    assert result.noise_accuracy == again.noise_accuracy
    assert {check.name: check.verdict for check in result.checks}["noise"] == "green"


def test_each_attack_is_that_of_its_row():
    for name in TEXT_ATTACKS:
        assert AttackSpec(name).name == name
        assert TEXT_ATTACKS[name].norms == ("words",)
    for row in TEXT_PRESETS.values():
        assert {spec.name for spec in row.attacks} <= set(TEXT_ATTACKS)
