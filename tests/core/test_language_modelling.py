"""The loss of a language model: as transformers has it, whatever fills up a batch."""

import pytest
import torch
from made_texts import TEXTS, save_classifier

from usable_core import load_model
from usable_core.errors import CheckpointError
from usable_core.inputs.tokens import PADDING
from usable_core.training.language_modelling import language_modelling

transformers = pytest.importorskip("transformers")


@pytest.fixture
def asked(tmp_path):
    """A tiny classifier of a kind, what it guesses, and some texts."""

    def of(kind, texts=TEXTS, **changes):
        folder = tmp_path / kind
        save_classifier(folder, kind, **changes)
        model = load_model(folder)
        x = model.input.stack([model.input.read(text) for text in texts])
        return model, language_modelling(model.network, model.input, model.name), x

    return of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def given_and_chosen(modelling, x, seed=0):
    """The texts as the network is given them, and where they are not as they were guessed."""
    chosen, given = modelling._hidden(x.flatten(1), generator(seed))
    return given, chosen


def test_a_decoders_loss_is_that_of_transformers(asked):
    model, modelling, x = asked("gpt2")
    own = transformers.GPT2LMHeadModel(model.network.network.config).eval()
    own.transformer.load_state_dict(modelling.trunk.state_dict())
    own.tie_weights()
    ids = x.flatten(1)
    is_text = ids != PADDING
    labels = torch.where(is_text, ids, -100)

    found = modelling.guesses(x, generator())

    filled = torch.where(is_text, ids, 7)
    with torch.no_grad():
        expected = own(input_ids=filled, attention_mask=is_text.long(), labels=labels).loss
    assert modelling.is_causal
    assert float(found.loss) == pytest.approx(float(expected), abs=1e-5)
    assert found.count == int(is_text[:, 1:].sum())


def test_an_encoders_loss_is_that_of_transformers_on_the_same_pieces(asked):
    model, modelling, x = asked("bert")
    own = transformers.BertForMaskedLM(model.network.network.config).eval()
    own.bert.load_state_dict(modelling.trunk.state_dict(), strict=False)
    own.cls.predictions.transform = torch.nn.Identity()  # read off the table of pieces as it is
    own.cls.predictions.bias.data.zero_()
    own.tie_weights()
    given, chosen = given_and_chosen(modelling, x)
    is_text = x.flatten(1) != PADDING
    labels = torch.where(chosen, x.flatten(1), -100)

    found = modelling.guesses(x, generator())

    filled = torch.where(is_text, given, 0)
    with torch.no_grad():
        expected = own(input_ids=filled, attention_mask=is_text.long(), labels=labels).loss
    assert not modelling.is_causal
    assert float(found.loss) == pytest.approx(float(expected), abs=1e-5)
    assert found.count == int(chosen.sum()) > 5


@pytest.mark.parametrize("kind", ["bert", "gpt2", "distilbert", "llama", "roberta"])
def test_what_fills_up_a_batch_changes_nothing(asked, kind):
    _, modelling, x = asked(kind, max_position_embeddings=100)
    longer = torch.cat([x, torch.full((*x.shape[:-1], 9), PADDING)], -1)

    one, other = (modelling.guesses(batch, generator()) for batch in (x, longer))

    assert float(one.loss) == pytest.approx(float(other.loss), abs=1e-5)
    assert (one.count, int(one.correct)) == (other.count, int(other.correct))


def test_fifteen_of_a_hundred_pieces_are_guessed_and_eight_of_ten_of_them_hidden(asked):
    model, modelling, x = asked("bert", [TEXTS[1]])
    x = x.expand(2000, -1, -1, -1)
    ids = x.flatten(1)

    given, chosen = given_and_chosen(modelling, x)

    signs = [model.input.tokenizer.token_to_id(sign) for sign in ("<begin>", "<end>", "<mask>")]
    plain = ~torch.isin(ids, torch.tensor(signs[:2]))
    assert not (chosen & ~plain).any()
    assert torch.equal(given[~chosen], ids[~chosen])
    assert float(chosen.sum() / plain.sum()) == pytest.approx(0.15, abs=0.005)
    hidden, same = given[chosen] == signs[2], given[chosen] == ids[chosen]
    assert float(hidden.float().mean()) == pytest.approx(0.8, abs=0.01)
    assert float(same.float().mean()) == pytest.approx(0.1, abs=0.01)
    others = given[chosen][~hidden & ~same]
    assert len(others.unique()) > 200
    assert not torch.isin(others, torch.tensor(signs)).any()


def test_the_same_seed_hides_the_same_pieces_and_another_others(asked):
    _, modelling, x = asked("bert")

    one, again, other = (given_and_chosen(modelling, x, seed)[0] for seed in (3, 3, 4))

    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_something_is_guessed_of_the_shortest_text(asked):
    _, modelling, x = asked("bert", ["a"])

    counts = [modelling.guesses(x, generator(seed)).count for seed in range(20)]

    assert counts == [1] * 20


def test_of_a_single_piece_a_decoder_guesses_nothing(asked):
    _, modelling, x = asked("gpt2", ["a"])

    found = modelling.guesses(x, generator())

    assert (float(found.loss), int(found.correct), found.count) == (0, 0, 0)


def test_a_loss_can_be_differentiated(asked):
    _, modelling, x = asked("bert")
    modelling.trunk.requires_grad_(True)

    modelling.guesses(x, generator()).loss.backward()

    assert modelling.trunk.get_input_embeddings().weight.grad.abs().sum() > 0


def test_a_network_without_a_sign_for_a_hidden_piece_cannot_guess(asked):
    model, _, _ = asked("bert")
    object.__setattr__(model.input, "mask", None)

    with pytest.raises(CheckpointError, match="no piece that stands for a hidden one"):
        language_modelling(model.network, model.input, model.name)


def test_states_of_another_width_than_the_pieces_cannot_be_read(asked):
    with pytest.raises(CheckpointError, match="8 numbers each and its states as 16"):
        asked("electra")


def test_a_network_that_is_not_of_transformers_is_refused(asked):
    model, _, _ = asked("bert")

    with pytest.raises(CheckpointError, match="no network of transformers"):
        language_modelling(torch.nn.Linear(2, 2), model.input, "mine")
