"""Reads the calls of `ncco platform-check` from probes.yaml, and what each exchange shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import yaml

from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.simulator.delivery import LARGE_BYTES
from ncco_studio.verify.platform_check.exchange import Action, ProbeExchange, ProbeReply, Received, Role
from ncco_studio.verify.platform_check.stored import speech_in

Seen: TypeAlias = Mapping[str, Any]
"""Values by the names of assumptions."""


@dataclass(frozen=True, slots=True)
class Act:
    """A request to the REST API, once the webhook `after` has arrived and `wait_s` seconds have passed.

    Attributes:
        after: the name of a webhook, a status of `whose` leg, or "" for the placing of the call.
        whose: the leg that is changed.
        what: `hang_up`, `press` (keys), `transfer` (an NCCO, or `@name` for a URL), or `call` (another call).
    """

    after: str
    what: Literal["hang_up", "press", "transfer", "call"]
    whose: Role = "caller"
    value: Any = None
    wait_s: float = 1.5


@dataclass(frozen=True, slots=True)
class PlatformProbe:
    """One call of the check, or two.

    Attributes:
        readers: what an exchange shows of each assumption, by its name; None for nothing.
        replies: to webhooks, by name, in turn; the last one repeats. Other webhooks get an empty reply.
        caller: the NCCO of the placed call, or `@name` for a URL; without one, it waits.
        options: more of the request that places the call.
        acts: what the check does during the call.
        seconds: the longest duration of the call.
        legs: the most legs charged.
    """

    readers: Mapping[str, Callable[[ProbeExchange], Any]]
    replies: Mapping[str, Sequence[ProbeReply]] = field(default_factory=dict)
    caller: Sequence[Action] | str = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    seconds: int = 30
    legs: int = 2

    @property
    def patience_s(self) -> int:
        return self.seconds - 5

    @property
    def asks(self) -> tuple[str, ...]:
        return tuple(self.readers)

    @property
    def name(self) -> str:
        return self.asks[0]

    def read(self, exchange: ProbeExchange) -> Seen:
        return {name: value for name, see in self.readers.items() if (value := see(exchange)) is not None}


ANSWER_DELAY_S: Final = 1.5
"""Of the reply to an answer webhook, to see whether `answered` comes before it."""
_LARGE: Final = [{"action": "talk", "text": "x" * 1_400} for _ in range(LARGE_BYTES // 1_400 + 1)]


def _rounded(seconds: float) -> float:
    """To half a second: a network and a busy machine take up to a quarter."""
    return round(seconds * 2) / 2


# what an exchange shows of one assumption; None if nothing


def came(
    seen: ProbeExchange,
    *,
    found: str,
    field: str = "",
    since: str = "answer",
    over: Role | None = None,
    then: str = "sent",
    otherwise: str = "not_sent",
) -> str | None:
    """Whether a webhook `found` came, with this field; none can come once `over` has ended, or the call is given up."""
    if any(not field or field in each.fields for each in seen.all(found)):
        return then
    is_over = seen.is_given_up if over is None else seen.is_over(over)
    return otherwise if is_over and seen.first(since) is not None else None


def after(seen: ProbeExchange, *, asked: str, role: Role = "subject", act: str = "") -> str | None:
    return seen.after(asked, role) if seen.has_done(act) else None


def allowed(seen: ProbeExchange, *, act: str, then: str, otherwise: str, found: str = "") -> str | None:
    """Whether a request to the REST API was, as its status or a webhook `found` shows."""
    if seen.first(found) is not None if found else seen.has_done(act):
        return then
    return otherwise if 400 <= seen.statuses.get(act, 0) < 500 else None


def answered(seen: ProbeExchange, *, role: Role, asked: str) -> str | None:
    """Whether `answered` came before the reply to the webhook `asked` was sent."""
    event, question = seen.event("answered", role), seen.first(asked)
    if event is None or question is None:
        return None
    return "before" if event.at < question.at + ANSWER_DELAY_S / 2 else "after"


def digits(seen: ProbeExchange, *, values: Mapping[Any, str], act: str = "") -> str | None:
    """The value for the digits of the first input, if the act succeeded."""
    collected = seen.first("input")
    keys = None if collected is None else collected.fields.get("dtmf")
    if not isinstance(keys, Mapping) or "digits" not in keys or not seen.has_done(act):
        return None
    return values.get(keys["digits"])


def input_within(
    seen: ProbeExchange, *, limits_s: tuple[float, float], early: str, late: str, since: str
) -> str | None:
    """Whether the input ended early or late after the act or webhook `since`; in between proves nothing."""
    collected = seen.first("input")
    begun = seen.acted_at.get(since) or next((each.at for each in seen.all(since)), None)
    if collected is None or begun is None:
        return None
    seconds = collected.at - begun
    return early if seconds < limits_s[0] else late if seconds > limits_s[1] else None


def method(seen: ProbeExchange, *, asked: str) -> str | None:
    found = seen.first(asked)
    return None if found is None else found.method


def reached(seen: ProbeExchange, *, came: str, failed: str) -> str | None:
    """Whether a call came in at the first number."""
    if seen.first("answer", "third") is not None:
        return came
    is_over = any(each.name == "leg" and each.status in DIAL_FAILURES for each in seen.received)
    return failed if is_over or seen.first("tail") is not None else None


def _asked(seen: ProbeExchange) -> Sequence[Received]:
    """Every request for the answer, if no other follows."""
    return seen.all("answer", "subject") if seen.is_given_up else ()


def retries(seen: ProbeExchange) -> int | None:
    asked = _asked(seen)
    return len(asked) - 1 if asked else None


def retry_after_s(seen: ProbeExchange) -> float | None:
    asked = _asked(seen)
    return _rounded(asked[1].at - asked[0].at) if len(asked) > 1 else None


def repeated_jti(seen: ProbeExchange) -> str | None:
    tokens = [each.claims.get("jti") for each in _asked(seen) if each.claims is not None]
    return None if len(tokens) < 2 else "same" if tokens[0] == tokens[1] else "new"


def retried_500(seen: ProbeExchange) -> str | None:
    asked = _asked(seen)
    return None if not asked else "retried" if len(asked) > 1 else "not_retried"


def answer_timeout_s(seen: ProbeExchange) -> float | None:
    """The fallback is asked as soon as the last repetition has timed out."""
    asked, fallback = seen.all("answer", "subject"), seen.first("fallback")
    return None if not asked or fallback is None else _rounded(fallback.at - asked[-1].at)


def get_signature(seen: ProbeExchange) -> str | None:
    posted = any(each.method == "POST" and each.claims is not None for each in seen.received)
    asked = seen.first("get")
    return None if asked is None or not posted else "unsigned" if asked.claims is None else "signed"


def null_in_get(seen: ProbeExchange) -> str | None:
    event = seen.first("by_get answered")
    if event is None or event.method != "GET":
        return None
    return {None: "left_out", "": "empty"}.get(event.fields.get("start_time"))


def completed_after_timeout(seen: ProbeExchange) -> str | None:
    timeout = seen.first("leg timeout")
    if timeout is None:
        return None
    is_completed = any(each.status == "completed" and each.uuid == timeout.uuid for each in seen.received)
    return "sent" if is_completed else "not_sent" if seen.is_over("subject") else None


def hung_up_ringing(seen: ProbeExchange) -> str | None:
    """`completed` may overtake the others."""
    found = (seen.event(status, "caller") for status in ("cancelled", "unanswered", "completed"))
    return next((each.status for each in found if each is not None), None) if seen.has_done("hang_up") else None


def completed_after_cancelled(seen: ProbeExchange) -> str | None:
    if hung_up_ringing(seen) != "cancelled":
        return None
    return "not_sent" if seen.event("completed", "caller") is None else "sent"


def _detected(seen: ProbeExchange) -> Received | None:
    return seen.event("human", "caller") or seen.event("machine", "caller")


def detection(seen: ProbeExchange) -> str | None:
    detected, asked = _detected(seen), seen.first("caller_answer")
    if detected is None or asked is None:
        return None
    return "delays" if seen.received.index(detected) < seen.received.index(asked) else "beside"


def detection_reply(seen: ProbeExchange) -> str | None:
    if _detected(seen) is None:
        return None
    return came(seen, found="replaced", over="caller", then="replaces", otherwise="ignored")


def unused_speech(seen: ProbeExchange) -> str | None:
    collected = seen.first("input")
    return None if collected is None else speech_in(collected.fields)


def caller_hangs_up(seen: ProbeExchange) -> str | None:
    """The called leg must end within five seconds of the caller's."""
    ended, leg = seen.event("completed", "subject"), seen.first("leg answered")
    if ended is None or leg is None or not seen.has_done("hang_up"):
        return None
    other = next((each for each in seen.received if each.status == "completed" and each.uuid == leg.uuid), None)
    return "ends_both" if other and other.at - ended.at < 5 else "leaves_called"


