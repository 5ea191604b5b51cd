"""What to write instead of a line of a handler that raised."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from itertools import islice
from types import ModuleType
from typing import Final

import ncco_server
from ncco_server.flow.grammar.reader import HINTS, meaning_of
from ncco_server.flow.handlers.api import Call, Row
from ncco_server.flow.handlers.effects import RunFailed
from ncco_server.flow.handlers.secret import SecretGone
from ncco_server.flow.handlers.signatures import WrongArgument, near_name, unknown_argument
from ncco_server.flow.hours.calendar import CurrentHours
from ncco_server.flow.templates.foreign import FOREIGN
from ncco_server.suggest import nearest

_IMPORTED: Final = re.compile(r"^cannot import name '(\w+)'")
_CODE: Final = re.compile("`[^`]+`")
_IMPORTS: Final = "install it, or put the module beside the flows folder: `from crm import ..` finds crm.py there"
_MOST_KEYS: Final = 1_000
"""A file may hold a large table."""
_MOST_SHOWN: Final = 10
_CHOICE: Final = re.compile(r"^Choice\.__init__\(\) got an unexpected keyword argument '(\w+)'")


def cure_of(error: BaseException | None, raised_by: ast.expr | None = None) -> str | None:
    """For a name, an attribute, a method or an option that does not exist. None for most other errors.

    `raised_by` is the code of a frame's own that raised it.
    """
    match error:
        case WrongArgument() | SecretGone():
            return error.cure
        case RunFailed():
            return "catch it: `except RunFailed:`"
        case NameError(name=str(name)):
            return _unknown_name(name, error)
        case ImportError(name=str(module)) if module in sys.modules and (found := _IMPORTED.search(str(error))):
            exported = getattr(sys.modules[module], "__all__", ())
            near = nearest(found[1], exported or dir(sys.modules[module]))
            other = f"write one of: {', '.join(exported)}" if exported else f"define `{found[1]}` in {module}"
            return f"write `{near}`" if near else other
        case ImportError():
            return _IMPORTS
        case AttributeError(name=str(name)):
            return _with_name(_attribute(name, error.obj) or _said(error), raised_by)
        case KeyError():
            return _key(error, raised_by)
        case IndexError() if isinstance(raised_by, ast.Subscript) and not isinstance(raised_by.slice, ast.Call):
            value, at = ast.unparse(raised_by.value), ast.unparse(raised_by.slice)
            needed = value if at in ("0", "-1") else f"len({value}) > {at}"
            return f"write `if {needed}:` before this line: it may have fewer entries"
        case TypeError() if found := _CHOICE.search(str(error)):
            return unknown_argument("Choice", found[1], ("dtmf", "speech")).cure
        case _:
            return _with_name(_said(error), raised_by)


def _unknown_name(name: str, error: NameError) -> str:
    own, others = (nearest(name, known) for known in _names_at(error))
    own = f"call.{name}" if hasattr(Call, name) else own
    meant = (own if own and own.islower() else None) or meaning_of(name, HINTS["name"]) or own or others
    if meant:
        return meant if " " in meant else f"write `{meant}`"
    if name in vars(ncco_server)["__all__"]:
        return f"write `from ncco_server import {name}`"
    return f"define `{name}` before this line, import it, or put quotes around it if it is a text"


def _with_name(cure: str | None, raised_by: ast.expr | None) -> str | None:
    """The cure with the author's names for what it calls `value` or `row`, and `field`."""
    match raised_by:
        case ast.Attribute(value=ast.Name(id=name)) | ast.Subscript(value=ast.Name(id=name)):
            field = getattr(getattr(raised_by, "slice", None), "value", "field")
            named = cure and _CODE.sub(lambda code: re.sub(r"\b(?:value|row)\b", name, code[0]), cure)
            key = getattr(raised_by, "attr", "field")
            return named and named.replace(".field", f".{field}").replace('"field"', f'"{key}"')
    return cure


