"""Says how a call in a handler's code does not fit the signature of what it calls."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from inspect import Parameter, Signature
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.flow.grammar.reader import HINTS, meaning_of, synonym
from ncco_server.flow.language.selection import MOST_ROWS
from ncco_server.ncco.hints import OPTION_NAMES
from ncco_server.ncco.value_types import duration_ms, meant_durations
from ncco_server.suggest import folded, nearest

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

RANGES: Final = {"limit_ms": range(50, 3501), "first": range(1, MOST_ROWS + 1)}
"""The numbers that an argument can be."""

_UNITS: Final = {"s": ("s", " of seconds", 1000), "ms": ("ms", " of milliseconds", 1)}
"""By the end of an argument's name: its unit, in words, and in milliseconds."""
_CAPITAL: Final = re.compile("[A-Z]")
_OPTIONS: Final = re.compile(r"Unpack\[(\w+)\]")
_NAMES: Final = re.compile(r"\w+")
_SHOWN: Final = {"key": "number=call.person", "params": "name=..", "words": "..", "more": ".."}
"""Examples of arguments that may have any name."""
_LIST: Final = re.compile(r"Sequence\[\w+\]( \| None)?")
_BY_POSITION: Final = "give what the function gets without names, behind it: `call.run(f, value)`"


class WrongArgument(TypeError):
    """An argument of a method cannot have this value.

    Attributes:
        message: what is wrong.
        cure: what to write instead.
        argument: its name, if other values would do; "" if none would.
    """

    def __init__(self, message: str, cure: str, argument: str = "") -> None:
        super().__init__(f"{message}: {cure}")
        self.message = message
        self.cure = cure
        self.argument = argument


class CallMisfit(NamedTuple):
    """What is wrong with a call, and what to write instead."""

    node: ast.expr | ast.keyword
    message: str
    cure: str


def unknown_argument(function: str, name: str, known: Iterable[str], lacking: Sequence[str] = ()) -> WrongArgument:
    """The error for an argument that a method or function does not have; it may be the only one that is `lacking`."""
    names = [each for each in known if each.islower()]
    shapes = ("dtmf", "speech", "talk") if function in ("choose", "collect") else (function,)
    foreign = [_in_python(OPTION_NAMES.get(shape, {}).get(folded(name), "")) for shape in shapes]
    snake = _in_python(name)
    said = [meaning_of(name, HINTS[hints]) or "" for hints in ("call option", "choice")]
    usual = [word for each in said for word in each.split()]
    only = lacking if len(lacking) == 1 else ()
    likely = (*usual, synonym(name, names), *foreign, nearest(snake, names), *snake.split("_"), *only)
    meant = next((each for each in likely if each in names), "")
    hint = meaning_of(name, HINTS.get(f"arguments of {function}", {})) or next(
        (each for each in said if "`" in each), ""
    )
    otherwise = _BY_POSITION if function in ("run", "hold") else f"write one of: {', '.join(names)}"
    cure = f"write `{meant}=..`" if meant else otherwise
    return WrongArgument(f'`{function}` has no "{name}"', hint or cure)


def _in_python(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


def out_of_range(name: str, value: object) -> WrongArgument:
    return WrongArgument(f"`{name}` is {value!r}", f"write {RANGES[name][0]} to {RANGES[name][-1]}", name)


def near_name(name: str, known: Iterable[str]) -> str:
    """One of the known names, or ""."""
    names = sorted(known)
    return nearest(name, names) or next((each for each in names if each in name.split("_")), "")


@cache
def signature_of(function: Callable[..., Any]) -> Signature:
    """Without `self`. The options that its TypedDict has are arguments too."""
    signature = inspect.signature(function)
    arguments: list[Parameter] = []
    for each in signature.parameters.values():
        if typed := _OPTIONS.fullmatch(str(each.annotation)):
            options = inspect.unwrap(function).__globals__[typed[1]].__annotations__
            arguments += [
                Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation.__forward_arg__)
                for name, annotation in options.items()
            ]
        elif each.name != "self":
            arguments.append(each)
    return signature.replace(parameters=arguments)


