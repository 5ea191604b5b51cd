"""Reads a file with handlers: runs its code, and makes a flow of each handler."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import partial
from math import inf
from pathlib import PurePosixPath
from types import CodeType, MappingProxyType, ModuleType
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.api import Call, CallFlow, Phone
from ncco_server.flow.handlers.cures import cure_of, syntax_cure
from ncco_server.flow.handlers.effects import HEARD, SECRET
from ncco_server.flow.handlers.given import GivenHandler
from ncco_server.flow.handlers.inspection import HandlerCode
from ncco_server.flow.handlers.limits import EXPLORE_S, HURRY_S, LOAD_S, LineTracer, TooLong, in_time
from ncco_server.flow.handlers.own_modules import OldModules, in_process, note_imported, own_modules, stored_in
from ncco_server.flow.handlers.playback import NO_KEYS, HandlerPlayback
from ncco_server.flow.handlers.remarks import Remark, run_again
from ncco_server.flow.handlers.secret import Secret, default_secret
from ncco_server.flow.handlers.signatures import Function, arguments_of
from ncco_server.flow.handlers.steps import EffectTemplate, StepMaker, constants
from ncco_server.flow.handlers.written import WrittenCode, nodes_in
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.issues import RULES, FlowIssue, unset_variable
from ncco_server.flow.language.flow import FlowHead, ReadFlow, read_flow
from ncco_server.flow.language.shared import Context
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Map, Node, Place
from ncco_server.flow.runtime import AWAITED, RECORDED, Followers
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
_TYPES: Final[Mapping[Any, str]] = {
    str: "text",
    int: "int",
    float: "number",
    bool: "bool",
    date: "date",
    time: "time",
    datetime: "datetime",
    Phone: "phone",
}
_NO_TYPES: Final = (dict, list, set, tuple, bytes)


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
    code: HandlerCode
    env: frozenset[str] = frozenset()
    hours: frozenset[str] = frozenset()
    is_whole: bool = False
    followers: Followers = field(default_factory=dict)
    variants: tuple[Step, ...] = ()
    never_run: Sequence[str] = ()

    @property
    def hooks(self) -> Sequence[Any]:
        return self.maker.named_hooks

    @property
    def records(self) -> bool:
        return "record" in self.code.words

    @property
    def computed_dials(self) -> Sequence[str]:
        return self.code.computed_dials

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
        make: Callable[..., HandlerPlayback] | None = None,
    ) -> HandlerPlayback:
        arguments = {name: self._argument(name, value) for name, value in params.items()}
        waits: list[str] = []
        if self.secrets:
            heard = dict(known)
            arguments |= {
                name: default_secret(default, mask) if params[name] == default else Secret(params[name], heard, waits)
                for name, default in self.secrets.items()
            }
        make = make or partial(HandlerPlayback, self.flow, self.maker)
        calendars = self.calendars if calendars is None else calendars
        return make(facts, env, arguments, calendars=calendars, known=known, keys=keys, waits=waits, mask=mask)

    def _argument(self, name: str, value: Any) -> Any:
        reader = _READERS.get(self.params[name])
        return value if reader is None else reader(value) if value else None


class HandlerFile(NamedTuple):
    """A file with a handler, after its code has been run.

    Attributes:
        handler: None if there is none, or the code could not be run.
        node: the words of its flow, as in a flow file.
        modules: the project's own modules that it imports, for the sources of its revision.
        ran_s: after how long the code was ended; 0 if it ended by itself.
    """

    handler: CallFlow | None
    node: Node | None
    literal: Mapping[int, str]
    issues: list[FlowIssue]
    text: str = ""
    modules: Mapping[str, str] = MappingProxyType({})
    ran_s: float = 0.0


_endless: Final[dict[str, tuple[str, Mapping[str, str], HandlerFile]]] = {}
"""Files that were ended, by path, with their text and modules: until these change, they are not run as long again."""
_NO_HANDLER: Final = "decorate one, or take the file out of NCCO_PYTHON_FLOWS: what handlers import need not be listed"
_is_running: ContextVar[bool] = ContextVar("handler file runs", default=False)


def is_running_file() -> bool:
    return _is_running.get()


def run_file(
    path: str, text: str, listed: str = "", *, hurries: bool = False, stored: Mapping[str, str] | None = None
) -> HandlerFile:
    """Run the code of a file in a new module, unless a part of it takes too long. Never raises.

    A file that `hurries` has less time, since another one has used it.
    If `listed` is a `GivenHandler` and `text` is that of its module, its handler is taken instead. With the `stored`
    sources of a revision, the file imports the project's own modules from there, if they have changed.
    """
    package = ".".join(PurePosixPath(path).parts[1:-1])
    modules = own_modules(text, package, in_process if stored is None else stored_in(stored))
    limit_s = EXPLORE_S if stored is not None else HURRY_S if hurries else LOAD_S
    *same, ended = _endless.get(path, (None,))
    if ended is not None and same == [text, modules] and limit_s <= ended.ran_s:
        return ended._replace(issues=[*ended.issues])
    old = OldModules(modules) if stored is not None else None
    if old is not None and old.changed:
        found = _run_file(path, text, package, limit_s, old.builtins)
        if found.handler is not None:
            return found._replace(modules=modules)
    if isinstance(listed, GivenHandler) and listed.text == text:
        found = _with_handler(replace(listed.flow, path=path), path, listed.literal, text)
    else:
        found = _run_file(path, text, package, limit_s)
    note_imported(modules)
    found = found._replace(modules=modules)
    if found.ran_s:
        _endless[path] = text, modules, found
    return found


def _run_file(
    path: str, text: str, package: str, limit_s: float, with_builtins: dict[str, Any] | None = None
) -> HandlerFile:
    try:
        code = compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        said = getattr(error, "msg", None) or str(error)
        written = "".join(text.splitlines()[line - 1 : line])
        cure = syntax_cure(said, written, column)
        place = _not_async(text, path, line) or Place(path, line, column)
        return _without_handler(place, f"this is not Python: {said}", cure)
    module = ModuleType(f"ncco_server_handlers_{hashlib.sha256((path + text).encode()).hexdigest()[:16]}")
    module.__file__ = path
    module.__package__ = package
    if with_builtins:
        module.__dict__["__builtins__"] = with_builtins
    module.__dict__["input"] = _refuse_to_ask
    sys.modules[module.__name__] = module  # dataclasses and pydantic look up annotations there
    tracer = LineTracer(path, counts_progress=True)

    def run(_: None) -> HandlerFile:
        _is_running.set(True)  # in this thread only
        try:
            exec(code, module.__dict__)  # noqa: S102 - the operator has listed the file
        except TooLong:
            raise
        except BaseException as error:  # noqa: BLE001 - the author's code may raise anything, `sys.exit()` too
            return _failed(error, path, text)
        return _handler_in(module, path, code, text)

    try:
        return in_time(partial(tracer.run, run, most=inf), tracer, limit_s=limit_s)
    except TooLong:
        message = f"this line is still running after {limit_s:g} s"
        late = _without_handler(Place(path, tracer.late, 1), message, "do this in a function for `call.run`")
        return late._replace(ran_s=limit_s)
    except BaseException as error:  # noqa: BLE001 - the author's objects may raise anything when they are looked at
        return _without_handler(Place(path, tracer.latest, 1), f"this line raised {type(error).__name__}")


def _failed(error: BaseException, path: str, text: str) -> HandlerFile:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    at = own[-1] if own else traceback.FrameSummary(path, 1, "")
    line = at.lineno or 1
    place = WrittenCode(text, path).between(line, at.end_lineno or line, at.colno or 0, at.end_colno or 0)
    said = getattr(error, "msg", None) or str(error)
    said = said.partition(" (")[0] if isinstance(error, ImportError) else said
    return _without_handler(place, f"this line raised {type(error).__name__}: {said}", cure_of(error))


def _handler_in(module: ModuleType, path: str, code: CodeType, text: str) -> HandlerFile:
    made = {id(each): each for each in vars(module).values() if type(each) is CallFlow and each.file == path}
    handlers = sorted(made.values(), key=lambda each: each.line)
    if not handlers:
        message = "no function of this file is decorated with `call_flow`"
        return _without_handler(Place(path, 1, 1), message, _NO_HANDLER)
    handler, *others = handlers
    if others:
        message = f'"{others[0].name}" is the second handler of this file'
        return _without_handler(Place(path, others[0].line, 1), message, "write it in a file of its own")
    return _with_handler(handler, path, constants(code), text)


def _with_handler(handler: CallFlow, path: str, literal: Mapping[int, str], text: str) -> HandlerFile:
    place = Place(path, handler.line, 1)
    first, *others = [*inspect.signature(handler.function).parameters, ""]
    calls = [each for each in others if _hint_of(handler, each, None) is Call]
    if not first or calls or _hint_of(handler, first, None) in {*_TYPES, Secret}:
        shown = ", ".join(["call: Call", *(each for each in (first, *others) if each and each not in calls)])
        message = f'the first argument of a handler is the call, not "{first}"' if first else "a handler needs the call"
        name = handler.function.__name__
        code = WrittenCode(text, path)
        defined = next(node for node in nodes_in(code.tree) if isinstance(node, Function) and node.name == name)
        argument = next((argument for argument, *_ in arguments_of(defined)), None)
        at = Place(path, defined.lineno, 1) if argument is None else code.place(argument)
        return _without_handler(at, message, f"write `async def {name}({shown})`")
    try:
        node = _node(handler, path, text)
    except RenderError as error:
        cure = "write a list in square brackets, or a dict with colons, in the words of `call_flow`"
        return _without_handler(place, str(error).removeprefix(f"{place}: "), cure)
    return HandlerFile(handler, node, literal, [], text)


def _not_async(text: str, path: str, line: int) -> Place | None:
    """Where a function that awaits something on this line is defined without `async`."""
    with suppress(SyntaxError, ValueError):
        code = WrittenCode(text, path)
        for function in (each for each in nodes_in(code.tree) if isinstance(each, ast.FunctionDef)):
            nodes = run_again(function)
            awaiting = (each for each in nodes if isinstance(each, ast.Await | ast.AsyncWith | ast.AsyncFor))
            if any(each.lineno == line for each in awaiting):
                return code.between(function.lineno, function.lineno, function.col_offset, function.col_offset + 3)
    return None


def _refuse_to_ask(prompt: object = "") -> str:
    """Stand in for `input`, which would wait for somebody at the server's terminal."""
    raise EOFError("a handler cannot ask at a terminal")


