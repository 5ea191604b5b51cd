"""Compares the states of handlers that wait: where each function of a handler is, and what it can still read."""

from __future__ import annotations

import dis
import gc
import re
from collections.abc import Collection, Iterator, Mapping, Set
from datetime import date, time, timedelta, tzinfo
from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

from ncco_server.flow.handlers.api import Call
from ncco_server.flow.handlers.playback import HandlerPlayback
from ncco_server.flow.handlers.secret import Secret

_BY_NAME: Final = frozenset({"locals", "vars", "eval", "exec"})
_LEAVES: Final = ("RETURN_", "RAISE_", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
"""How the names of instructions begin that the next one does not follow."""
_OF_VARIABLES: Final = re.compile("(LOAD|STORE|DELETE)_FAST")
_DEEPEST: Final = 12
_ATOMS: Final = (str, bytes, int, float, complex, bool, type(None), range)
_TIMES: Final = (date, time, timedelta, tzinfo)
_NAMED: Final = (type, FunctionType, BuiltinFunctionType, ModuleType)
_MACHINERY: Final = frozenset(
    {"frame", "coroutine", "code", "cell", "coroutine_wrapper", "function", "async_generator"}
)


def state_of(playback: HandlerPlayback, ignored_names: Set[str] = frozenset()) -> tuple[Any, ...]:
    """A value that is equal for two handlers that go on in the same way, whatever the ignored variables are."""
    found: list[Any] = [playback.waits_for]
    coroutine = playback.coroutine
    ignored = playback.call
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            code = frame.f_code
            kept = frame.f_locals
            read = live_variables(code).get(frame.f_lasti, set(kept)) - ignored_names
            live = [
                (name, comparable(value))
                for name, value in sorted(kept.items())
                if value is not ignored and name in read
            ]
            started = [comparable(each) for each in _started(coroutine, frame, ignored)]
            found.append((code.co_qualname, frame.f_lasti, tuple(live), tuple(started)))
        coroutine = getattr(coroutine, "cr_await", None)
    return tuple(found)


@lru_cache(maxsize=256)
def live_variables(code: CodeType) -> Mapping[int, Set[str]]:
    """The local variables that a function may still read after each of its instructions, by the instruction's offset.

    Variables that nested functions share are always among them. They are read from the bytecode, because a frame shows
    where it waits only as the offset of an instruction.
    """
    instructions = list(dis.get_instructions(code))
    shared = {*code.co_cellvars, *code.co_freevars}
    if not _BY_NAME.isdisjoint(code.co_names):
        return {instruction.offset: {*code.co_varnames, *shared} for instruction in instructions}
    handlers = [instruction.offset for instruction in instructions if instruction.opname == "PUSH_EXC_INFO"]
    following: dict[int, list[int]] = {}
    for each, after in zip(instructions, [*instructions[1:], None], strict=True):
        following[each.offset] = [*handlers]  # any instruction may raise; which handler catches it makes no difference
        if each.opcode in dis.hasjrel or each.opcode in dis.hasjabs:
            following[each.offset].append(each.argval)
        if after is not None and not each.opname.startswith(_LEAVES):
            following[each.offset].append(after.offset)
    before: dict[int, Set[str]] = {instruction.offset: frozenset() for instruction in instructions}
    live: dict[int, Set[str]] = {}
    while live != (live := {offset: shared.union(*(before[each] for each in to)) for offset, to in following.items()}):
        before = {
            instruction.offset: _read_before(instruction, live[instruction.offset]) for instruction in instructions
        }
    return live


def _read_before(instruction: dis.Instruction, after: Set[str]) -> Set[str]:
    kinds = _OF_VARIABLES.findall(instruction.opname)
    names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
    found = set(after)
    for kind, name in reversed(list(zip(kinds, names, strict=False))):
        if kind == "LOAD":
            found.add(name)
        else:
            found.discard(name)
    return found


def _started(coroutine: Any, frame: Any, ignored: Any) -> Iterator[Any]:
    """This covers, for example, how far a loop has come."""
    kept = frame.f_locals
    own = (coroutine.__name__, coroutine.__qualname__, coroutine.cr_await, kept, frame.f_globals, frame.f_builtins)
    known = [id(each) for each in (ignored, *own, *kept.values())]
    for referent in gc.get_referents(coroutine):
        if id(referent) in known:
            known.remove(id(referent))
        elif type(referent).__name__ not in _MACHINERY and not hasattr(referent, "is_awaited"):
            yield referent


def comparable(value: Any, depth: int = 0) -> Any:
    """A hashable value that is equal for two values that code cannot tell apart; unequal if that is not known."""
    kind = type(value).__qualname__
    if isinstance(value, Call):  # such as in `call.talk(await call.hold(..))`, whose method waits for its argument
        return kind
    if isinstance(value, Secret):
        return kind, value.__getstate__()
    if isinstance(value, _ATOMS):
        return kind, value if value == value else repr(value)  # noqa: PLR0124 - not a number
    if isinstance(value, _TIMES):
        return kind, repr(value)
    if isinstance(value, _NAMED):
        return kind, getattr(value, "__qualname__", "") or getattr(value, "__name__", ""), id(value)
    if depth > _DEEPEST:
        return kind, id(value)
    if isinstance(value, Mapping):
        return kind, tuple((comparable(key, depth + 1), comparable(each, depth + 1)) for key, each in value.items())
    if isinstance(value, Set):
        return kind, frozenset(comparable(each, depth + 1) for each in value)
    if isinstance(value, list | tuple):
        return kind, tuple(comparable(each, depth + 1) for each in value)
    return kind, _parts(value, depth)


def _parts(value: Any, depth: int) -> Any:
    """The identity of an object if nothing is known of it."""
    try:
        _, arguments, *state = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - an object of the author's; most say TypeError
        return id(value)
    made = [each for each in (arguments, *state) if isinstance(each, Collection | int)]
    return comparable(made, depth + 1)
