"""Every question that README shows on the command line is understood."""

import re
import shlex
from pathlib import Path

import pytest

from usable_core import cli
from usable_core.cli import ask
from usable_core.errors import Cancelled
from usable_core.tasks import TASKS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = [task.command for task in TASKS.values() if task.command]
SHOWN = [
    line
    for line in re.findall(r"^usable (.*)$", README, re.MULTILINE)
    if any(line.startswith(command) for command in COMMANDS)
]


def test_readme_shows_all_kinds_but_pretraining():
    shown = {command for command in COMMANDS if any(line.startswith(command) for line in SHOWN)}

    assert set(COMMANDS) - shown == {"pretrain"}


@pytest.mark.parametrize("line", SHOWN)
def test_the_command_is_a_question(monkeypatch, line):
    asked = []

    def stop(config):
        asked.append(config)
        raise Cancelled

    monkeypatch.setattr(ask, "run_task", stop)

    assert cli.main(shlex.split(line)) == cli.STOPPED
    assert len(asked) == 1