def arguments_of(function: Function) -> Sequence[tuple[ast.arg, Any, ast.expr | None]]:
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
    found: list[tuple[ast.arg, Any, ast.expr | None]] = [
        (each, Parameter.POSITIONAL_ONLY if each in given.posonlyargs else Parameter.POSITIONAL_OR_KEYWORD, default)
        for each, default in zip(positional, defaults, strict=True)
    ]
    found += [(given.vararg, Parameter.VAR_POSITIONAL, None)] if given.vararg else []
    found += [(each, Parameter.KEYWORD_ONLY, of) for each, of in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return found + ([(given.kwarg, Parameter.VAR_KEYWORD, None)] if given.kwarg else [])


def written_signature(function: Function) -> Signature:
    return Signature(
        [
            Parameter(
                each.arg,
                kind,
                default=Parameter.empty if default is None else default,
                annotation="" if each.annotation is None else ast.unparse(each.annotation),
            )
            for each, kind, default in arguments_of(function)
        ]
    )


def are_written(call: ast.Call) -> bool:
    """Whether all its arguments are known: no `*` and `**`."""
    return all(each.arg is not None for each in call.keywords) and not any(
        isinstance(each, ast.Starred) for each in call.args
    )


def misfit_of(
    opening: str, signature: Signature, call: ast.Call, constants: Mapping[str, ast.expr], first: int = 0
) -> CallMisfit | None:
    """Return None if the call fits, or has `*` or `**`.

    `opening` is how it is written, such as `call.talk(` or `call.run(find`. The arguments from `first` on are those of
    the signature. `constants` are values by their names.
    """
    if not are_written(call):
        return None
    known = signature.parameters
    if first and (taken := next((each.name for each in known.values() if str(each.annotation) == "Call"), "")):
        function = _NAMES.findall(opening)[-1]
        cure = f"delete its argument `{taken}`: it gets only values, such as `{taken}.uuid`"
        return CallMisfit(call.args[0], f"`{function}` takes the call itself, which only a handler has", cure)
    args = call.args[first:]
    keywords = {str(each.arg): each.value for each in call.keywords if not first}
    kinds = {each.kind for each in known.values()}
    name = _NAMES.findall(opening)[-1]
    needed = [each for each in known.values() if each.default is each.empty and each.kind is not each.VAR_POSITIONAL]
    lacking = [each.name for each in needed[len(args) :] if each.name not in keywords]
    for given_as in call.keywords if not first and Parameter.VAR_KEYWORD not in kinds else ():
        if given_as.arg and given_as.arg not in known:
            wrong = unknown_argument(name, given_as.arg, known, lacking)
            return CallMisfit(given_as, wrong.message, wrong.cure)
    shown = [_SHOWN.get(each.name, each.name) + "=.." * (each.kind is each.KEYWORD_ONLY) for each in needed]
    if first:
        shown[: len(args)] = map(ast.unparse, args[: len(shown)])
    others = [ast.unparse(each) for each in call.keywords if first and each.arg not in known]
    cure = f"write `{', '.join([opening, *shown, *others]).replace('(, ', '(')})`"
    try:
        given = signature.bind_partial(*args, **keywords).arguments
    except TypeError:
        most = [each.name for each in known.values() if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
        cure = cure if len(shown) >= len(most) else f"write `{', '.join([opening, *most]).replace('(, ', '(')})`"
        if len(most) == 1 and "Sequence" in str(known[most[0]].annotation):
            cure = f"write a list: `{opening}[{', '.join(map(ast.unparse, args))}], ..)`"
        first_other = args[len(most)] if len(most) < len(args) else call
        if isinstance(first_other, ast.Dict) and Parameter.VAR_KEYWORD in kinds:
            pairs = zip(first_other.keys, first_other.values, strict=True)
            words = [f"{ast.unparse(key)[1:-1]}={ast.unparse(value)}" for key, value in pairs if key is not None]
            cure = f"write `{opening}{', '.join([*map(ast.unparse, args[: len(most)]), *words])})`"
        return CallMisfit(
            first_other,
            f"`{name}` takes only {len(most)} without a name",
            cure,
        )
    missing = [f"`{each.name}`" for each in needed if each.name not in given and each.kind is not each.VAR_KEYWORD]
    if missing:
        return CallMisfit(call, f"`{name}` needs {', '.join(missing)} as well", cure)
    lists = () if name == "call_flow" else known  # what reads its words says this
    found = (_misfit(known[each], each in lists, value, constants) for each, value in given.items())
    return next((each for each in found if each is not None), None)


def _misfit(
    argument: Parameter, needs_list: bool, written: ast.expr, constants: Mapping[str, ast.expr]
) -> CallMisfit | None:
    name, annotation = argument.name, str(argument.annotation)
    value = constants.get(written.id, written) if isinstance(written, ast.Name) else written
    constant = value.value if isinstance(value, ast.Constant) else value
    if needs_list and _LIST.fullmatch(annotation) and isinstance(constant, str | ast.JoinedStr):
        words = re.split(", ?", constant) if isinstance(constant, str) else None
        items = ast.unparse(written) if words is None else ", ".join(f'"{each}"' for each in words)
        return CallMisfit(written, f"`{name}` is a list", f"write `{name}=[{items}]`")
    if name == "endpoint":
        parts = value.values if isinstance(value, ast.Dict) else [value]
        empty = (each for each in parts if isinstance(each, ast.Constant) and each.value == "")
        return next((CallMisfit(each, "the number is empty", 'write it: "447700900111"') for each in empty), None)
    if constant is value:
        return None
    if annotation == "bool" and not isinstance(constant, bool):
        return CallMisfit(written, f"`{name}` is {constant!r}", f"write `{name}=True` or `{name}=False`")
    if annotation == "int" and isinstance(constant, str):
        unit, of_unit, each_ms = _UNITS.get(name.rpartition("_")[2], ("", "", 1))
        meant = next((ms for each in (constant, *meant_durations(constant, unit)) if (ms := duration_ms(each))), 0)
        number = f": {meant // each_ms}" if unit and meant >= each_ms else ""
        return CallMisfit(written, f"`{name}` is {constant!r}", f"write a number{of_unit}, without quotes{number}")
    if name in RANGES and constant not in RANGES[name]:
        wrong = out_of_range(name, constant)
        return CallMisfit(written, wrong.message, wrong.cure)
    return None
