"""Handlers of calls that a program gives as objects, instead of listing their files."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import FunctionType, ModuleType
from typing import Any

from ncco_server.flow.handlers.api import CallFlow
from ncco_server.flow.handlers.steps import constants


class GivenHandler(str):
    """The path of a handler's file below the flows folder, as in `NCCO_PYTHON_FLOWS`, with the handler itself.

    `text` is that of its module's file; for `literal`, see `ncco_server.flow.handlers.steps.constants`.
    """

    flow: CallFlow
    text: str
    literal: Mapping[int, str]

    @classmethod
    def of(cls, flow: CallFlow, folder: Path) -> GivenHandler:
        """A file outside the flows `folder` gets a path made of the module's name. Raises ValueError without a file."""
        module = inspect.getmodule(inspect.unwrap(flow.function))
        try:
            text = Path(flow.file).read_text(encoding="utf-8")
        except OSError:
            text = ""
        if module is None or not text:
            raise ValueError(f'the handler "{flow.name}" has no file: define it in a module that is imported')
        file = Path(flow.file).resolve()
        name = f"{_module_name(module).replace('.', '/')}.py"
        if file.is_relative_to(folder.resolve()):
            name = PurePosixPath(file.relative_to(folder.resolve())).as_posix()
        written = set(constants(compile(text, flow.file, "exec", dont_inherit=True)).values())
        given = cls(name)
        given.flow = flow
        given.text = text
        given.literal = {id(each): each for each in _texts(module) if each in written}
        return given


def given_handlers(flows: Sequence[CallFlow], folder: Path) -> tuple[GivenHandler, ...]:
    """Raises ValueError if a module has no file, or two handlers have the same."""
    found: dict[GivenHandler, str] = {}
    for flow in flows:
        given = GivenHandler.of(flow, folder)
        if given in found:
            raise ValueError(f'"{found[given]}" and "{flow.name}" are in one file: write each in a file of its own')
        found[given] = flow.name
    return tuple(found)


def texts_of(handlers: Iterable[str]) -> dict[str, str]:
    return {str(handler): handler.text for handler in handlers if isinstance(handler, GivenHandler)}


def _module_name(module: ModuleType) -> str:
    """Return the importable name, also if the module is the program."""
    spec = getattr(module, "__spec__", None)
    return spec.name if spec is not None else Path(module.__file__ or "handler").stem


def _texts(module: ModuleType) -> Iterator[str]:
    """Include variables, and objects of the module's own classes."""
    waiting: list[Any] = [dict(vars(module))]
    seen = set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif id(each) not in seen:
            seen.add(id(each))
            waiting += _inside(each, module)


def _inside(value: Any, module: ModuleType) -> Iterator[Any]:
    value = inspect.unwrap(value.function) if isinstance(value, CallFlow) else value
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, FunctionType):
        if value.__module__ == module.__name__:
            yield from constants(value.__code__).values()
            yield from value.__defaults__ or ()
            yield value.__kwdefaults__ or {}
            yield value.__dict__
    elif getattr(value if isinstance(value, type) else type(value), "__module__", "") == module.__name__:
        yield dict(vars(value)) if hasattr(value, "__dict__") else {}
