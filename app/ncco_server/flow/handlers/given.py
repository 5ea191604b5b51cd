"""Files with handlers whose code is the program's own, instead of being run for each version that calls began with."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from types import FunctionType, ModuleType
from typing import Any, Self

from ncco_server.flow.files import display_path, is_deployed
from ncco_server.flow.handlers.api import CallFlow
from ncco_server.flow.handlers.steps import constants


class DeployedFile(str):
    """The display path of a file that may be anywhere.

    A call goes on with the handlers as they are now: their code is not part of its revision.

    Attributes:
        file: where it is.
        is_given: its handlers were given as objects, so its code is not run.
        flows: its handlers, once its code was run.
        text: of the code that was run.
        literal: of this code; see `ncco_server.flow.handlers.steps.constants`.
    """

    file: Path
    is_given: bool = False
    flows: tuple[CallFlow, ...] = ()
    text: str = ""
    literal: Mapping[int, str]

    @classmethod
    def of(cls, flows: Sequence[CallFlow], folder: Path) -> Self:
        """The file of handlers that a program gives as objects. Raises ValueError without a file.

        A file outside the flows `folder` gets a path made of the module's name.
        """
        first = flows[0]
        module = inspect.getmodule(inspect.unwrap(first.function))
        try:
            text = Path(first.file).read_text(encoding="utf-8")
        except OSError:
            text = ""
        if module is None or not text:
            raise ValueError(f'the handler "{first.name}" has no file: define it in a module that is imported')
        file = Path(first.file).resolve()
        name = f"{_module_name(module).replace('.', '/')}.py"
        if file.is_relative_to(folder.resolve()):
            name = f"flows/{PurePosixPath(file.relative_to(folder.resolve()))}"
        written = set(constants(compile(text, first.file, "exec", dont_inherit=True)).values())
        given = cls(name)
        given.file, given.is_given, given.flows, given.text = file, True, tuple(flows), text
        given.literal = {id(each): each for each in _texts(module) if each in written}
        return given

    def read(self) -> str:
        """Its text: of a file that is run, the newest that can be read."""
        if not self.is_given:
            with suppress(OSError, UnicodeDecodeError):
                return self.file.read_bytes().decode("utf-8-sig")
        return self.text


def deployed_file(handler: str) -> DeployedFile | None:
    """Its own, or that of an absolute path; None for a path below the flows folder."""
    if isinstance(handler, DeployedFile):
        return handler
    return _deployed_at(handler) if is_deployed(handler) else None


@cache
def _deployed_at(path: str) -> DeployedFile:
    """The same one for the whole process, so that a text is run only once."""
    found = DeployedFile(display_path(path))
    found.file = Path(path)
    return found


def given_handlers(flows: Sequence[CallFlow], folder: Path) -> tuple[DeployedFile, ...]:
    """The files of handlers that are given as objects. Raises ValueError if a module has no file."""
    found: dict[str, list[CallFlow]] = {}
    for flow in flows:
        found.setdefault(flow.file, []).append(flow)
    return tuple(DeployedFile.of(each, folder) for each in found.values())


def deployed_texts(handlers: Iterable[str]) -> dict[str, str]:
    """Display path → text."""
    return {str(each): each.read() for each in map(deployed_file, handlers) if each is not None}


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
