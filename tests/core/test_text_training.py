"""Training on texts learns, keeps what a text is, and saves a model that answers as it did."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_texts import CLASSES, save_classifier

from usable_core import load_model
from usable_core.datasets.splits import training_splits
from usable_core.datasets.texts import from_texts
from usable_core.errors import Cancelled, CheckpointError, ConfigError, DatasetRefused
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.labels import LabelSpace
from usable_core.models.heads import head
from usable_core.models.sources.from_card import model_in
from usable_core.training import trained
from usable_core.training.batches import batches
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.material import load_material
from usable_core.training.usual_rates import resolved

pytest.importorskip("transformers")
KINDS = {"bert": {"hidden_size": 64}, "gpt2": {"n_embd": 64}}
WORDS = (
    *("rain", "fell", "all", "day", "and", "nobody", "minded", "the", "old", "garden", "which"),
    *("needed", "it", "most"),
)
TASK = DatasetSpec("planted", split="all")
QUICK = Schedule(
    epochs=12, batch_size=8, optimizer="adamw", learning_rate=3e-3, precision="float32", seed=1
)


def planted(count=40, seed=0, names=("plain", "planted")):
    """Texts of other lengths, every second of them with a word that the others lack."""
    draw = np.random.default_rng(seed)
    targets = np.arange(count) % 2
    texts = []
    for target in targets:
        words = list(draw.choice(WORDS, draw.integers(3, 9)))
        if target:
            words[::-2] = ["zzz"] * len(words[::-2])
        texts.append(" ".join(words))
    return from_texts("planted", texts, targets, LabelSpace(names))


def pieces(model, data):
    return model.input.stack([model.input.read(data[i][0]) for i in range(len(data))])


def accuracy(model, data):
    return float((model(pieces(model, data)).argmax(1).numpy() == data.targets).mean())


def tune(model, folder, data=None, known=None, **settings):
    config = FineTuningConfig(ModelSpec(model.name), TASK, **{"schedule": QUICK, **settings})
    data = planted() if data is None else data
    return fine_tune(
        model=model, dataset=data, config=config, report=silent, folder=folder, source=known
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Random classifiers, by type."""
    found = {}
    for kind, wide in KINDS.items():
        folder = tmp_path_factory.mktemp(kind)
        save_classifier(folder, kind, **wide)
        found[kind] = load_model(folder)
    return found