def record_after_replacement(seen: ProbeExchange) -> str | None:
    replaced, recorded = seen.first("input"), seen.first("record")
    if replaced is None or recorded is None:
        return None
    return "ends" if recorded.at - replaced.at < 4 else "continues"


_READERS: Final[Mapping[str, Callable[..., Any]]] = {
    each.__name__: each
    for each in (
        *(came, after, allowed, answered, digits, input_within, method, reached),
        *(retries, retry_after_s, repeated_jti, retried_500, answer_timeout_s, get_signature, null_in_get),
        *(completed_after_timeout, hung_up_ringing, completed_after_cancelled, detection, detection_reply),
        *(unused_speech, caller_hangs_up, record_after_replacement),
    )
}


def _probe(
    asks: Sequence[str] | Mapping[str, Mapping[str, Mapping[str, Any]]],
    replies: Mapping[str, Sequence[Mapping[str, Any]]],
    acts: Sequence[Mapping[str, Any]] = (),
    **others: Any,
) -> PlatformProbe:
    how = {name: asks[name] if isinstance(asks, Mapping) else {} for name in asks}
    readers = {name: _reader(*next(iter(given.items()), (name, {}))) for name, given in how.items()}
    made = {webhook: [ProbeReply(**_with_large(each)) for each in given] for webhook, given in replies.items()}
    return PlatformProbe(readers, made, acts=tuple(Act(**act) for act in acts), **others)


def _reader(function: str, options: Mapping[str, Any]) -> Callable[[ProbeExchange], Any]:
    return partial(_READERS[function], **options)


def _with_large(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    body = reply.get("body")
    return {**reply, "body": [*body[:-1], *_LARGE]} if body and body[-1] == "@large" else reply


PROBES: Final = tuple(
    _probe(**each)
    for each in yaml.load(Path(__file__).with_name("probes.yaml").read_bytes(), yaml.CSafeLoader)["probes"]
)
