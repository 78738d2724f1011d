"""From a command line to the keyword arguments of a documented Python function, and its docstring to the help text."""

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

NOTE = re.compile(r"[-*\s]*`*(\w+)`*: +(.*)")
METAVARS = {Path: "PATH", str: "TEXT", int: "N", float: "NUMBER"}


def notes(function: Callable) -> dict[str, str]:
    """Parameter -> what the docstring says of it: the paragraphs and list items that begin `name:`."""
    found, name = {}, None
    for line in inspect.cleandoc(function.__doc__ or "").splitlines():
        start = NOTE.match(line)
        if start and start[1] in inspect.signature(function).parameters:
            name = start[1]
            found[name] = start[2]
        elif not line.strip() or line.startswith(("Raises", "Source", "Returns")):
            name = None
        elif name:
            found[name] += " " + line.strip()
    return found


def summary(function: Callable) -> str:
    """The docstring without what it says of parameters, return value and errors."""
    said = set(notes(function))
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(function.__doc__ or "")):
        lines, skip = [], False
        for line in paragraph.splitlines():
            start = NOTE.match(line)
            skip = skip or bool(start and start[1] in said) or line.startswith(("Args:", "Returns", "Raises"))
            lines += [] if skip else [line]
        paragraphs.append("\n".join(lines))
    return "\n\n".join(p for p in paragraphs if p.strip())


def members(hint) -> tuple:
    """The types that a hint allows, None left out: int | None -> (int,)."""
    if get_origin(hint) is Annotated:
        return members(get_args(hint)[0])
    union = get_origin(hint) in (Union, types.UnionType)
    return tuple(a for a in get_args(hint) if a is not type(None)) if union else (hint,)


def from_text(hint) -> bool:
    """Whether a value of this type can be typed on a command line (a callback cannot)."""
    return all((get_origin(m) or m) is not Callable for m in members(hint))


def described(p: inspect.Parameter, hint, note: str | None):
    """The hint with what tyro shows of it; what its author said by tyro.conf.arg stays."""
    import tyro

    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    said = next((e for e in extras if type(e) is type(tyro.conf.arg())), tyro.conf.arg())
    about = replace(
        said,
        name=said.name or (p.name.rstrip("_") if p.name.endswith("_") else None),
        help=said.help or note,
        metavar=said.metavar or metavar(p, members(hint)),
    )
    many = not positional(p) and Ellipsis in get_args(members(hint)[0])  # tuple[str, ...]: said once for each value
    marks = [e for e in extras if e is not said] + [tyro.conf.Positional] * positional(p)
    marks += [tyro.conf.UseAppendAction] * many
    return Annotated[(get_args(hint)[0] if extras else hint, *marks, about)]


def positional(p: inspect.Parameter) -> bool:
    """Whether the value stands alone on the command line: no default, and not behind the `*` of the signature."""
    return p.default is p.empty and p.kind is not p.KEYWORD_ONLY


def metavar(p: inspect.Parameter, kinds: tuple) -> str | None:
    """What stands for the value in the help: a positional argument's name, else the type; None leaves it to tyro."""
    if positional(p):
        return p.name.upper() + (" ..." if get_origin(kinds[0]) in (list, tuple) else "")
    return METAVARS.get(kinds[0]) if len(kinds) == 1 else None


def read(function: Callable, prog: str, args: list[str]) -> dict[str, Any]:
    """The keyword arguments that `args` gives to `function`; before the `*`, without a default: positional.

    Callbacks stay out of the command line; a trailing underscore is dropped (`from_` is --from). Leaves by SystemExit:
    status 2 with the nearest option named if the arguments do not fit, 0 after --help. Raises ValueError for an empty
    list.
    """
    import tyro

    hints, parameters = get_type_hints(function, include_extras=True), []
    for p in inspect.signature(function).parameters.values():
        hint = hints.get(p.name, str | None if p.default is None else str)
        if from_text(hint):
            parameters.append(p.replace(annotation=described(p, hint, notes(function).get(p.name))))

    def command(*values, **named):
        return inspect.Signature(parameters).bind(*values, **named).arguments

    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = summary(function)
    given = tyro.cli(command, prog=prog, args=args, config=(tyro.conf.FlagCreatePairsOff,))
    for p in parameters:
        if p.default is p.empty and given.get(p.name) in ([], ()):
            raise ValueError(f"{prog} needs at least one of: {p.name}; `{prog} --help` tells more")
    return dict(given)
