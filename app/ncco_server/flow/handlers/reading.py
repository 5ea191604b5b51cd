"""Reads a file with handlers: runs its code, and makes a flow of each handler."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import PurePosixPath
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import CallFlow
from ncco_server.flow.handlers.arguments import TYPE_NAMES
from ncco_server.flow.handlers.effects import HEARD, SECRET
from ncco_server.flow.handlers.given import deployed_file
from ncco_server.flow.handlers.playback import NO_KEYS, HandlerPlayback
from ncco_server.flow.handlers.secret import Secret, default_secret
from ncco_server.flow.handlers.steps import EffectTemplate, StepMaker, constants
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.flow import FlowHead, ReadFlow, read_flow
from ncco_server.flow.language.shared import Context
from ncco_server.flow.model import Step
from ncco_server.flow.nodes import Node, Place
from ncco_server.flow.runtime import AWAITED, RECORDED
from ncco_server.flow.scope import Variable
from ncco_server.moments import milliseconds
from ncco_server.ncco.value_types import ANY, TYPES

_START: Final = "start"


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
}
"""Makes an argument of a param that is stored as text, by type; "" becomes None."""
_NO_TYPES: Final = (dict, list, set, tuple, bytes)
_MOST_DIGITS: Final = 10
"""Of fewer choices, each has a digit of its own."""


@dataclass(frozen=True, slots=True)
class LoadedHandler:
    """A handler, of which nothing was run but its file; see `ncco_server.flow.runtime.Handling`.

    `secrets` are the sensitive params, with their defaults.
    """

    flow: CallFlow
    maker: StepMaker
    runs: frozenset[str]
    params: Mapping[str, str]
    secrets: Mapping[str, str]
    calendars: Mapping[str, Calendar]
    names: frozenset[str]
    text: str = field(default="", repr=False)
    outline: Mapping[str, Step] = field(default_factory=dict, compare=False)
    play: Callable[..., HandlerPlayback] = field(default=HandlerPlayback, compare=False)

    @property
    def hooks(self) -> Sequence[Any]:
        return self.maker.named_hooks

    @property
    def records(self) -> bool:
        return "record" in self.names

    @property
    def dials(self) -> bool:
        return "connect" in self.names

    def begun(self, now: datetime) -> Sequence[Any]:
        return [milliseconds(now)]

    def playback(
        self,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        params: Mapping[str, Any],
        known: Mapping[str, str],
        keys: Sequence[bytes] = NO_KEYS,
        *,
        calendars: Mapping[str, Calendar] | None = None,
        mask: Callable[[str], str] = str,
    ) -> HandlerPlayback:
        arguments = {name: self._argument(name, value) for name, value in params.items()}
        waits: list[str] = []
        if self.secrets:
            heard = dict(known)
            arguments |= {
                name: default_secret(default, mask) if params[name] == default else Secret(params[name], heard, waits)
                for name, default in self.secrets.items()
            }
        return self.play(
            self.flow,
            self.maker,
            facts,
            env,
            arguments,
            calendars=self.calendars if calendars is None else calendars,
            known=known,
            keys=keys,
            waits=waits,
            mask=mask,
        )

    def _argument(self, name: str, value: Any) -> Any:
        reader = _READERS.get(self.params[name])
        return value if reader is None else reader(value) if value else None


class HandlerFile(NamedTuple):
    """A handler of a file, after the file's code has been run.

    Attributes:
        handler: None if there is none, or the code could not be run.
        node: the words of its flow, as in a flow file.
        literal: see `ncco_server.flow.handlers.steps.constants`.
        names: the attributes and global names that the code uses.
        text: of the file.
    """

    handler: CallFlow | None
    node: Node | None
    literal: Mapping[int, str]
    names: frozenset[str]
    text: str
    issues: list[FlowIssue]


_NO_HANDLER: Final = "decorate one, or take the file out of NCCO_PYTHON_FLOWS: what handlers import need not be listed"
_is_running: ContextVar[bool] = ContextVar("handler file runs", default=False)


def is_running_file() -> bool:
    return _is_running.get()


def run_file(path: str, text: str, listed: str = "") -> list[HandlerFile]:
    """Run the code of a file in a new module: one entry for each of its handlers, or with what is wrong. Never raises.

    If `listed` is a deployed file, its code is run only if this text is not the one that was run last; without a text,
    that of a stored revision, it is what is deployed now.
    """
    deployed = deployed_file(listed)
    file = path
    if deployed is not None:
        file = str(deployed.file)
        text = text or deployed.text or deployed.read()
    try:
        code = compile(text, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        place = Place(path, getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1)
        return [_without_handler(place, f"this is not Python: {getattr(error, 'msg', None) or error}")]
    if deployed is not None and (deployed.is_given or (deployed.flows and deployed.text == text)):
        return _with_handlers(deployed.flows, path, text, deployed.literal)
    module = ModuleType(f"ncco_server_handlers_{hashlib.sha256((path + text).encode()).hexdigest()[:16]}")
    module.__file__ = file
    module.__package__ = ".".join(PurePosixPath(path).parts[:-1])
    sys.modules[module.__name__] = module  # dataclasses and pydantic look up annotations there
    running = _is_running.set(True)
    try:
        exec(code, module.__dict__)  # noqa: S102 - the operator has listed the file
        handlers = _handlers_in(module, file)
        literal = constants(code)
        found = _with_handlers(handlers, path, text, literal)
    except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        place = Place(path, (own[-1].lineno if own else None) or 1, 1)
        return [_without_handler(place, f"this line raised {traceback.format_exception_only(error)[-1].strip()}")]
    finally:
        _is_running.reset(running)
    if deployed is not None:
        deployed.flows, deployed.text, deployed.literal = handlers, text, literal
    message = "no function of this file is decorated with `call_flow`"
    cure = _NO_HANDLER if deployed is None else "name the file that has the handlers"
    return found or [_without_handler(Place(path, 1, 1), message, cure)]


def _handlers_in(module: ModuleType, file: str) -> tuple[CallFlow, ...]:
    made = {id(each): each for each in vars(module).values() if type(each) is CallFlow and each.file == file}
    return tuple(sorted(made.values(), key=lambda each: each.line))


def _with_handlers(handlers: Sequence[CallFlow], path: str, text: str, literal: Mapping[int, str]) -> list[HandlerFile]:
    found = []
    for handler in handlers:
        own = inspect.unwrap(handler.function).__code__
        beside = {each.name for each in handlers}.difference(constants(own).values())
        known = {key: each for key, each in literal.items() if each not in beside}
        found.append(_with_handler(replace(handler, path=path), path, text, known))
    return found


def _with_handler(handler: CallFlow, path: str, text: str, literal: Mapping[int, str]) -> HandlerFile:
    place = Place(path, handler.line, 1)
    first, *others = [*inspect.signature(handler.function).parameters, ""]
    if not first or _hint_of(handler, first, None) in {*TYPE_NAMES, Secret}:
        name = handler.function.__name__
        shown = ", ".join(["call: Call", *(each for each in (first, *others) if each)])
        message = f'the first argument of a handler is the call, not "{first}"' if first else "a handler needs the call"
        return _without_handler(place, message, f"write `async def {name}({shown})`")
    try:
        node = _node(handler, path)
    except RenderError as error:
        cure = "write a list in square brackets, or a dict with colons, in the words of `call_flow`"
        return _without_handler(place, error.message, cure)
    names = frozenset(_names(compile(text, path, "exec", dont_inherit=True)))
    return HandlerFile(handler, node, literal, names, text, [])


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in (each for each in code.co_consts if isinstance(each, CodeType)):
        yield from _names(inner)


def _without_handler(place: Place, message: str, cure: str | None = None) -> HandlerFile:
    return HandlerFile(None, None, {}, frozenset(), "", [RULES["E701"].at(place, message, cure)])


def _node(handler: CallFlow, path: str) -> Node:
    """A handler as a flow file with a single step, which proofs use in place of the handler."""
    params = _params(handler)
    words = {
        "flow": handler.name,
        **handler.words,
        **({"params": params} if params else {}),
        "start": _START,
        "steps": {_START: _outline(handler.words)},
    }
    return EffectTemplate(None, Place(path, handler.line, 1), has_expressions=True).node(words)


def _outline(words: Mapping[str, Any]) -> dict[str, Any]:
    """A question with a choice for each way in which the handler may end."""
    outcomes = words.get("outcomes", ())
    ends: dict[str, Any] = {"ends": "end"}
    failed = words.get("defaults", {}).get("on", {}).get("error")
    if failed is not None:
        ends["fails"] = failed
    ends |= {str(each): {"return": each} for each in (outcomes if isinstance(outcomes, list) else ())}
    first = 1 if len(ends) < _MOST_DIGITS else _MOST_DIGITS
    choices = {name: {"dtmf": f"{number}", "goto": to} for number, (name, to) in enumerate(ends.items(), first)}
    return {"do": [{"talk": "How does the handler end?"}], "choices": choices, "retry": {"then": "end"}}


def _params(handler: CallFlow) -> dict[str, Any]:
    """Leave out the first argument, which is the call."""
    found: dict[str, Any] = {}
    for name, param in list(inspect.signature(handler.function).parameters.items())[1:]:
        hint = _hint_of(handler, name)
        words: dict[str, Any] = {"type": TYPE_NAMES.get(hint, "text")}
        if hint is Secret:
            words["sensitive"] = True
        is_single = hint not in _NO_TYPES and typing.get_origin(hint) not in _NO_TYPES
        if param.default is not param.empty and is_single:
            words["default"] = "" if param.default is None else param.default
        found[name] = words if len(words) > 1 else words["type"]
    return found


def _hint_of(handler: CallFlow, name: str, otherwise: Any = str) -> Any:
    """By default, text stands for a missing annotation."""
    try:
        hints = typing.get_type_hints(handler.function)
    except Exception:  # noqa: BLE001 - an annotation may be any expression
        hints = {}
    return hints.get(name, otherwise)


class HandlerSteps(Mapping[str, Step]):
    """The steps of a handler are made in calls: a name stands for the one that was made last, or for `start`."""

    def __init__(self, maker: StepMaker, start: Step) -> None:
        self._maker = maker
        self._start = start

    def __getitem__(self, name: str) -> Step:
        return self._maker.latest.get(name, self._start)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __contains__(self, name: object) -> bool:
        return name in self._maker.latest


def read_handler(file: HandlerFile, head: FlowHead, context: Context, issues: list[FlowIssue]) -> ReadFlow:
    read = read_flow(head, context, issues)
    if read.flow is None or file.handler is None:
        return read
    place = read.flow.place
    for name in (RECORDED, AWAITED):
        if (taken := read.flow.params.get(name)) is not None:
            cure = f"choose another name, such as is_{name}: the server keeps its own values under this one"
            issues.append(RULES["E205"].at(taken.place, f'a param cannot be named "{name}"', cure))
            return replace(read, flow=None)
    heard = {
        **read.flow.variables,
        HEARD: Variable(HEARD, TYPES["text"], "", place, is_declared=False),
        SECRET: Variable(SECRET, TYPES["text"], "", place, sensitive=True, is_declared=False),
    }
    kept = {name: Variable(name, ANY, (), place, is_declared=False) for name in (RECORDED, AWAITED)}
    maker = StepMaker(replace(read.reader, variables=heard), read.defaults, file.literal)
    runs = context.flows.keys() & {*file.literal.values()} - {read.name}
    handler = file.handler
    declared = read.flow.params.items()
    types = {name: TYPE_NAMES.get(_hint_of(handler, name), "text") for name, _ in declared}
    for name, param in declared:
        if (hint := _hint_of(handler, name)) in _NO_TYPES or typing.get_origin(hint) in _NO_TYPES:
            known = ", ".join(each.__name__ for each in (*TYPE_NAMES, Secret))
            message = f'the param "{name}" cannot be a {hint.__name__}: callers and flows give one value'
            issues.append(RULES["E203"].at(param.place, message, f"write one of: {known}"))
        if inspect.signature(handler.function).parameters[name].default is None and types[name] not in _READERS:
            message = f'the default of the param "{name}" is None, and callers and flows give values'
            issues.append(RULES["E203"].at(param.place, message, 'write a value, such as "" for a text'))
    secrets = {name: param.default for name, param in declared if param.sensitive}
    handling = LoadedHandler(
        handler, maker, frozenset(runs), types, secrets, read.flow.calendars, file.names, file.text, read.flow.steps
    )
    steps = HandlerSteps(maker, read.flow.steps[_START])
    return replace(read, flow=replace(read.flow, variables={**heard, **kept}, steps=steps, handler=handling))