def _without_handler(place: Place, message: str, cure: str | None = None) -> HandlerFile:
    return HandlerFile(None, None, {}, [RULES["E701"].at(place, message, cure)])


def _node(handler: CallFlow, path: str, text: str) -> Node:
    """A handler as a flow file, with one step in place of all."""
    params = _params(handler)
    words = {
        "flow": handler.name,
        **handler.words,
        **({"params": params} if params else {}),
        "start": _START,
        "steps": {_START: {"goto": "end"}},
    }
    node = EffectTemplate(None, Place(path, handler.line, 1), has_expressions=True).node(words)
    return WrittenCode(text, path).with_arguments(node, handler.function.__name__) if isinstance(node, Map) else node


def _params(handler: CallFlow) -> dict[str, Any]:
    """Leave out the first argument, which is the call."""
    found: dict[str, Any] = {}
    for name, param in list(inspect.signature(handler.function).parameters.items())[1:]:
        hint = _hint_of(handler, name)
        words: dict[str, Any] = {"type": _TYPES.get(hint, "text")}
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
    """The steps of a handler by name: those that an exploration has `found`. Without one, they are not known.

    The step that was made last under a name comes first, also if it was not found; `start` stands for unknown names.
    """

    def __init__(self, maker: StepMaker, start: Step, found: Mapping[str, Step] = MappingProxyType({})) -> None:
        self._maker = maker
        self._start = start
        self._found = found

    def __getitem__(self, name: str) -> Step:
        return self._maker.latest.get(name) or self._found.get(name) or self._start

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found or name in self._maker.latest


