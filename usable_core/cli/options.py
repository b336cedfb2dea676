"""Options of commands, made from the dataclasses that they fill: a new setting is one field there.

`expanded` turns a function of records (configs, specs) into one of options that typer reads. An
option's name is that of its field, its help that of the docstring's `Attributes:`. Where that does
not do, the field's metadata says it (`evaluations.specs.asked`). Fields of one name are one option:
`--seed` is the seed of the splits and of everything else.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from usable_core import settings
from usable_core.cli.output import check_target
from usable_core.errors import ConfigError, UnknownName
from usable_core.evaluations.epsilon import number
from usable_core.evaluations.fields import helps_of, plain
from usable_core.evaluations.specs import Asked, choices_of

JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json", callback=check_target, help="Write the answer as JSON here; - is standard output."
    ),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="HOST:PORT",
        callback=settings.measure_at,
        help="Head of the Ray cluster whose nodes measure (extra `ray`).",
    ),
]
NOT_SAID = "none"  # of an option that is given once for each of several models
INHERITED = ("trust", "seed")  # what a second model or data set of a question shares with the first
Parameters = dict[str, inspect.Parameter]
Values = Mapping[str, Any]  # what was said, by the name of the parameter


def expanded(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """Return a command whose options are the fields of the records that `function` takes.

    Parameters that are no records stay as they are. One of the type `tuple[ModelSpec, ...]` may be
    given several times, each with options of its own (`_each`).
    """
    hints = get_type_hints(function, include_extras=True)
    parameters: Parameters = {}
    for parameter in inspect.signature(function).parameters.values():
        kind = _record(hints[parameter.name])
        if kind is None:
            parameters[parameter.name] = parameter.replace(annotation=hints[parameter.name])
        else:
            is_many = get_origin(hints[parameter.name]) is tuple
            for option in _options(kind, parameter.name, is_many=is_many).values():
                parameters.setdefault(option.name, option)
            if get_origin(hints[parameter.name]) is Annotated:  # its reference is an argument
                _, argument = get_args(hints[parameter.name])
                name = parameter.name
                parameters[name] = parameters[name].replace(annotation=Annotated[str, argument])

    @functools.wraps(function)
    def command(**values: Any) -> int | None:  # noqa: ANN401 - whatever the options hold
        given = {name: hint for name, hint in hints.items() if name != "return"}
        return function(**{name: _argument(name, hint, values) for name, hint in given.items()})

    ordered = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters.values()]
    command.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in ordered}
    return command


def words(texts: list[str]) -> tuple[str, ...]:
    """Return the words of repeated and comma-separated option values, each once, in order."""
    found = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in found if word))


def _record(hint: object) -> type | None:
    """Return the dataclass that a type is, or is a tuple of; None of any other."""
    kind = get_args(hint)[0] if get_origin(hint) in (tuple, Annotated) else hint
    return kind if isinstance(kind, type) and dataclasses.is_dataclass(kind) else None


def _argument(name: str, hint: object, values: Values) -> object:
    kind = _record(hint)
    if kind is None:
        return values[name]
    if get_origin(hint) is tuple:
        return tuple(_filled(kind, name, one) for one in _each(kind, name, values))
    return _filled(kind, name, values)


def _each(kind: type, name: str, values: Values) -> list[Values]:
    """Return what was said of each of several records: an option once for each, in their order."""
    references = [word.strip() for text in values[name] for word in text.split(",")]
    extra = [field.name for field in dataclasses.fields(kind)[1:] if field.name != "trust"]
    said = {option: values[option] for option in extra if values[option]}
    if not said:
        references = list(dict.fromkeys(references))
    hints, shares = get_type_hints(kind), {}
    for option, texts in said.items():
        is_pairs = get_origin(hints[option]) is tuple
        if is_pairs and len(references) == 1:  # they may be said one by one
            shares[option] = [texts]
            continue
        if len(texts) != len(references):
            raise ConfigError(
                f"--{option.replace('_', '-')} is given {len(texts)} times for {len(references)} "
                f"of --{name}. Give it once for each, in their order; {NOT_SAID} where there is "
                "nothing to say."
            )
        own = [None if text == NOT_SAID else text for text in texts]
        shares[option] = [text and [text] for text in own] if is_pairs else own
    return [
        {**values, **{option: own[position] for option, own in shares.items()}, name: reference}
        for position, reference in enumerate(references)
    ]


def _options(kind: type, name: str, *, is_many: bool = False) -> Parameters:
    """Return the options of a record; those of a spec begin with its reference, called `name`."""
    hints, helps = get_type_hints(kind), helps_of(kind)
    usual: Values = getattr(kind, "usual", dict)({})
    found: Parameters = {}
    for field in dataclasses.fields(kind):
        inner, asked = plain(hints[field.name]), field.metadata.get("asked", Asked())
        record = asked.record or _record(inner)
        if field.name == "reference":
            found[name] = _option(field, name, list[str] if is_many else str, asked, helps)
        elif record and inner is not hints[field.name]:  # one that may be left out: its name only
            found[field.name] = _option(field, field.name, str, asked, helps)
        elif record:
            many = asked.record is None and get_origin(inner) is tuple
            inside = _options(record, _called(field, asked), is_many=many)
            found |= {n: o for n, o in inside.items() if n not in found}
        else:
            option = _option(field, field.name, inner, asked, helps)
            found.setdefault(field.name, _repeatable(option) if is_many else option)
    shown = {n: p for n, p in found.items() if n in usual}
    return found | {n: _with_default(p, usual[n]) for n, p in shown.items()}


def _option(
    field: "dataclasses.Field[Any]",
    name: str,
    hint: Any,  # noqa: ANN401 - any type
    asked: Asked,
    helps: Mapping[str, str],
) -> inspect.Parameter:
    spellings = asked.names or (f"--{name.replace('_', '-')}",)
    text, default = asked.help or helps.get(field.name, ""), field.default
    is_flag = hint is bool or asked.flag is not None
    if not is_flag and (choices := tuple(asked.choices()) or choices_of(hint)):
        text = f"{text} One of {', '.join(choices)}.".strip()
    many = hint == list[str] or (get_origin(hint) is tuple)
    kind: Any = bool if is_flag else list[str] if many else int if hint is int else str
    is_required = default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    is_said = default not in (None, (), dataclasses.MISSING) and not is_flag
    info = typer.Option(
        *spellings, help=_help(text, default) if is_said else text, metavar=_form(hint)
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if is_required else False if is_flag else None,
        annotation=Annotated[kind if is_required or is_flag else kind | None, info],
    )


def _called(field: "dataclasses.Field[Any]", asked: Asked) -> str:
    """Return what the option of a spec is called, where a field holds one or several."""
    return asked.names[0].lstrip("-") if asked.names else field.name


def _repeatable(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return an option of one text as one that may be given several times."""
    kind, info = get_args(parameter.annotation)
    return parameter.replace(
        annotation=Annotated[list[str] | None if kind == str | None else kind, info]
    )


