"""Plays a handler with given results, for tests: without a server, a store, settings or webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ncco_server.engine.interpreter import Playing, begin_placed, resume_with, waiting_handler
from ncco_server.engine.session import NOTHING, CallData, LookupAnswer, Turn, TurnContext, WaitRef
from ncco_server.flow.handlers.api import CallFlow
from ncco_server.flow.handlers.effects import Called, NoInput, RunFailed
from ncco_server.flow.handlers.given import DeployedFile
from ncco_server.flow.handlers.results import as_json
from ncco_server.flow.handlers.secret import Secret
from ncco_server.flow.handlers.steps import results_of
from ncco_server.flow.issues import RULES
from ncco_server.flow.language.selection import ROWS
from ncco_server.flow.loader import load, load_files
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.runtime import FAILED, TOO_LONG, WrongHandBack
from ncco_server.sample_calls import ANY_NUMBER, FROM

_NOON: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
_SORRY: Final = ({"action": "talk", "text": "Please call again later."},)


@dataclass(frozen=True, slots=True)
class HandlerTurn:
    """What a handler does after some results.

    Attributes:
        ncco: what the caller hears next; [] before a function.
        waits_for: the name of the wait or of the function; "" if the handler does not go on.
        problem: why the call took the error exit; "" if it did not.
    """

    ncco: list[dict[str, Any]]
    waits_for: str = ""
    arguments: tuple[Any, ...] = ()
    problem: str = ""

    @property
    def said(self) -> list[str]:
        texts: list[str] = []
        for action in self.ncco:
            if action["action"] == "input":
                break
            texts += [action["text"]] if action["action"] == "talk" else []
        return texts


class _NoMoreResults(Exception):
    """There is no result for a function that the handler waits for."""


def turn_of(
    handler: CallFlow,
    results: Sequence[Any] = (),
    *,
    flows: Path | str | None = None,
    params: Mapping[str, Any] = NOTHING,
    to: str = "",
    from_: str = FROM,
    sip: Mapping[str, str] = NOTHING,
    custom_data: Mapping[str, Any] = NOTHING,
    env: Mapping[str, str] = NOTHING,
    dial_allow: Sequence[str] = (),
    now: datetime = _NOON,
) -> HandlerTurn:
    """What a handler does after these results: the NCCO, and what it waits for next.

    Args:
        handler: the handler, in a module that can be imported.
        results: what each `await` gave that waits for the caller, another flow or a function, in order: a choice or
            None, digits, a `Secret`, an outcome, what a function returned, `RunFailed("why")`, or
            `NoInput("", "nomatch")`. Of a flow or an agent that `returns` values, the outcome and a dict of these. A
            row is a dict of its columns, or None; rows are a list of dicts. Only a `save` with `only_new` has a result:
            whether the row was new.
        flows: the folder of the flow files and handlers that the handler goes to or runs; None if there are none.
        params: the handler's arguments after the call.
        to: the number that was called; "" for the first of the handler's numbers.
        from_: the caller's number.
        sip: the SIP headers, by name.
        custom_data: from the Client SDK.
        env: the variables for flows, by name without the prefix `FLOW_`.
        dial_allow: the prefixes of computed numbers that may be dialled, as in `NCCO_DIAL_ALLOW`.
        now: the time of the whole call (aware).

    Raises:
        ValueError: the handler has an error, waits for fewer results, or cannot get one of them.
    """
    flow = _loaded(handler, Path(flows) if flows is not None else None)
    first = next(iter(handler.words.get("numbers", ())), ANY_NUMBER)
    call = CallData(to or first, from_, uuid="leg", sip=sip, custom_data=custom_data)
    context = TurnContext(now, _link, lambda session, secret: f"secret {secret}", env, _SORRY, tuple(dial_allow))
    left = list(enumerate(map(_plain, results), 1))
    try:
        turn = _played(begin_placed(flow, "call", call, _plain(params), context), flow.name, left)
        while left:
            number, result = left.pop(0)
            step = waiting_handler(flow, turn.session, context)
            if step is None:
                raise ValueError(f"result {number}: the handler does not wait for anything anymore")
            problem = result.outcome if isinstance(result, NoInput) else ""
            outcome, values = result if isinstance(result, tuple) else (result, {})
            known = _checked(number, step, None if problem else outcome)
            if step.exit.word == "run":
                known = (known, _plain(values))
            elif step.exit.has_agent and known not in (FAILED, TOO_LONG):
                try:
                    known = list(step.exit.read_hand_back({"outcome": known, "values": values}))
                except WrongHandBack as error:
                    raise ValueError(f"result {number}: {error.message}; {error.cure}") from None
            playing = resume_with(flow, turn.session, step, known, context, problem=problem)
            turn = _played(playing, flow.name, left)
    except _NoMoreResults as waiting:
        name, arguments = waiting.args
        return HandlerTurn([], name, arguments)
    failed = [line for line in turn.trace if line.did == "failed"]
    if failed and failed[0].what in RULES:  # the handler has an error, which callers hear as its error exit
        raise ValueError(f"{failed[0].because}{_hint(flows)}")
    return HandlerTurn(turn.ncco, turn.session.step, (), failed[0].because if failed else "")


def _plain(value: Any) -> Any:
    """A result or params, with the values of secrets."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value.reveal() if isinstance(value, Secret) else value


