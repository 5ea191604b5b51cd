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
from ncco_studio.verify.platform_check.stored import unused_speech

Seen: TypeAlias = Mapping[str, Any]
"""Values by the names of assumptions; None for a value that could not be observed."""


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
        asks: the names of the assumptions.
        read: what the exchange shows.
        replies: to webhooks, by name, in turn; the last one repeats. Other webhooks get an empty reply.
        caller: the NCCO of the placed call, or `@name` for a URL; without one, it waits.
        options: more of the request that places the call.
        acts: what the check does during the call.
        seconds: the longest duration of the call.
        legs: the most legs charged.
    """

    asks: tuple[str, ...]
    read: Callable[[ProbeExchange], Seen]
    replies: Mapping[str, Sequence[ProbeReply]] = field(default_factory=dict)
    caller: Sequence[Action] | str = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()
    seconds: int = 30
    legs: int = 2

    @property
    def patience_s(self) -> int:
        """How long the placed call waits."""
        return self.seconds - 5

    @property
    def name(self) -> str:
        return self.asks[0]


ANSWER_DELAY_S: Final = 1.5
"""Of the reply to an answer webhook, to see whether `answered` comes before it."""
_LARGE: Final = [{"action": "talk", "text": "x" * 1_400} for _ in range(LARGE_BYTES // 1_400 + 1)]


def _one(name: str, value: Any) -> Seen:
    return {name: value}


def _sent(is_due: bool, found: Received | None) -> str | None:
    if found is not None:
        return "sent"
    return "not_sent" if is_due else None


def _rounded(seconds: float) -> float:
    """To half a second: a network and a busy machine take up to a quarter."""
    return round(seconds * 2) / 2


def _retries(seen: ProbeExchange) -> Seen:
    asked = seen.all("answer", "subject")
    if not asked or not seen.is_given_up:
        return {}
    spacing = _rounded(asked[1].at - asked[0].at) if len(asked) > 1 else None
    tokens = [each.claims.get("jti") for each in asked if each.claims is not None]
    token = None if len(tokens) < 2 else "same" if tokens[0] == tokens[1] else "new"
    return {"retries": len(asked) - 1, "retry_after_s": spacing, "repeated_jti": token}


def _retried_500(seen: ProbeExchange) -> Seen:
    asked = seen.all("answer", "subject")
    is_known = asked and seen.is_given_up
    return _one("retried_500", None if not is_known else "retried" if len(asked) > 1 else "not_retried")


def _answer_timeout_s(seen: ProbeExchange) -> Seen:
    """The fallback is asked as soon as the last repetition has timed out."""
    asked, fallback = seen.all("answer", "subject"), seen.first("fallback")
    return {} if not asked or fallback is None else _one("answer_timeout_s", _rounded(fallback.at - asked[-1].at))


def _get_signature(seen: ProbeExchange) -> Seen:
    posted = next((each for each in seen.received if each.method == "POST" and each.claims is not None), None)
    asked = seen.first("get")
    if asked is None or posted is None:
        return {}
    return _one("get_signature", "unsigned" if asked.claims is None else "signed")


def _null_in_get(seen: ProbeExchange) -> Seen:
    event = seen.first("by_get", status="answered")
    if event is None or event.method != "GET":
        return {}
    value = event.fields.get("start_time")
    return _one("null_in_get", {None: "left_out", "": "empty"}.get(value))


def _redirects(seen: ProbeExchange) -> Seen:
    if seen.first("redirected") is not None:
        return _one("redirects", "followed")
    is_known = seen.first("answer", "subject") is not None and seen.is_given_up
    return _one("redirects", "failures" if is_known else None)


def _failed_reply(seen: ProbeExchange) -> Seen:
    is_due = seen.first("input") is not None and seen.is_over("subject")
    return {"failed_reply": seen.after("input"), "fallback_after_event": _sent(is_due, seen.first("fallback"))}


def _invalid_ncco_event(seen: ProbeExchange) -> Seen:
    error = next((each for each in seen.received if each.name == "event" and "reason" in each.fields), None)
    is_due = seen.first("answer", "subject") is not None and seen.is_over("caller")
    return _one("invalid_ncco_event", _sent(is_due, error))


def _empty_array_to_connect(seen: ProbeExchange) -> Seen:
    timeout = seen.first("leg", status="timeout")
    if timeout is None:
        return {}
    completed = any(each.status == "completed" and each.uuid == timeout.uuid for each in seen.received)
    return {
        "empty_array_to_connect": seen.after("leg"),
        "completed_after_timeout": "sent" if completed else "not_sent" if seen.is_over("subject") else None,
    }


def _hung_up_ringing(seen: ProbeExchange) -> Seen:
    if seen.statuses.get("hang_up") != 204:
        return {}
    completed = seen.event("completed", "caller")
    other = seen.event("cancelled", "caller") or seen.event("unanswered", "caller")  # `completed` may overtake it
    final = other or completed
    is_cancelled = final is not None and final.status == "cancelled"
    return {
        "hung_up_ringing": None if final is None else final.status,
        "completed_after_cancelled": _sent(is_cancelled, completed) if is_cancelled else None,
    }


def _transfers(seen: ProbeExchange) -> Received | None:
    found = (each for each in seen.received if "conversation_uuid_to" in each.fields and each.role == "subject")
    return next(found, None)


def _conversation_event(seen: ProbeExchange) -> Seen:
    is_due = seen.first("answer", "subject") is not None and seen.is_over("subject")
    return _one("conversation_event", _sent(is_due, _transfers(seen)))


def _rest_transfer_event(seen: ProbeExchange) -> Seen:
    is_due = seen.first("tail") is not None and seen.is_over("subject")
    return _one("rest_transfer_event", _sent(is_due, _transfers(seen)))


def _detected(seen: ProbeExchange) -> Received | None:
    return seen.event("human", "caller") or seen.event("machine", "caller")


def _detection(seen: ProbeExchange) -> Seen:
    detected, asked = _detected(seen), seen.first("caller_answer")
    if detected is None or asked is None:
        return {}
    is_first = seen.received.index(detected) < seen.received.index(asked)
    return _one("detection", "delays" if is_first else "beside")


def _detection_reply(seen: ProbeExchange) -> Seen:
    if _detected(seen) is None:
        return {}
    if seen.first("replaced") is not None:
        return _one("detection_reply", "replaces")
    return _one("detection_reply", "ignored" if seen.is_over("caller") else None)


def _input_within(
    seen: ProbeExchange, *, limits_s: tuple[float, float], early: str, late: str, since: str
) -> str | None:
    """Whether the input ended early or late after the act or webhook `since`; in between proves nothing."""
    collected = seen.first("input")
    begun = seen.acted_at.get(since) or next((each.at for each in seen.all(since)), None)
    if collected is None or begun is None:
        return None
    seconds = collected.at - begun
    return early if seconds < limits_s[0] else late if seconds > limits_s[1] else None


def _digits(seen: ProbeExchange) -> Any:
    """The first input's digits; () without an input or a key."""
    collected = seen.first("input")
    keys = None if collected is None else collected.fields.get("dtmf")
    return keys["digits"] if isinstance(keys, Mapping) and "digits" in keys else ()


