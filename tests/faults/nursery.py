"""Lives of a process that works on a question, each ended as its order says.

What takes long is loaded once; each life is a fork, so that many kills take no minute. Reads one
order as JSON per line and answers with how the life ended. Orders name a home, a kind and a turn
(without them it is the life of a command) and one way to die: `write` (kill -9 at the n-th change
of a file in the home, before it), `after` (kill -9 after seconds), `signal` (its number, once a
first part is stored), or none.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import torch

from usable_core import cli, jobs, settings
from usable_core.catalog.attacks import AttackSpec
from usable_core.datasets import load_dataset
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.measuring import robustness, shards
from usable_core.models import load_model
from usable_core.training import resuming

MODEL, DATA = "bundled/vgg_digits", "digits"
TRAINED = ("bundled/resnet", "bundled/vgg", "bundled/vit", "bundled/bert")  # kinds of questions too
COMMAND = [
    "evaluate",
    "accuracy",
    "--model",
    "bundled/vgg_digits",
    "--dataset",
    "digits",
    "--batch-size",
    "8",
]
CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate")


def config_of(kind: str, turn: int) -> object:
    """Return a small question of a kind; those of two turns ask about other pictures."""
    model = ModelSpec(MODEL)
    if kind in TRAINED:
        schedule = Schedule(epochs=3, batch_size=8, precision="float32", seed=turn)
        task = DatasetSpec(data_of(kind), "train", 40, seed=turn)
        return FineTuningConfig(ModelSpec(kind), task, schedule=schedule)
    if kind == "accuracy":
        return AccuracyConfig(model, DatasetSpec(DATA, limit=120, seed=turn), batch_size=8)
    if kind == "corruption":
        data, chosen = DatasetSpec(DATA, limit=24, seed=turn), ("gaussian_noise", "fog")
        return CorruptionConfig(model, data, chosen, (1, 3), seed=turn, batch_size=8)
    if kind == "robustness":
        data = DatasetSpec(DATA, limit=48, seed=turn)
        budgets, ladder = (0.0, 4 / 255, 16 / 255), (AttackSpec("pgd", 2),)
        return RobustnessConfig(
            model, data, ladder, epsilons=budgets, seed=turn, batch_size=4, walked=4, gallery=1
        )
    options = ExplainerOptions(evaluations=32, segments=9, background="grey", seed=turn)
    data = DatasetSpec(DATA, limit=6, seed=turn)
    return ExplanationConfig(model, data, ("lime", "saliency"), "predicted", options, "none")


def data_of(kind: str) -> str:
    """Return the data that a question of a kind is about."""
    return "languages" if kind == "bundled/bert" else DATA


def die_at_write(number: int) -> None:
    """End this process by kill -9 before its n-th change of a file in its home."""
    home, seen = str(settings.home()), [0]

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            _, mode, flags = arguments
            is_write = isinstance(mode, str) and set(mode) & set("wax+")
            if not is_write and not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
                return
        elif event not in CHANGES:
            return
        if isinstance(arguments[0], (str, os.PathLike)) and os.fspath(arguments[0]).startswith(
            home
        ):
            seen[0] += 1
            if seen[0] == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def live(order: dict, objects: dict) -> None:
    """Work until the end."""
    for name in ("stdout", "stderr"):
        where = os.open(Path(order["home"]).parent / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(where, 1 if name == "stdout" else 2)
    store = shards.Shards._store

    def slowly(*arguments: object) -> None:
        store(*arguments)  # type: ignore[arg-type]
        time.sleep(0.03)

    shards.Shards._store = slowly  # type: ignore[method-assign]
    shards.PART_SECONDS, robustness._LEAST = 0.0, 8
    resuming.LEAST_SECONDS, resuming.COST = 0.0, 1e9
    if "write" in order:
        die_at_write(order["write"])
    if "kind" in order:
        kind = order["kind"]
        found = objects[kind if kind in TRAINED else MODEL]
        jobs.run_here(config_of(kind, order["turn"]), objects=found)
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = cli.main(COMMAND)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def ended(child: int, order: dict) -> int:
    """Wait for the end of a life, or bring it about; return its wait status."""
    if "after" in order:
        time.sleep(order["after"])
        os.kill(child, signal.SIGKILL)
    if "signal" in order:
        end = time.monotonic() + 60
        while not list(Path(order["home"]).glob("runs/*/shards/*.parquet")):
            assert time.monotonic() < end, "no part was stored"
            time.sleep(0.005)
        os.kill(child, order["signal"])
    return os.waitpid(child, 0)[1]


def say(value: object) -> None:
    """Answer with one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer orders until there are no more."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = {name: load_dataset(name) for name in {data_of(kind) for kind in (MODEL, *TRAINED)}}
    for dataset in data.values():
        dataset.contents()
    objects = {
        name: {"model": load_model(ModelSpec(name)), "dataset": data[data_of(name)]}
        for name in (MODEL, *TRAINED)
    }
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        os.environ["USABLE_HOME"] = order["home"]
        child = os.fork()
        if child == 0:
            try:
                live(order, objects)
            finally:
                os._exit(70)
        status = ended(child, order)
        say({"signal": os.WTERMSIG(status), "exit": os.WEXITSTATUS(status)})


if __name__ == "__main__":
    main()
