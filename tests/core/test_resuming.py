"""A training that is ended goes on from its checkpoint, to the bit where it would have come out."""

import errno
import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from made_texts import save_classifier
from sklearn.datasets import load_digits

from usable_core import jobs, load_model
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.texts import from_texts
from usable_core.errors import Cancelled, Diverged, StorageError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.labels import LabelSpace
from usable_core.runs import RunStore
from usable_core.runs.run import Status
from usable_core.training import meter, resuming
from usable_core.training.descent import Descent
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain
from usable_core.training.resuming import Checkpoints, question_of, undisturbed

TASK = DatasetSpec("task", "train", 40)
EPOCHS, STEPS = 3, 3  # of 40 examples in batches of 16
SCHEDULE = Schedule(epochs=EPOCHS, batch_size=16, precision="float32", augmentation="shift_flip")
# The first epoch is the best one, so that it is over after the second.
RESTLESS = Schedule(
    epochs=EPOCHS,
    batch_size=16,
    precision="float32",
    augmentation="none",
    learning_rate=0.3,
    decay="constant",
    warmup=0.0,
    ema=0.5,
    patience=1,
)
WORDS = ("rain", "fell", "all", "day", "and", "nobody", "minded", "the", "old", "garden")


def digits():
    found = load_digits()
    return dataset_from_arrays((found.images * 15.9).astype(np.uint8), found.target)


def sentences():
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, draw.integers(3, 9))) for _ in range(60)]
    return from_texts("task", texts, np.arange(60) % 2, LabelSpace(("one", "other")))


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    """A random classifier of texts whose layers drop out."""
    folder = tmp_path_factory.mktemp("bert")
    save_classifier(folder, "bert", hidden_size=32, hidden_dropout_prob=0.3)
    return load_model(folder)


def tuned(model, data, folder, report=silent, **settings):
    settings = {"schedule": SCHEDULE, **settings}
    config = FineTuningConfig(ModelSpec(model.name), TASK, **settings)
    source = data if config.source is not None else None
    return fine_tune(
        model=model, dataset=data, config=config, report=report, folder=folder, source=source
    )


def picture_tuning(reference="bundled/resnet", **settings):
    model, data = load_model(reference), digits()
    return lambda folder, report: tuned(model, data, folder, report, **settings)


def pretraining(architecture, data, **settings):
    schedule = Schedule(epochs=EPOCHS, batch_size=16, precision="float32")
    config = PretrainingConfig(architecture, TASK, schedule, **settings)
    return lambda folder, report: pretrain(
        dataset=data, config=config, report=report, folder=folder
    )


TRAININGS = {
    "full": lambda text_model: picture_tuning(),
    "transformer": lambda text_model: picture_tuning("bundled/vit"),
    "AdamW": lambda text_model: picture_tuning(
        schedule=Schedule(epochs=EPOCHS, batch_size=16, optimizer="adamw", precision="float32")
    ),
    "probe, averaged, stopped early": lambda text_model: picture_tuning(
        schedule=RESTLESS, method="linear_probe"
    ),
    "source": lambda text_model: picture_tuning(
        "bundled/resnet_digits", source=DatasetSpec("source", "train", 50)
    ),
    "distillation": lambda text_model: picture_tuning("bundled/vgg", proxy="distillation"),
    "texts": lambda text_model: (
        lambda folder, report: tuned(
            text_model,
            sentences(),
            folder,
            report,
            schedule=Schedule(epochs=EPOCHS, batch_size=16, precision="float32"),
        )
    ),
    "adversarial": lambda text_model: pretraining("small_resnet", digits(), epsilon=8 / 255),
    "contrastive": lambda text_model: pretraining(
        "small_resnet", digits(), objective="contrastive"
    ),
    "PGD": lambda text_model: pretraining(
        "small_vgg", digits(), epsilon=8 / 255, adversarial="pgd", attack_steps=2
    ),
    "masked pieces": lambda text_model: pretraining("bert", sentences()),
    "next pieces": lambda text_model: pretraining("gpt", sentences()),
}


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch):
    monkeypatch.setattr(meter, "SECONDS_BETWEEN_REPORTS", 0.0)


@pytest.fixture
def taken(monkeypatch):
    """Numbers of the steps that are taken."""
    found, take = [], Descent._take_step

    def counted(self, indices):
        found.append(self.step)
        take(self, indices)

    monkeypatch.setattr(Descent, "_take_step", counted)
    return found


def until(step):
    """Return a report that cancels the training after a step."""

    def report(done, total, message, **metrics):
        if message.startswith("Epoch") and done >= step:
            raise Cancelled

    return report


