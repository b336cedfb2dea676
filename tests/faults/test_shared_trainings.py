"""A training that `torchrun`'s processes share, ended in every way: it goes on to the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from usable_core.runs import RunStore, Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
WORDS = (
    "finetune --model bundled/resnet_digits --dataset digits --split train --limit 400 --epochs 5 "
    "--batch-size 32 --precision float32 --processes 2"
)


def asked(home, words=WORDS):
    environment = {**os.environ, "USABLE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "usable_core.cli", *words.split()]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
    )


def of_torchrun(home):
    """Return the processes that share the training of a home: who asks, and those of each rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"USABLE_HOME={home}".encode() in environment:
            ranks = [v[5:] for v in environment if v.startswith(b"RANK=")]
            found[ranks[0].decode() if ranks else "asking"] = int(folder.name)
    return found


def weights(home):
    run = RunStore(home=home).list()[0]
    assert run.status is Status.DONE
    return load_file(RunStore(home=home).folder(run.id) / "model.safetensors")


def wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.2)
    return found


def at_step(home, step):
    runs = RunStore(home=home).list() if (home / "runs.sqlite").exists() else []
    return runs and runs[0].done >= step and "Epoch" in (runs[0].message or "")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    home = tmp_path_factory.mktemp("unbroken")
    told = asked(home).communicate()[0]
    assert "validation accuracy" in told
    return weights(home)


def test_it_is_the_training_of_one_that_takes_the_same_parts(unbroken, tmp_path):
    words = WORDS.replace("--processes 2", "--micro-batch 16")
    asked(tmp_path, words).communicate()
    alone = weights(tmp_path)

    assert max(float((alone[n] - unbroken[n]).abs().max()) for n in alone) < 1e-6


@pytest.mark.parametrize(
    ("whom", "how", "status"),
    [
        ("asking", signal.SIGTERM, Status.LOST),
        ("asking", signal.SIGINT, Status.CANCELLED),
        ("asking", signal.SIGKILL, Status.LOST),
        ("0", signal.SIGKILL, Status.FAILED),
        ("1", signal.SIGKILL, Status.FAILED),
    ],
)
def test_ended_it_leaves_no_process_and_goes_on_to_the_same(whom, how, status, unbroken, tmp_path):
    process = asked(tmp_path)
    wait_for(lambda: at_step(tmp_path, 20))
    os.kill(process.pid if whom == "asking" else of_torchrun(tmp_path)[whom], how)
    told = process.communicate()[0]
    wait_for(lambda: not of_torchrun(tmp_path))

    assert RunStore(home=tmp_path).list()[0].status is status
    if whom != "asking":
        assert "A process of the training ended of itself" in told
    again = asked(tmp_path).communicate()[0]
    assert "validation accuracy" in again
    if how in (signal.SIGTERM, signal.SIGINT):  # it had left a checkpoint
        run = RunStore(home=tmp_path).list()[0]
        events = (RunStore(home=tmp_path).folder(run.id) / "events.jsonl").read_text()
        assert "Going on from" in events
    found = weights(tmp_path)
    assert all(torch.equal(found[name], unbroken[name]) for name in unbroken)