def _by_digits(seen: ProbeExchange, *, values: Mapping[Any, str], act: str = "") -> str | None:
    """The value for the received digits, if the act succeeded."""
    is_done = not act or seen.statuses.get(act) in range(200, 205)
    return values.get(_digits(seen)) if is_done else None


def _silent_digits(seen: ProbeExchange) -> Seen:
    collected = seen.first("input")
    if collected is None:
        return {}
    silent = {"": "empty", None: "null"}.get(_digits(seen))
    return {"silent_digits": silent, "unused_speech": unused_speech(collected.fields)}


def _after_connect(seen: ProbeExchange) -> Seen:
    talked = seen.first("leg", status="answered")
    return _one("after_connect", seen.after("leg") if talked is not None else None)


def _caller_hangs_up(seen: ProbeExchange) -> Seen:
    """The called leg must end within five seconds of the caller's."""
    ended, leg = seen.event("completed", "subject"), seen.first("leg", status="answered")
    if ended is None or leg is None or seen.statuses.get("hang_up") != 204:
        return {}
    other = next((each for each in seen.received if each.status == "completed" and each.uuid == leg.uuid), None)
    return _one("caller_hangs_up", "ends_both" if other and other.at - ended.at < 5 else "leaves_called")


def _reached(seen: ProbeExchange, *, came: str, failed: str) -> str | None:
    """Whether a call came in at the first number."""
    if seen.first("answer", "third") is not None:
        return came
    is_over = any(each.name == "leg" and each.status in DIAL_FAILURES for each in seen.received)
    return failed if is_over or seen.first("tail") is not None else None


