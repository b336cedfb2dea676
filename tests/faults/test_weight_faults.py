"""Malformed cards and files of weights: each is refused in a sentence, or loads and answers."""

import random
from pathlib import Path

import made_weights as made
import pytest
import torch
from judging import faults, judge
from safetensors.torch import save

from usable_core.models.architectures import small_resnet
from usable_core.models.sources.from_card import model_in
from usable_core.models.weights.checkpoints import load_weights

pytestmark = pytest.mark.faults
SEED = 1


def loads_weights(path: Path) -> None:
    """Load a file of weights and answer a picture."""
    network = small_resnet(len(made.LABELS)).eval()
    load_weights(network, path)
    with torch.no_grad():
        network(torch.full((1, 3, 32, 32), 0.5))


def loads_card(path: Path) -> None:
    """Load the model whose card is the file, beside good weights."""
    folder = path.parent / "model"
    folder.mkdir(exist_ok=True)
    if not (folder / "model.safetensors").is_file():
        (folder / "model.safetensors").write_bytes(save(made.good_state()))
    (folder / "card.json").write_bytes(path.read_bytes())
    model = model_in(folder)
    assert torch.isfinite(model(torch.full((1, 3, *model.input_size), 0.5))).all()


def written(folder: Path, cases, ending: str):
    """Yield the cases as files, each made when its turn comes."""
    for k, (name, data) in enumerate(cases):
        path = folder / f"{k}{ending}"
        path.write_bytes(data)
        yield name, path
        path.unlink()


def test_cards_of_other_types_are_refused(tmp_path):
    cases = list(made.cards())
    draw = random.Random(SEED)
    chosen = draw.sample(cases, 300)
    texts = [(name, text, name != "none") for name, text in made.TEXTS.items()]
    is_wrong = {name: wrong for name, _, wrong in chosen + texts}
    files = written(tmp_path, [(name, text) for name, text, _ in chosen + texts], ".json")

    verdicts = judge(files, "faults.test_weight_faults:loads_card")

    assert faults(verdicts) == []
    taken = [v.case for v in verdicts if is_wrong[v.case] and v.outcome != "refused"]
    assert taken == []


def test_a_good_card_and_good_weights_load(tmp_path):
    good = [("card", tmp_path / "card.json")]
    good[0][1].write_bytes(next(text for name, text, _ in made.cards() if name == "seed = value 3"))
    assert [v.outcome for v in judge(good, "faults.test_weight_faults:loads_card")] == ["answered"]
    files = [("safetensors", save(made.good_state())), ("pickle", made.saved(made.good_state()))]
    files += [("older", made.saved(made.good_state(), _use_new_zipfile_serialization=False))]
    verdicts = judge(written(tmp_path, files, ".pth"), "faults.test_weight_faults:loads_weights")
    assert [v.outcome for v in verdicts] == ["answered"] * 3, verdicts


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pickles_are_read_without_asking_for_memory_or_time(tmp_path):
    cases = [*made.hostile_pickles(), *made.zips()]

    verdicts = judge(written(tmp_path, cases, ".pth"), "faults.test_weight_faults:loads_weights")

    assert faults(verdicts) == []


def test_pickles_with_one_change_are_refused_or_fit(tmp_path):
    older = made.saved(made.good_state(), _use_new_zipfile_serialization=False)
    cases = [*made.operations(80, SEED)]
    cases += made.cut_and_flipped(made.saved(made.good_state()), 25, SEED)
    cases += made.cut_and_flipped(older, 25, SEED)

    verdicts = judge(written(tmp_path, cases, ".pth"), "faults.test_weight_faults:loads_weights")

    assert faults(verdicts) == []


def test_safetensors_with_other_headers_are_refused_or_fit(tmp_path):
    cases = [*made.headers(SEED), *made.cut_and_flipped(save(made.good_state()), 60, SEED)]

    verdicts = judge(
        written(tmp_path, cases, ".safetensors"), "faults.test_weight_faults:loads_weights"
    )

    assert faults(verdicts) == []
