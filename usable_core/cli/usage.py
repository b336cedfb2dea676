"""How the command line reads words: help of switches, and sentences on words it does not know."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperGroup

from usable_core.errors import ConfigError

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


class Commands(TyperGroup):
    """Commands whose help shows a switch as it is written, `--trust`, without a type behind it.

    An option that takes one value is refused where it is given twice: the first would be dropped.
    """

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's or click's own
        """Return the options."""
        return _without_types(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - typer's or click's own
        """Return the command of a name."""
        found = super().get_command(ctx, cmd_name)
        for command in _with_all_below(found):
            _without_types(command.get_params(ctx))
            command.parse_args = _with_each_once(command)
        return found


def _with_each_once(command: Any) -> Any:  # noqa: ANN401 - typer's or click's own
    """Return how a command reads its words, which refuses a second value of an option for one."""

    def parse_args(ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer's or click's own
        for param in command.params:
            takes_one = not (getattr(param, "multiple", True) or getattr(param, "is_flag", True))
            if takes_one and (count := _times(param.opts, args)) > 1:
                raise ConfigError(
                    f"{param.opts[0]} is given {count} times, and `{ctx.command_path}` takes one. "
                    "Give it once; ask again for another."
                )
        return type(command).parse_args(command, ctx, args)

    return parse_args


def _times(names: Sequence[str], words: Sequence[str]) -> int:
    """Return how often an option is among the words of a command."""
    before = words[: words.index("--")] if "--" in words else words
    return sum(word.partition("=")[0] in names for word in before)


def _with_all_below(command: Any) -> list[Any]:  # noqa: ANN401 - typer's or click's own
    if command is None:
        return []
    below = getattr(command, "commands", {}).values()
    return [command, *(each for one in below for each in _with_all_below(one))]


def _without_types(params: list[Any]) -> list[Any]:
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


def sentence(error: Any, default: str) -> str:  # noqa: ANN401 - an error of typer's or click's
    """Return what was wrong with the words of a command, and which help says more.

    Args:
        error: With `format_message`, and `ctx` where a command had been found.
        default: What to call where no command had been found.
    """
    message = _said(error)
    if not message:  # no command was given and the help was shown
        return "Give a command."
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else default
    end = "" if message.endswith(("?", ".")) else "."
    return f"{message}{end} Try `{command} --help`."


def _said(error: Any) -> str:  # noqa: ANN401 - an error of typer's or click's
    unknown, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if unknown and context is not None and hasattr(error, "possibilities"):
        options = [name for param in context.command.params for name in param.opts]
        near = nearest_options(unknown, options)
        return f"There is no option {unknown}.{f' Did you mean {near}?' if near else ''}"
    values, param = getattr(error.__cause__, "errors", None), getattr(error, "param", None)
    if callable(values) and param is not None:  # of pydantic, which reads the values
        first = values()[0]
        kind = next((_KINDS[k] for k in _KINDS if first["type"].startswith(k)), None)
        if kind is not None:
            return f"{param.opts[0]} must be {kind}, but is {first['input']!r}."
    return str(error.format_message())


def nearest_options(unknown: str, options: Iterable[str]) -> str:
    """Return the options that a word may mean, in words: its initials, a part of it, or alike.

    `--lr` is `--learning-rate`, `--eps` and `--epsilon` are `--epsilons`.
    """
    known = {name.lstrip("-"): name for name in options if name.startswith("--")}
    said = unknown.lstrip("-").lower().replace("_", "-")
    near = [k for k in known if said in (k, "".join(part[:1] for part in k.split("-")))]
    near = near or [k for k in known if k.startswith(said) or said in k.split("-")]
    near = near or [k for k in known if set(said.split("-")) & set(k.split("-"))]
    near = near or difflib.get_close_matches(said, known, n=3, cutoff=0.6)
    return " or ".join(known[name] for name in near[:3])