def _method(seen: ProbeExchange, *, asked: str) -> str | None:
    found = seen.first(asked)
    return None if found is None else found.method


def _early_control(seen: ProbeExchange) -> Seen:
    status = seen.statuses.get("hang_up", 0)
    return _one("early_control", "accepted" if status == 204 else "refused" if 400 <= status < 500 else None)


def _transfer_during_input(seen: ProbeExchange) -> Seen:
    is_due = seen.first("tail") is not None and seen.is_over("subject")
    return _one("transfer_during_input", _sent(is_due, seen.first("input")))


def _transfer_in_conversation(seen: ProbeExchange) -> Seen:
    if seen.first("tail") is not None:
        return _one("transfer_in_conversation", "moves")
    status = seen.statuses.get("transfer", 0)
    return _one("transfer_in_conversation", "refused" if 400 <= status < 500 else None)


def _record_after_replacement(seen: ProbeExchange) -> Seen:
    replaced, recorded = seen.first("input"), seen.first("record")
    if replaced is None or recorded is None:
        return {}
    return _one("record_after_replacement", "ends" if recorded.at - replaced.at < 4 else "continues")


def _conversation_over(seen: ProbeExchange) -> Seen:
    """The first placed call stays in the conversation that the second one has ended."""
    if seen.statuses.get("call") != 201:
        return {}
    return _one("conversation_over", seen.after("answer", "caller"))


def _answered(seen: ProbeExchange, *, role: Role, asked: str) -> str | None:
    """Whether `answered` came before the reply to the webhook `asked` was sent."""
    event, question = seen.event("answered", role), seen.first(asked)
    if event is None or question is None:
        return None
    return "before" if event.at < question.at + ANSWER_DELAY_S / 2 else "after"


_VALUES: Final[Mapping[str, Callable[..., str | None]]] = {
    "after": ProbeExchange.after,
    "answered": _answered,
    "digits": _by_digits,
    "input_within": _input_within,
    "method": _method,
    "reached": _reached,
    "reaction": ProbeExchange.reaction,
}
"""What an exchange shows of the only assumption of its probe."""
_READERS: Final[tuple[Callable[[ProbeExchange], Seen], ...]] = (
    *(_retries, _retried_500, _answer_timeout_s, _get_signature, _null_in_get, _redirects, _failed_reply),
    *(_invalid_ncco_event, _empty_array_to_connect, _hung_up_ringing, _conversation_event, _rest_transfer_event),
    *(_detection, _detection_reply, _silent_digits, _after_connect, _caller_hangs_up, _conversation_over),
    *(_early_control, _transfer_during_input, _transfer_in_conversation, _record_after_replacement),
)


def _probe(
    *,
    asks: Sequence[str],
    read: Mapping[str, Mapping[str, Any]] | None = None,
    replies: Mapping[str, Sequence[Mapping[str, Any]]],
    acts: Sequence[Mapping[str, Any]] = (),
    **others: Any,
) -> PlatformProbe:
    name = asks[0]
    if read is None:
        reader = next(each for each in _READERS if each.__name__ == f"_{name}")
    else:
        ((how, options),) = read.items()
        shown = partial(_VALUES[how], **options)

        def reader(seen: ProbeExchange) -> Seen:
            return {name: shown(seen)}

    made = {webhook: [ProbeReply(**_with_large(each)) for each in given] for webhook, given in replies.items()}
    return PlatformProbe(tuple(asks), reader, made, acts=tuple(Act(**act) for act in acts), **others)


def _with_large(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    body = reply.get("body")
    return {**reply, "body": [*body[:-1], *_LARGE]} if body and body[-1] == "@large" else reply


PROBES: Final = tuple(
    _probe(**each)
    for each in yaml.load(Path(__file__).with_name("probes.yaml").read_bytes(), yaml.CSafeLoader)["probes"]
)