def _link(ref: WaitRef) -> str:
    return f"https://example.com/webhooks/{ref.kind}/{ref.turn}-{ref.index}"


def _loaded(handler: CallFlow, folder: Path | None) -> Flow:
    """Raises ValueError."""
    given = DeployedFile.of([handler], folder or Path(handler.file).parent)
    if folder is None:
        project = load({given: given.text}, extent="files", handlers=(given,))
    else:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.py")}
        others = (
            name for name, path in files.items() if f"flows/{name}" != given and "call_flow" in path.read_text("utf-8")
        )
        project = load_files(folder, folder.parent / "templates", handlers=(given, *sorted(others)))
    if handler.name not in project.flows:
        errors = [f"{issue.place}: {issue.message}" for issue in project.issues if issue.is_error]
        raise ValueError(f"{'; '.join(errors) or 'the handler goes to a flow that is not known'}{_hint(folder)}")
    return project.flows[handler.name]


def _hint(folder: Path | str | None) -> str:
    return "" if folder else '; if the handler goes to other flows, give their folder: flows="flows"'


def _checked(number: int, step: Step, result: Any) -> Any:
    """The result as it is stored. Raises ValueError if the wait cannot have it."""
    ways = [way.name for way in step.exit.ways if not way.target.is_end and way.target.runs is None]
    results = [each for way in ways if way != "collected" for each in results_of(step, way)]
    if result in results or ("collected" in ways and isinstance(result, str)):
        return None if result is None else str(result)
    shown = [*map(repr, dict.fromkeys(results)), *(["a text"] if "collected" in ways else [])]
    raise ValueError(f'result {number}: "{step.name}" waits for {" or ".join(shown)}, and not for {result!r}')


def _played(playing: Playing[Turn], handler: str, left: list[tuple[int, Any]]) -> Turn:
    """Take the results of functions and rows from `left`. Raises _NoMoreResults, ValueError."""
    try:
        wanted = next(playing)
        while True:
            answers = []
            for lookup in wanted:
                code: Called | None = getattr(lookup.request, "code", None)
                if code is None and lookup.flow != handler:
                    answers.append(LookupAnswer(None, "lookups of flow files are not made"))
                    continue
                if not left:
                    raise _NoMoreResults(lookup.name, () if code is None else code.arguments)
                number, result = left.pop(0)
                answers.append(_row(number, result) if code is None else _answer(code, number, result))
            wanted = playing.send(tuple(answers))
    except StopIteration as done:
        turn: Turn = done.value
        return turn


def _row(number: int, result: Any) -> LookupAnswer:
    """Return a row, rows, or whether it is new. Raises ValueError."""
    if isinstance(result, list):
        return LookupAnswer({ROWS: result} if result else None)
    if not isinstance(result, bool | Mapping | None):
        raise ValueError(
            f"result {number}: a row is a dict of its columns, or None, rows a list of dicts, and not {result!r}"
        )
    return LookupAnswer({} if result is False else None if result is True else result)


def _answer(code: Called, number: int, result: Any) -> LookupAnswer:
    """The result as it is stored. Raises ValueError."""
    if isinstance(result, RunFailed):
        return LookupAnswer(None, str(result) or "the function failed")
    try:
        stored = as_json(code.function, result)
        code.restored(stored)
    except (ValueError, RunFailed) as error:
        raise ValueError(f"result {number}: {code.name} cannot return {result!r}") from error
    return LookupAnswer(stored)