def _with_default(parameter: inspect.Parameter, value: object) -> inspect.Parameter:
    kind, info = get_args(parameter.annotation)
    info.help = _help(info.help, value)
    return parameter.replace(annotation=Annotated[kind, info])


def _filled(kind: type, name: str, values: Values) -> Any:  # noqa: ANN401 - a record of the kind
    """Return a record with what was said; what was not said is as it usually is."""
    hints = get_type_hints(kind)
    usual: Values = getattr(kind, "usual", dict)(values)
    values = {**values, **{n: v for n, v in usual.items() if values.get(n) is None}}
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        inner, asked = plain(hints[field.name]), field.metadata.get("asked", Asked())
        record = asked.record or _record(inner)
        said = values.get(name if field.name == "reference" else field.name)
        if asked.record:
            given[field.name] = getattr(_filled(asked.record, field.name, values), field.name)
        elif record and inner is hints[field.name]:
            given[field.name] = _argument(_called(field, asked), inner, values)
        elif record and said is not None:
            shared = {n: v for n, v in values.items() if n in (*INHERITED, field.name)}
            given[field.name] = _filled(record, field.name, shared)
        elif asked.flag is not None:
            given |= {field.name: asked.flag} if said else {}
        elif said is not None:
            spelling = asked.names[0] if asked.names else f"--{field.name.replace('_', '-')}"
            given[field.name] = _read(said, spelling, inner, asked)
    return kind(**given)


def _read(said: Any, name: str, hint: Any, asked: Asked) -> object:  # noqa: ANN401 - any type
    """Return the value of type `hint` that an option's text means."""
    if asked.read is not None:
        return asked.read(",".join(said) if isinstance(said, list) else said)
    if choices := choices_of(hint):
        if said not in choices:
            raise UnknownName(name.removeprefix("--").replace("-", " "), said, choices)
        return said
    if get_origin(hint) is not tuple:
        return number(said, name) if hint is float else said
    inner = get_args(hint)[0]
    if get_origin(inner) is tuple:
        return _pairs(said, name)
    if inner is not int:
        return words(said)
    if not all(word.isdecimal() for word in words(said)):
        raise ConfigError(f"{name} must be whole numbers such as 1,3, but is {','.join(said)!r}.")
    return tuple(sorted({int(word) for word in words(said)}))


def _pairs(texts: list[str], name: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for word in (word for text in texts for word in text.split()):
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ConfigError(f"{name} must be KEY=VALUE, but is {word!r}.")
        pairs.append((key, value))
    return tuple(pairs)


def _form(hint: Any) -> str | None:  # noqa: ANN401 - any type
    """Return what a help shows for a value that typer would show as a text or a `list[str]`."""
    if hint is float:
        return "<float>"
    if hint == list[str]:  # one each time: commas are a part of it
        return "<str>"
    inner = get_args(hint)[0] if get_origin(hint) is tuple else None
    if inner is None:
        return None
    return "KEY=VALUE" if get_origin(inner) is tuple else f"<{inner.__name__},…>"


def _help(text: str | None, default: object) -> str:
    """Return a help that ends with a default, as typer writes those that it knows."""
    if isinstance(default, tuple):
        shown = ", ".join(map(str, default))
    else:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
    return f"{text} [dim]\\[default: {shown}][/dim]".strip()