def ended(train, folder, step):
    with pytest.raises(Cancelled):
        train(folder, until(step))


def weights(folder):
    found = (folder / "model.safetensors").read_bytes()
    source = folder / "source" / "model.safetensors"
    return found + (source.read_bytes() if source.exists() else b"")


def figures(result):
    return result.records.drop(columns="seconds")


@pytest.mark.parametrize("kind", TRAININGS)
def test_an_ended_training_comes_out_where_one_does_that_was_never_ended(
    kind, text_model, taken, tmp_path
):
    train = TRAININGS[kind](text_model)
    whole = train(tmp_path / "whole", silent)
    steps = len(taken)

    ended(train, tmp_path / "ended", 1)
    ended(train, tmp_path / "ended", 2 * steps // EPOCHS)  # an epoch's end, not yet validated
    ended(train, tmp_path / "ended", steps - 1)
    taken.clear()
    result = train(tmp_path / "ended", silent)

    assert taken == [steps - 1]
    assert weights(tmp_path / "ended") == weights(tmp_path / "whole")
    pd.testing.assert_frame_equal(figures(result), figures(whole), check_exact=True)
    assert str(result.start) == str(whole.start)  # NaN is not itself
    assert result.retained == whole.retained
    assert not (tmp_path / "ended" / "shards").exists(), "what is finished needs no checkpoint"


def test_a_probe_and_what_comes_after_it_go_on_where_each_was_ended(taken, tmp_path):
    train = picture_tuning(method="probe_then_full", schedule=replace(SCHEDULE, epochs=2))
    whole = train(tmp_path / "whole", silent)

    def in_probe(done, total, message, **metrics):
        if message.startswith("Probe: Epoch") and done >= 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(tmp_path / "ended", in_probe)
    ended(train, tmp_path / "ended", 5)
    taken.clear()
    result = train(tmp_path / "ended", silent)

    assert taken == [4, 5, 5], "of the probe from its own checkpoint, of the rest from its own"
    assert weights(tmp_path / "ended") == weights(tmp_path / "whole")
    pd.testing.assert_frame_equal(figures(result), figures(whole), check_exact=True)
    assert str(result.start) == str(whole.start)
    assert not (tmp_path / "ended" / "shards").exists()


@pytest.fixture
def train():
    return picture_tuning()


def checkpoints(folder):
    return sorted((folder / "shards").iterdir())


def test_a_damaged_checkpoint_is_not_gone_on_from_but_the_one_before(train, taken, tmp_path):
    train(tmp_path / "whole", silent)
    for step in (2, 4, 6):
        ended(train, tmp_path / "ended", step)
    assert [path.name[:9] for path in checkpoints(tmp_path / "ended")] == ["000000004", "000000006"]
    newest = checkpoints(tmp_path / "ended")[-1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    taken.clear()

    train(tmp_path / "ended", silent)

    assert taken == [4, 5, 6, 7, 8]
    assert weights(tmp_path / "ended") == weights(tmp_path / "whole")


def test_a_checkpoint_of_another_question_is_left_alone(taken, tmp_path):
    ended(picture_tuning(), tmp_path, 4)
    taken.clear()

    picture_tuning(schedule=Schedule(epochs=1, batch_size=16, seed=7))(tmp_path, silent)

    assert taken == [0, 1, 2]


def test_a_picture_that_could_not_be_read_makes_it_another_question():
    config, data = FineTuningConfig(ModelSpec("bundled/vgg"), TASK), digits()
    question = question_of(config, data)

    data.unreadable[3] = "3 cannot be decoded."

    assert question_of(config, data) != question


def test_a_full_disk_keeps_the_last_good_checkpoint(train, taken, monkeypatch, tmp_path):
    ended(train, tmp_path, 3)
    before = checkpoints(tmp_path)
    monkeypatch.setattr(resuming, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(resuming, "COST", 1e9)
    with monkeypatch.context() as full:

        def refuse(path):
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(os, "fsync", refuse)
        with pytest.raises(StorageError, match="disk is full"):
            train(tmp_path, silent)
    assert checkpoints(tmp_path) == before
    taken.clear()

    train(tmp_path, silent)

    assert taken == list(range(3, EPOCHS * STEPS))


def test_a_training_that_diverged_leaves_no_checkpoint(tmp_path):
    wild = Schedule(epochs=9, batch_size=16, precision="float32", learning_rate=100.0, warmup=0.0)
    train = picture_tuning("bundled/vgg", schedule=wild)
    ended(train, tmp_path, 1)

    with pytest.raises(Diverged):
        train(tmp_path, silent)

    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize(
    ("waited", "done", "took", "is_due"),
    [
        (4.0, 900, 0.0, False),  # soon done again
        (6.0, 40, 0.0, False),  # neither a minute nor 5 % of the steps
        (6.0, 50, 0.0, True),
        (61.0, 1, 0.0, True),
        (61.0, 50, 1.0, False),  # writing would take more than a hundredth of the time
        (101.0, 1, 1.0, True),
    ],
)
def test_a_checkpoint_is_due_after_a_minute_or_a_twentieth_of_the_steps(
    waited, done, took, is_due, monkeypatch, tmp_path
):
    now = [100.0]
    monkeypatch.setattr(resuming.time, "monotonic", lambda: now[0])
    found = Checkpoints(tmp_path, "question")
    found.begin(0, 1000)
    now[0] = 100.0

    def save(state, buffer):
        now[0] += took

    monkeypatch.setattr(resuming.torch, "save", save)
    found.write(10, {})
    now[0] += waited

    assert found.is_due(10 + done) is is_due
    assert not Checkpoints(None, "question").is_due(10 + done)


def test_the_first_checkpoint_waits_as_long_as_weights_of_its_size_are_worth(monkeypatch, tmp_path):
    now = [100.0]
    monkeypatch.setattr(resuming.time, "monotonic", lambda: now[0])
    small, large = (Checkpoints(tmp_path, "question") for _ in range(2))
    small.begin(0, 10, [torch.nn.Linear(10, 10)])
    large.begin(0, 10, [torch.nn.Linear(1000, 1000, bias=False)])  # 4 MB, 12 MB of a checkpoint

    now[0] += 3.9

    assert not large.is_due(1)
    now[0] += 1.2
    assert small.is_due(1)
    assert large.is_due(1)
    large.begin(0, 10, [torch.nn.Linear(1000, 2000, bias=False)])
    now[0] += 7.9
    assert not large.is_due(1)
    now[0] += 0.2
    assert large.is_due(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_until_a_step_is_whole(number):
    done = []

    def end(number, frame):
        raise SystemExit(143)

    def step():
        with undisturbed():
            os.kill(os.getpid(), number)
            done.append("step")

    before = signal.signal(number, end)
    try:
        with pytest.raises(SystemExit):
            step()
        assert done == ["step"]
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)


def test_steps_may_be_taken_in_a_thread():
    done = []

    def step():
        with undisturbed():
            done.append("step")

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert done == ["step"]


def test_a_signal_in_the_middle_of_a_step_leaves_a_checkpoint_after_it(
    train, taken, monkeypatch, tmp_path
):
    train(tmp_path / "whole", silent)
    take = Descent._take_step

    def end(number, frame):
        raise SystemExit(143)

    def killed(self, indices):
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        take(self, indices)

    before = signal.signal(signal.SIGTERM, end)
    monkeypatch.setattr(Descent, "_take_step", killed)
    try:
        with pytest.raises(SystemExit):
            train(tmp_path / "ended", silent)
    finally:
        signal.signal(signal.SIGTERM, before)
    monkeypatch.setattr(Descent, "_take_step", take)
    taken.clear()

    train(tmp_path / "ended", silent)

    assert taken == [5, 6, 7, 8]
    assert weights(tmp_path / "ended") == weights(tmp_path / "whole")


def test_an_error_in_the_middle_of_a_step_leaves_none(train, monkeypatch, tmp_path):
    take = Descent._take_step

    def broken(self, indices):
        take(self, indices)
        if self.step == 4:
            raise MemoryError

    monkeypatch.setattr(Descent, "_take_step", broken)

    with pytest.raises(MemoryError):
        train(tmp_path, silent)

    assert not (tmp_path / "shards").exists()


def test_the_same_question_asked_again_goes_on(taken):
    config = FineTuningConfig(
        ModelSpec("bundled/resnet"), DatasetSpec("digits", "train", 40), schedule=SCHEDULE
    )
    with pytest.raises(Cancelled):
        jobs.run_here(config, until(5))
    (cancelled,) = RunStore().list()
    assert "it goes on from its finished parts" in RunStore().get(cancelled.id).message
    taken.clear()
    told = []

    run, _ = jobs.run_here(config, lambda *step, **metrics: told.append(step[2]))

    assert run.status is Status.DONE
    assert min(taken) == 5
    assert any("Going on" in message for message in told)
    assert not (RunStore().folder(run.id) / "shards").exists()