def syntax_cure(said: str, written: str, column: int) -> str | None:
    """What to write instead of another language's sign or word at this place of a line, or a reserved word."""
    near = ((each, cure) for sign, cure in HINTS["syntax"].items() for each in re.finditer(sign, written))
    is_anywhere = said.startswith("f-string")  # its column is that of the text, or none
    found = (cure for each, cure in near if is_anywhere or each.start() - 1 <= column - 1 <= each.end() + 1)
    return next(found, None) or _said(said)


def _said(error: object) -> str | None:
    return next((cure for said, cure in HINTS["errors"].items() if re.search(said, str(error))), None)


def _names_at(error: BaseException) -> Iterator[list[str]]:
    """Its own names come first."""
    own, others = _variables_at(error)
    for names in (own, {**others, **vars(builtins)}):
        yield [each for each in names if not each.startswith("_")]


def _key(error: KeyError, raised_by: ast.expr | None) -> str:
    own, others = _variables_at(error)
    code, written = (raised_by.value, raised_by.slice) if isinstance(raised_by, ast.Subscript) else (None, None)
    read = _value(code, {**others, **own})
    values = [read] if isinstance(read, dict) else [*own.values(), *others.values()]
    dicts = [each for each in values if isinstance(each, dict)]
    keys = [*islice((key for each in dicts for key in [*each] if isinstance(key, str)), _MOST_KEYS)]
    match error.args, written:
        case [None], ast.Name(id=name):
            return f"write `if {name} is None:` before this line: it is no key"
        case [None], _:
            return "handle None before this line: it is no key"
        case [str(key)], _ if near := nearest(key, keys):
            return f'write "{near}"'
        case _, ast.Constant() if isinstance(read, dict) and keys and _is_in(read, others.values()):
            return f"write one of: {', '.join(keys[:_MOST_SHOWN])}"
        case [str() | int() as key], ast.expr() if code is not None and _root(code) in others.keys() - own.keys():
            shown = f'"{key}"' if isinstance(key, str) else key
            return f"write `{ast.unparse(code)}.get(..)`, which gives None here, or add {shown}"
        case _:
            return "correct the key, or write `.get(..)` if it may be missing"


def _is_in(read: object, values: Iterable[object]) -> bool:
    for each in values:
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list | tuple) else ()
        if each is read or any(one is read for one in islice(inner, _MOST_KEYS)):
            return True
    return False


def _root(code: ast.expr) -> str:
    while isinstance(code, ast.Attribute | ast.Subscript):
        code = code.value
    return code.id if isinstance(code, ast.Name) else ""


def _value(code: ast.expr | None, names: Mapping[str, object]) -> object:
    """What a name, an entry of a dict or list, or something of a module is; None if it is something else."""
    match code:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=of, attr=name) if isinstance(module := _value(of, names), ModuleType):
            return vars(module).get(name)
        case ast.Subscript(value=of, slice=key) if type(whole := _value(of, names)) in (dict, list, tuple):
            with suppress(LookupError, TypeError):
                return whole[_value(key, names)]  # type: ignore[index]  # it is one of these
    return None


def _variables_at(error: BaseException) -> tuple[Mapping[str, object], Mapping[str, object]]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return ({}, {}) if trace is None else (trace.tb_frame.f_locals, trace.tb_frame.f_globals)


def _attribute(name: str, value: object) -> str | None:
    if isinstance(value, Row):
        column = name if name in value.columns else next(iter(value.columns), "column")
        return f"write `row['{column}']`: columns are in square brackets"
    members = [*value.__members__] if isinstance(value, type) and issubclass(value, Enum) else []
    fields = [*value] if isinstance(value, CurrentHours) else []
    public = [each for each in dir(value) if not each.startswith("_") and not hasattr(Exception, each)]
    known = members or fields or public
    near = near_name(FOREIGN.fields.get(name, name) if fields else name, known)
    if type(value).__module__ == "builtins" or (not near and not members and not _is_ours(value)):
        return None
    return f"write `.{near}`" if near else f"it has: {', '.join(known)}"


def _is_ours(value: object) -> bool:
    return type(value).__module__.startswith(("ncco_server.", "ncco_studio."))