@pytest.mark.parametrize("method", ["linear_probe", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_word_is_learnt_from_eighty_texts(kind, method, models, tmp_path):
    probed = replace(QUICK, epochs=60, learning_rate=0.05, weight_decay=5e-4)
    schedule = QUICK if method == "full" else probed

    result = tune(models[kind], tmp_path, planted(80), method=method, schedule=schedule)

    tuned = model_in(tmp_path)
    assert tuned.kind == "text"
    assert tuned.labels.names == ("plain", "planted")  # the model's own were three others
    assert accuracy(tuned, planted(60, seed=5)) > 0.9
    assert result.card["schedule"]["augmentation"] == "none"


@pytest.mark.parametrize("method", ["linear_probe", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_answers_as_it_did(kind, method, models, tmp_path, monkeypatch):
    left, save = [], trained.save_model

    def saved(folder, network, *rest):
        left.append(copy.deepcopy(network).eval())
        return save(folder, network, *rest)

    monkeypatch.setattr(trained, "save_model", saved)
    tune(models[kind], tmp_path, method=method)

    tuned, data = model_in(tmp_path), planted(20, seed=7)

    x = pieces(models[kind], data)
    assert (tuned(x) - left[0](models[kind].input.normalise(x))).abs().max() < 1e-6
    assert tuned.input.identity == models[kind].input.identity
    assert tuned.input.mask == models[kind].input.mask
    assert tuned.input.longest == models[kind].input.longest


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_moves_the_head_only(kind, models, tmp_path):
    result = tune(models[kind], tmp_path, method="linear_probe")

    tuned, (_, held_out) = model_in(tmp_path), training_splits(planted(), TASK)
    loss = F.cross_entropy(tuned(pieces(tuned, held_out)), torch.from_numpy(held_out.targets))
    assert result.records["validation_loss"].iloc[-1] == pytest.approx(float(loss), abs=1e-4)
    before, after = models[kind].network, model_in(tmp_path).network
    own = {id(tensor) for tensor in head(after).parameters()}
    kept = {name: t for name, t in after.named_parameters() if id(t) not in own}
    old = dict(before.named_parameters())
    assert kept
    assert all(torch.equal(tensor, old[name]) for name, tensor in kept.items())


@pytest.mark.parametrize("kind", KINDS)
def test_who_else_is_in_a_batch_does_not_change_a_gradient(kind, models):
    model, data = models[kind], planted(8)
    network = model.network
    network.requires_grad_(True)

    def gradient(rows):
        x = pieces(model, data.take(rows))
        y = torch.from_numpy(data.targets[rows])
        loss = F.cross_entropy(network(x), y, reduction="sum")
        return torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)

    together = gradient(np.arange(8))
    alone = [gradient(np.array([i])) for i in range(8)]
    network.requires_grad_(False)

    sizes = [len(data[i][0]) for i in range(8)]
    assert len(set(sizes)) > 1
    for k, whole in enumerate(together):
        if whole is not None:
            summed = torch.stack([one[k] for one in alone]).sum(0)
            assert (whole - summed).abs().max() <= 1e-5 * max(1.0, float(whole.abs().max()))


@pytest.mark.parametrize("method", ["linear_probe", "full"])
def test_a_seed_gives_the_same_weights_and_another_seed_others(method, models, tmp_path):
    quick = replace(QUICK, epochs=2)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        schedule = replace(quick, seed=seed)
        tune(models["bert"], tmp_path / name, method=method, schedule=schedule)

    one, same, other = ((tmp_path / k / "model.safetensors").read_bytes() for k in "abc")
    assert one == same
    assert one != other


def test_a_training_leaves_the_given_model_as_it_was(models, tmp_path):
    before = models["bert"].fingerprint

    tune(models["bert"], tmp_path, schedule=replace(QUICK, epochs=1))

    assert models["bert"]._fingerprint() == before


@pytest.mark.parametrize("kind", KINDS)
def test_from_random_weights_nothing_is_kept(kind, models, tmp_path):
    still = replace(QUICK, epochs=1, learning_rate=1e-9)
    tune(models[kind], tmp_path / "kept", schedule=still)
    tune(models[kind], tmp_path / "new", schedule=still, from_scratch=True)

    def table(model):
        return model.network.network.get_input_embeddings().weight

    old = table(models[kind])
    assert torch.allclose(table(model_in(tmp_path / "kept")), old, atol=1e-5)
    new = table(model_in(tmp_path / "new"))
    assert not torch.allclose(new, old, atol=1e-2)
    assert new.std() == pytest.approx(0.02, rel=0.2)  # as transformers begins


def test_texts_of_like_length_are_in_one_batch_and_each_is_in_one(models):
    material = load_material(planted(400), models["bert"].input, torch.device("cpu"), silent)

    def of_seed(seed):
        drawn = torch.Generator().manual_seed(seed)
        return batches(torch.randperm(400, generator=drawn), material.lengths, 8, drawn)

    found = of_seed(0)

    assert sorted(torch.cat(list(found)).tolist()) == list(range(400))
    lengths = [material.lengths[rows] for rows in found]
    filled = sum(int(own.max()) * len(own) for own in lengths) / int(material.lengths.sum())
    assert filled < 1.05
    firsts = [int(own[0]) for own in lengths]
    assert firsts != sorted(firsts)
    again = of_seed(1)
    assert {tuple(sorted(rows.tolist())) for rows in found} != {
        tuple(sorted(rows.tolist())) for rows in again
    }


def test_cancelling_stops_the_training_and_saves_no_model(models, tmp_path):
    def cancel(done, total, message, **figures):
        if message.startswith("Epoch"):
            raise Cancelled

    config = FineTuningConfig(ModelSpec("any"), TASK, schedule=QUICK)
    with pytest.raises(Cancelled):
        fine_tune(
            model=models["bert"], dataset=planted(), config=config, report=cancel, folder=tmp_path
        )

    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_texts_that_two_parts_share_are_told(models, tmp_path):
    data = planted()
    texts, targets = [data[i][0] for i in range(40)], data.targets.copy()
    texts[35], targets[35] = texts[3], targets[3]
    parts = {"train": np.arange(30), "validation": np.arange(30, 40)}
    shared = replace(from_texts("shared", texts, targets, data.labels), own_split=parts)
    config = FineTuningConfig(
        ModelSpec("any"), DatasetSpec("shared"), schedule=replace(QUICK, epochs=1)
    )

    result = fine_tune(
        model=models["bert"], dataset=shared, config=config, report=silent, folder=tmp_path
    )

    said = " ".join(result.provenance.warnings)
    assert "1 of 10 validation texts are also in train" in said


def test_augmentation_of_texts_is_refused(models, tmp_path):
    schedule = replace(QUICK, augmentation="shift")

    with pytest.raises(ConfigError, match="augmentation must be none for texts"):
        tune(models["bert"], tmp_path, schedule=schedule)


def test_what_is_left_open_is_what_is_usual_for_texts(models):
    network = models["bert"].network

    full = resolved(Schedule(), network, "full", "text")
    probed = resolved(Schedule(), network, "linear_probe", "text")
    pictures = resolved(Schedule(), network, "full", "picture")

    assert (full.optimizer, full.learning_rate, full.augmentation) == ("adamw", 5e-5, "none")
    assert (probed.optimizer, probed.learning_rate) == ("adamw", 3e-3)
    assert (pictures.optimizer, pictures.augmentation) == ("sgd", "shift")
    assert full.numbers == probed.numbers == pictures.numbers == (10, 64)
    asked = resolved(Schedule(learning_rate=0.1, optimizer="sgd"), network, "full", "text")
    assert (asked.optimizer, asked.learning_rate) == ("sgd", 0.1)


@pytest.mark.parametrize(
    ("count", "asked", "expected"),
    [
        (8316, {}, (3, 32)),  # 260 steps each
        (4800, {}, (4, 32)),
        (200, {}, (10, 32)),
        (2, {}, (10, 32)),
        (8316, {"epochs": 7}, (7, 32)),
        (8316, {"batch_size": 8}, (3, 8)),
        (8316, {"batch_size": 256}, (10, 256)),
    ],
)
def test_few_texts_are_passed_more_often(count, asked, expected, models):
    network = models["bert"].network

    found = resolved(Schedule(**asked), network, "full", "text", examples=count)

    assert found.numbers == expected


@pytest.mark.parametrize(
    ("count", "asked", "expected"),
    [
        (150, {}, 10),
        (600, {}, 10),
        (6000, {}, 1),
        (600, {"learning_rate": 0.03}, 1),
        (600, {"weight_decay": 0.0}, 0),
        (600, {"optimizer": "sgd"}, 5e-4),
    ],
)
def test_a_probe_of_few_texts_is_held_back(count, asked, expected, models):
    network = models["bert"].network

    probed = resolved(Schedule(**asked), network, "linear_probe", "text", examples=count)
    full = resolved(Schedule(), network, "full", "text", examples=count)

    assert probed.weight_decay == pytest.approx(expected)
    assert full.weight_decay == 5e-4
    assert probed.numbers == (10, 64)


def test_a_training_says_what_was_usual(models, tmp_path):
    result = tune(models["bert"], tmp_path, planted(20), schedule=Schedule(precision="float32"))

    said = result.card["schedule"]
    assert (said["epochs"], said["batch_size"], said["learning_rate"]) == (10, 32, 5e-5)
    assert len(result.records) == 10
    assert "--epochs 10 --batch-size 32" in result.card["command"]


def test_a_tokenizer_that_is_lost_or_another_is_a_sentence(models, tmp_path):
    tune(models["bert"], tmp_path, method="linear_probe", schedule=replace(QUICK, epochs=1))
    path = tmp_path / "tokenizer.json"
    content = path.read_text()

    path.write_text(content.replace("<mask>", "<mosk>"))
    with pytest.raises(CheckpointError, match="not the one that the model was trained with"):
        model_in(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match="not beside its weights"):
        model_in(tmp_path)


def test_a_text_that_the_model_cannot_read_is_left_out_and_listed(models, tmp_path):
    data = planted()
    texts = [data[i][0] for i in range(len(data))]
    texts[3] = "  "
    opened = replace(data, open=texts.__getitem__)

    result = tune(models["bert"], tmp_path, opened, schedule=replace(QUICK, epochs=1))

    assert any("text 3" in one.name for one in result.provenance.refused)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [(("plain",), "one class, 'plain'"), (("unlabelled",), "no column of labels")],
)
def test_what_is_of_one_class_is_no_task(names, sentence, models, tmp_path):
    one = from_texts("one", ["a b", "c d", "e"], np.zeros(3, dtype=np.int64), LabelSpace(names))

    with pytest.raises(DatasetRefused, match=sentence):
        tune(models["bert"], tmp_path, one)


def backbone(model):
    own = {id(tensor) for tensor in head(model.network).parameters()}
    return {n: t for n, t in model.network.named_parameters() if id(t) not in own}


def way(one, other):
    return sum(float((one[k] - other[k]).square().sum()) for k in one) ** 0.5


@pytest.mark.parametrize("stand_in", ["source", "distillation", "distance"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_limits_of_lambda_are_the_start_and_plain_fine_tuning(kind, stand_in, tmp_path):
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_pdrop": 0.0}
    quiet |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0}
    save_classifier(tmp_path / "start", kind, **quiet)
    model, source = load_model(tmp_path / "start"), planted(30, seed=9, names=CLASSES[:2])
    # The steps of Adam are of one size, so that a small λ is felt only after many.
    schedule = replace(QUICK, epochs=2, optimizer="sgd", learning_rate=0.05)
    settings = {"proxy": stand_in} if stand_in != "source" else {"source": TASK}
    data = {"known": source} if stand_in == "source" else {}

    def tuned(weight, **settings):
        folder = tmp_path / str(weight)
        result = tune(model, folder, schedule=schedule, task_weight=weight, **data, **settings)
        return result, backbone(model_in(folder))

    nothing, untouched = tuned(0.0, **settings)
    _, near = tuned(0.002, **settings)
    _, heavy = tuned(1000.0, **settings)
    data = {}
    _, plain = tuned(1.0)

    start = backbone(model)
    assert all(torch.equal(value, start[name]) for name, value in untouched.items())
    assert way(plain, start) > 0
    assert way(heavy, plain) <= 0.05 * way(plain, start)
    assert way(near, start) < 0.2 * way(plain, start)
    if stand_in == "source":
        assert nothing.retained.before == nothing.retained.after
        assert model_in(tmp_path / "1000.0" / "source").labels.names == CLASSES