Explore: TypeAlias = Callable[[ReadFlow, Flow, Context, list[FlowIssue]], ReadFlow]
"""Runs a handler with samples, in its flow with all flows that it runs.

Returns its flow with the steps that were found, and adds the issues.
"""


def read_handler(file: HandlerFile, head: FlowHead, context: Context, issues: list[FlowIssue]) -> ReadFlow:
    read = read_flow(head, context, issues)
    if read.flow is None or file.handler is None:
        return read
    place = read.flow.place
    for name in (RECORDED, AWAITED):
        if (taken := read.flow.params.get(name)) is not None:
            cure = f"choose another name, such as is_{name}: the server keeps its own values under this one"
            issues.append(RULES["E206"].at(taken.place, f'a param cannot be named "{name}"', cure))
            return replace(read, flow=None)
    heard = {
        **read.flow.variables,
        HEARD: Variable(HEARD, TYPES["text"], "", place, is_declared=False),
        SECRET: Variable(SECRET, TYPES["text"], "", place, sensitive=True, is_declared=False),
    }
    kept = {name: Variable(name, ANY, (), place, is_declared=False) for name in (RECORDED, AWAITED)}
    written = WrittenCode(file.text, place.file)
    maker = StepMaker(replace(read.reader, variables=heard), read.defaults, file.literal, written)
    runs = context.flows.keys() & {*file.literal.values()} - {read.name}
    handler = file.handler
    declared = read.flow.params.items()
    types = {name: _TYPES.get(_hint_of(handler, name), "text") for name, _ in declared}
    for name, param in declared:
        if (hint := _hint_of(handler, name)) in _NO_TYPES or typing.get_origin(hint) in _NO_TYPES:
            known = ", ".join(each.__name__ for each in (*_TYPES, Secret))
            message = f'the param "{name}" cannot be a {hint.__name__}: callers and flows give one value'
            issues.append(RULES["E203"].at(param.place, message, f"write one of: {known}"))
        if inspect.signature(handler.function).parameters[name].default is None and types[name] not in _READERS:
            message = f'the default of the param "{name}" is None, and callers and flows give values'
            issues.append(RULES["E203"].at(param.place, message, 'write a value, such as "" for a text'))
    secrets = {name: param.default for name, param in declared if param.sensitive}
    code = HandlerCode(written, handler.file, handler.function.__name__, maker.tables)
    env = frozenset(code.env)
    handling = LoadedHandler(handler, maker, frozenset(runs), types, secrets, read.flow.calendars, code, env)
    steps = HandlerSteps(maker, read.flow.steps[_START])
    return replace(read, flow=replace(read.flow, variables={**heard, **kept}, steps=steps, handler=handling))


def issues_of(flow: Flow, context: Context) -> Iterator[FlowIssue]:
    """What the code of a handler shows without being run."""
    handling = flow.handler
    assert isinstance(handling, LoadedHandler)  # noqa: S101 - asked for handlers only
    code = handling.code
    unset = handling.env - (handling.env if context.env is None else frozenset(context.env))
    yield from (unset_variable(code.written.place(code.env[name]), name) for name in sorted(unset))
    if context.has_all_flows:  # a stored revision was checked when it was new, and calls may be in it
        yield from (issue_of(remark, code.written) for remark in code.remarks())


def above(budget_ms: int, flow: Flow) -> Iterator[FlowIssue]:
    """The limits of functions that are longer than the time which all functions of a turn have."""
    handling = flow.handler
    assert isinstance(handling, LoadedHandler)  # noqa: S101 - asked for handlers only
    yield from (issue_of(remark, handling.code.written) for remark in handling.code.above(budget_ms))


def issue_of(remark: Remark, written: WrittenCode) -> FlowIssue:
    return RULES[remark.code].at(written.place(remark.node), remark.message, remark.cure)
