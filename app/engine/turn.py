"""What the engine gets for a turn, what it returns, and the trace: what the turn did and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.engine.session import NOTHING, Session, WaitRef
from app.flow.model import Decision, Flow, Jump, Step
from app.flow.nodes import Place


class TurnContext(NamedTuple):
    """Everything from outside that a turn may use.

    Attributes:
        now: aware, UTC.
        env: variables for flows by name, the prefix `FLOW_` taken off.
        link: the callback URL of a wait.
        mask: (session id, secret) → the token that is written in its place.
        failsafe: the NCCO that is played when nothing else can be.
        dial_allow: prefixes (digits) that computed numbers may have.
        dial_limit: how often one call may dial.
    """

    now: datetime
    link: Callable[[WaitRef], str]
    mask: Callable[[str, str], str]
    env: Mapping[str, str] = NOTHING
    failsafe: tuple[Mapping[str, Any], ...] = ()
    dial_allow: tuple[str, ...] = ()
    dial_limit: int = 10


class Lookup(NamedTuple):
    """What the interpreter needs from outside. It yields a tuple of them, to be asked side by side.

    Attributes:
        step: where in the flow. name: of the lookup. flow: whose it is.
        request: what to ask (`app.flow.language.lookups.LookupRequest`).
        key: the same for each try of the same turn: an idempotency key.
    """

    step: str
    name: str
    request: Any
    key: str
    flow: str = ""


class LookupAnswer(NamedTuple):
    """The answer to a lookup; one is sent back for each, in their order.

    Attributes:
        value: what `json.loads` gave, or what the function returned; None when there is none.
        problem: why there is no value, in one short sentence; "" when there is one.
        ms: how long it took.
        is_cached: whether it is an earlier answer. is_late: whether there was no time left for an answer.
        is_unknown: whether the server answered that it knows nothing of what was asked (status 404).
    """

    value: Any
    problem: str = ""
    ms: int = 0
    is_cached: bool = False
    is_late: bool = False
    is_unknown: bool = False

    def __repr__(self) -> str:
        """The answer without its value, which may be sensitive."""
        return f"<answer: {self.problem or 'there'}, in {self.ms} ms>"


class Turn(NamedTuple):
    """What happens between two decisions: one webhook in, one NCCO out.

    Attributes:
        ncco: valid; plain JSON values.
        session: the state after it.
        trace: what it did and why.
        outcome: what the webhook was taken for (`answer`, `sales`, `noinput`, `busy`, ...), for logs and metrics.
        is_failsafe: nothing of the flow could be played.
        hooks: webhooks of ours to send after the reply (`app.flow.language.hooks.Hook`).
        lookups: what came of lookups, by name, as the turn saw it.
    """

    ncco: list[dict[str, Any]]
    session: Session
    trace: tuple[TraceLine, ...]
    outcome: str
    is_failsafe: bool = False
    hooks: tuple[Any, ...] = ()
    lookups: Mapping[str, Any] = NOTHING


class TraceLine(NamedTuple):
    """One thing a turn did.

    Attributes:
        did: `answered`, `heard`, `decided`, `entered`, `refused`, `failed`, `ended`, ...
        step: the step it concerns.
        what: the outcome, target or action.
        where: `file:line` of the flow line that decided, "" where none did.
        because: which rule decided, in one sentence.
        others: why the others did not fit.
        by: of what was heard: `keys` or `speech`; of a lookup: `answer` or `default`; "" otherwise.
        attempt, attempts: which failed try of how many a `retry` has decided on; 0 otherwise.
        next_target: the number of the target of a list that is rung next; 0 otherwise.
    """

    did: str
    step: str
    what: str
    where: str = ""
    because: str = ""
    others: tuple[str, ...] = ()
    by: str = ""
    attempt: int = 0
    attempts: int = 0
    next_target: int = 0

    @property
    def fields(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "did": self.did,
            "step": self.step,
            "what": self.what,
            "where": self.where,
            "because": self.because,
            "others": self.others,
            "by": self.by,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "next_target": self.next_target,
        }

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> TraceLine:
        """A line as JSON holds it, with the defaults for what older lines do not have."""
        return cls(**{name: fields[name] for name in cls._fields if name in fields})


def line(
    did: str,
    step: str,
    what: str,
    *,
    where: Place | None = None,
    because: str = "",
    others: tuple[str, ...] = (),
    by: str = "",
) -> TraceLine:
    """A line of the trace, with its place in the flow."""
    return TraceLine(did, step, what, f"{where.file}:{where.line}" if where else "", because, others, by)


def decided(step: Step, decision: Decision) -> TraceLine:
    """The exit of a step decided on an outcome."""
    place = decision.place
    return TraceLine(
        "decided",
        step.name,
        decision.outcome,
        f"{place.file}:{place.line}",
        decision.because,
        decision.others,
        attempt=decision.attempt,
        attempts=decision.attempts,
        next_target=decision.next_target,
    )


def answered(flow: Flow) -> TraceLine:
    """How the trace of a call begins."""
    return line("answered", "", flow.name, where=flow.place, because="the flow that this call starts in")


def entered(step: Step) -> TraceLine:
    """A step was entered."""
    place = step.place
    return TraceLine("entered", step.name, step.exit.word, f"{place.file}:{place.line}")


def jumped(step: Step, jump: Jump) -> TraceLine:
    """The exit of a step decided at once."""
    place, shown = jump.place, jump.target.shown
    return TraceLine("decided", step.name, shown, f"{place.file}:{place.line}", jump.because, jump.others)
