"""The calls of `ncco platform-check`: each asks the platform one question or more.

In NCCOs and replies, `@name` stands for a URL of the check, whose webhooks get this name; `@subject` and `@caller`
stand for the two numbers. A `notify` to `@tail` shows that the platform got that far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

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


NOTHING: Final = ProbeReply(status=204)
EMPTY_ARRAY: Final = ProbeReply([])
LATE: Final = ProbeReply(delay_s=70.0)
ANSWER_DELAY_S: Final = 1.5
"""Of the reply to an answer webhook, to see whether `answered` comes before it."""
TAIL: Final[Action] = {"action": "notify", "payload": {"reached": "tail"}, "eventUrl": ["@tail"]}
HELLO: Final[Action] = {"action": "talk", "text": "Hello."}
ROOM: Final[Action] = {"action": "conversation", "name": "@room"}
LONG_TEXT: Final = " ".join(f"This is sentence number {number} of a long text." for number in range(1, 16))
_LARGE: Final = [{"action": "talk", "text": "x" * 1_400} for _ in range(LARGE_BYTES // 1_400 + 1)]


def _wait(seconds: float) -> Action:
    return {"action": "wait", "timeout": seconds}


def _keys(**dtmf: Any) -> Action:
    return {"action": "input", "type": ["dtmf"], "dtmf": {"timeOut": 1, "maxDigits": 1, **dtmf}, "eventUrl": ["@input"]}


def _connect(number: str = "@caller", **more: Any) -> Action:
    return {
        "action": "connect",
        "from": "@subject",
        "endpoint": [{"type": "phone", "number": number}],
        "eventUrl": ["@leg"],
        **more,
    }


def _answers(*ncco: Action, third: Sequence[Action] = ()) -> dict[str, Sequence[ProbeReply]]:
    return {"answer": [ProbeReply(ncco)], "third": [ProbeReply(third or [])]}


def _one(name: str, value: Any) -> Seen:
    return {name: value}


def _follows(name: str, reply: ProbeReply, *before: Action, asked: str = "input", **more: Any) -> PlatformProbe:
    """What follows a webhook that gets this reply."""
    replies = {**_answers(*before, TAIL), asked: [reply], **more.pop("replies", {})}
    return PlatformProbe((name,), lambda seen: _one(name, seen.after(asked)), replies, **more)


def _plays(name: str, reply: ProbeReply, **more: Any) -> PlatformProbe:
    """What becomes of an NCCO in the reply to the answer webhook."""
    return PlatformProbe(
        (name,), lambda seen: _one(name, seen.reaction("tail")), {"answer": [reply], **_GIVES_UP}, **more
    )


_GIVES_UP: Final = {"fallback": [EMPTY_ARRAY]}


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


def _answer_timeout(seen: ProbeExchange) -> Seen:
    """The fallback is asked as soon as the last repetition has timed out."""
    asked, fallback = seen.all("answer", "subject"), seen.first("fallback")
    return {} if not asked or fallback is None else _one("answer_timeout_s", _rounded(fallback.at - asked[-1].at))


def _get(seen: ProbeExchange) -> Seen:
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


def _failed(seen: ProbeExchange) -> Seen:
    is_due = seen.first("input") is not None and seen.is_over("subject")
    return {"failed_reply": seen.after("input"), "fallback_after_event": _sent(is_due, seen.first("fallback"))}


def _invalid(seen: ProbeExchange) -> Seen:
    error = next((each for each in seen.received if each.name == "event" and "reason" in each.fields), None)
    is_due = seen.first("answer", "subject") is not None and seen.is_over("caller")
    return _one("invalid_ncco_event", _sent(is_due, error))


def _unconnected(seen: ProbeExchange) -> Seen:
    timeout = seen.first("leg", status="timeout")
    if timeout is None:
        return {}
    completed = any(each.status == "completed" and each.uuid == timeout.uuid for each in seen.received)
    return {
        "empty_array_to_connect": seen.after("leg"),
        "completed_after_timeout": "sent" if completed else "not_sent" if seen.is_over("subject") else None,
    }


def _cancelled(seen: ProbeExchange) -> Seen:
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


def _transfers(seen: ProbeExchange, role: Role = "subject") -> Received | None:
    found = (each for each in seen.received if "conversation_uuid_to" in each.fields and each.role == role)
    return next(found, None)


def _joined(seen: ProbeExchange) -> Seen:
    is_due = seen.first("answer", "subject") is not None and seen.is_over("subject")
    return _one("conversation_event", _sent(is_due, _transfers(seen)))


def _moved(seen: ProbeExchange) -> Seen:
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


def _input_within(name: str, limits_s: tuple[float, float], early: str, late: str, since: str) -> Callable[..., Seen]:
    """Whether the input ended early or late after the act or webhook `since`; in between proves nothing."""

    def read(seen: ProbeExchange) -> Seen:
        collected = seen.first("input")
        begun = seen.acted_at.get(since) or next((each.at for each in seen.all(since)), None)
        if collected is None or begun is None:
            return {}
        seconds = collected.at - begun
        return _one(name, early if seconds < limits_s[0] else late if seconds > limits_s[1] else None)

    return read


def _digits(seen: ProbeExchange) -> Any:
    """The first input's digits; () without an input or a key."""
    collected = seen.first("input")
    keys = None if collected is None else collected.fields.get("dtmf")
    return keys["digits"] if isinstance(keys, Mapping) and "digits" in keys else ()


def _by_digits(name: str, values: Mapping[Any, str], act: str = "") -> Callable[[ProbeExchange], Seen]:
    """The value for the received digits, if the act succeeded."""

    def read(seen: ProbeExchange) -> Seen:
        is_done = not act or seen.statuses.get(act) in range(200, 205)
        return _one(name, values.get(_digits(seen)) if is_done else None)

    return read


def _silent(seen: ProbeExchange) -> Seen:
    collected = seen.first("input")
    if collected is None:
        return {}
    silent = {"": "empty", None: "null"}.get(_digits(seen))
    return {"silent_digits": silent, "unused_speech": unused_speech(collected.fields)}


def _asynchronous(seen: ProbeExchange) -> Seen:
    return _one("keys_while_asynchronous", {"1": "one_each", "12": "together"}.get(_digits(seen)))


def _after_connect(seen: ProbeExchange) -> Seen:
    talked = seen.first("leg", status="answered")
    return _one("after_connect", seen.after("leg") if talked is not None else None)


def _caller_left(seen: ProbeExchange) -> Seen:
    """The called leg must end within five seconds of the caller's."""
    ended, leg = seen.event("completed", "subject"), seen.first("leg", status="answered")
    if ended is None or leg is None or seen.statuses.get("hang_up") != 204:
        return {}
    other = next((each for each in seen.received if each.status == "completed" and each.uuid == leg.uuid), None)
    return _one("caller_hangs_up", "ends_both" if other and other.at - ended.at < 5 else "leaves_called")


def _reached(name: str, yes: str, no: str) -> Callable[[ProbeExchange], Seen]:
    """Whether a call came in at the first number."""

    def read(seen: ProbeExchange) -> Seen:
        if seen.first("answer", "third") is not None:
            return _one(name, yes)
        failed = any(each.name == "leg" and each.status in DIAL_FAILURES for each in seen.received)
        return _one(name, no if failed or seen.first("tail") is not None else None)

    return read


def _method_of(name: str, asked: str) -> Callable[[ProbeExchange], Seen]:
    def read(seen: ProbeExchange) -> Seen:
        found = seen.first(asked)
        return _one(name, None if found is None else found.method)

    return read


def _early(seen: ProbeExchange) -> Seen:
    status = seen.statuses.get("hang_up", 0)
    return _one("early_control", "accepted" if status == 204 else "refused" if 400 <= status < 500 else None)


def _interrupted(seen: ProbeExchange) -> Seen:
    is_due = seen.first("tail") is not None and seen.is_over("subject")
    return _one("transfer_during_input", _sent(is_due, seen.first("input")))


def _from_room(seen: ProbeExchange) -> Seen:
    if seen.first("tail") is not None:
        return _one("transfer_in_conversation", "moves")
    status = seen.statuses.get("transfer", 0)
    return _one("transfer_in_conversation", "refused" if 400 <= status < 500 else None)


def _recorded(seen: ProbeExchange) -> Seen:
    replaced, recorded = seen.first("input"), seen.first("record")
    if replaced is None or recorded is None:
        return {}
    return _one("record_after_replacement", "ends" if recorded.at - replaced.at < 4 else "continues")


def _room_closed(seen: ProbeExchange) -> Seen:
    """The first placed call stays in the conversation that the second one has ended."""
    if seen.statuses.get("call") != 201:
        return {}
    return _one("conversation_over", seen.after("answer", "caller"))


_PRESS: Final = "press"
_INPUT: Final = _keys()
_OLD_INPUT: Final = {"action": "input", "dtmf": {"timeOut": 1}, "eventUrl": ["@input"]}
PROBES: Final[tuple[PlatformProbe, ...]] = (
    PlatformProbe(
        ("retries", "retry_after_s", "repeated_jti"),
        _retries,
        {"answer": [ProbeReply(status=503)], **_GIVES_UP},
        seconds=75,
    ),
    PlatformProbe(
        ("retried_500",), _retried_500, {"answer": [ProbeReply(status=500), EMPTY_ARRAY], **_GIVES_UP}, seconds=75
    ),
    PlatformProbe(
        ("answer_timeout_s",),
        _answer_timeout,
        {"answer": [LATE], **_GIVES_UP},
        seconds=140,
    ),
    PlatformProbe(("get_signature",), _get, _answers({**TAIL, "eventUrl": ["@get"], "eventMethod": "GET"})),
    PlatformProbe(
        ("null_in_get",), _null_in_get, _answers(_wait(2)), options={"event_url": "@by_get", "event_method": "GET"}
    ),
    PlatformProbe(
        ("redirects",),
        _redirects,
        {"answer": [ProbeReply(status=302, location="@redirected")], "redirected": [EMPTY_ARRAY], **_GIVES_UP},
        seconds=75,
    ),
    _plays("text_plain", ProbeReply([TAIL], content_type="text/plain")),
    _plays("unknown_option", ProbeReply([{**TAIL, "unknownOption": 1}])),
    PlatformProbe(
        ("input_without_type",),
        lambda seen: _one("input_without_type", seen.reaction("tail")),
        {"answer": [ProbeReply([_OLD_INPUT])], "input": [ProbeReply([TAIL])], **_GIVES_UP},
    ),
    _plays("wrong_order", ProbeReply([{**HELLO, "bargeIn": True}, TAIL])),
    _plays("large_ncco", ProbeReply([TAIL, *_LARGE]), acts=(Act("tail", "hang_up", "subject"),)),
    PlatformProbe(
        ("failed_reply", "fallback_after_event"),
        _failed,
        {**_answers(_INPUT, TAIL), "input": [ProbeReply(status=500)], "fallback": [ProbeReply(status=500)]},
        seconds=60,
    ),
    _follows("no_reply", LATE, _INPUT, replies={"fallback": [LATE]}, seconds=150),
    PlatformProbe(
        ("invalid_ncco_event",), _invalid, {"answer": [ProbeReply([{"action": "nothing"}])], **_GIVES_UP}, seconds=75
    ),
    _follows("empty_reply_to_input", NOTHING, _INPUT),
    _follows("empty_array_to_input", EMPTY_ARRAY, _INPUT),
    _follows("empty_reply_to_notify", NOTHING, {**TAIL, "eventUrl": ["@asked"]}, asked="asked"),
    _follows("empty_array_to_notify", EMPTY_ARRAY, {**TAIL, "eventUrl": ["@asked"]}, asked="asked"),
    PlatformProbe(
        ("empty_array_to_connect", "completed_after_timeout"),
        _unconnected,
        {
            **_answers(_connect(timeout=3, eventType="synchronous"), TAIL),
            "third": [ProbeReply([], delay_s=4.5)],
            "leg": [EMPTY_ARRAY],
        },
        seconds=40,
        legs=3,
    ),
    PlatformProbe(
        ("inbound_answered",),
        lambda seen: _one("inbound_answered", _answered(seen, "subject", "answer")),
        {"answer": [ProbeReply([_wait(2)], delay_s=ANSWER_DELAY_S)]},
    ),
    PlatformProbe(
        ("outbound_answered",),
        lambda seen: _one("outbound_answered", _answered(seen, "caller", "caller_answer")),
        {**_answers(_wait(6)), "caller_answer": [ProbeReply([_wait(2)], delay_s=ANSWER_DELAY_S)]},
        caller="@caller_answer",
    ),
    PlatformProbe(
        ("hung_up_ringing", "completed_after_cancelled"),
        _cancelled,
        {"answer": [ProbeReply([_wait(2)], delay_s=4.5)]},
        acts=(Act("answer", "hang_up", wait_s=2.5),),
    ),
    PlatformProbe(
        ("conversation_event",), _joined, _answers(ROOM), acts=(Act("answer", "hang_up", "subject", wait_s=5),)
    ),
    PlatformProbe(
        ("rest_transfer_event",),
        _moved,
        _answers(_wait(15)),
        acts=(Act("answer", "transfer", "subject", [TAIL, _wait(3)], wait_s=3),),
    ),
    PlatformProbe(
        ("detection",),
        _detection,
        {**_answers(_wait(20)), "caller_answer": [ProbeReply([_wait(12)])]},
        caller="@caller_answer",
        options={"machine_detection": "continue"},
    ),
    PlatformProbe(
        ("detection_reply",),
        _detection_reply,
        {**_answers(_wait(25)), "detected": [ProbeReply([{**TAIL, "eventUrl": ["@replaced"]}])]},
        options={"machine_detection": "continue", "event_url": "@detected"},
        seconds=40,
    ),
    PlatformProbe(
        ("sticky_barge_in",),
        _input_within("sticky_barge_in", (3, 5), "stays", "ends", _PRESS),
        _answers({**HELLO, "bargeIn": True}, {"action": "talk", "text": LONG_TEXT, "bargeIn": False}, _INPUT),
        acts=(Act("answer", "press", value="7", wait_s=6),),
        seconds=110,
    ),
    PlatformProbe(
        ("barge_in_key",),
        _by_digits("barge_in_key", {"7": "kept", "": "dropped", None: "dropped"}, _PRESS),
        _answers({"action": "talk", "text": LONG_TEXT, "bargeIn": True}, _keys(timeOut=10, maxDigits=2)),
        acts=(Act("answer", "press", value="7", wait_s=4),),
        seconds=110,
    ),
    PlatformProbe(
        ("input_timeout",),
        _input_within("input_timeout", (6, 9), "at_once", "after_prompts", "answer"),
        _answers({"action": "talk", "text": LONG_TEXT, "bargeIn": True}, _keys(timeOut=3)),
        seconds=110,
    ),
    PlatformProbe(
        ("hash_key",),
        _by_digits("hash_key", {"12": "left_out", "12#": "included"}, _PRESS),
        _answers(_keys(maxDigits=5, submitOnHash=True, timeOut=8)),
        acts=(Act("answer", "press", value="12#", wait_s=3),),
    ),
    PlatformProbe(("silent_digits", "unused_speech"), _silent, _answers(_INPUT)),
    PlatformProbe(
        ("keys_while_asynchronous",),
        _asynchronous,
        _answers({"action": "input", "type": ["dtmf"], "mode": "asynchronous", "eventUrl": ["@input"]}, _wait(15)),
        acts=(Act("answer", "press", value="12", wait_s=3),),
    ),
    PlatformProbe(("after_connect",), _after_connect, _answers(_connect(), TAIL, third=[HELLO]), seconds=40, legs=3),
    PlatformProbe(
        ("caller_hangs_up",),
        _caller_left,
        _answers(_connect(), third=[_wait(20)]),
        acts=(Act("leg answered", "hang_up", "subject", wait_s=4),),
        seconds=40,
        legs=3,
    ),
    PlatformProbe(
        ("caller_id",),
        _reached("caller_id", "called_number", "fails"),
        _answers({name: value for name, value in _connect().items() if name != "from"}, TAIL, third=[HELLO]),
        seconds=40,
        legs=3,
    ),
    PlatformProbe(
        ("plus_sign",),
        _reached("plus_sign", "accepted", "refused"),
        _answers(_connect("+@caller"), TAIL, third=[HELLO]),
        seconds=40,
        legs=3,
    ),
    PlatformProbe(
        ("on_answer_method",),
        _method_of("on_answer_method", "on_answer"),
        {
            **_answers(
                _connect(endpoint=[{"type": "phone", "number": "@caller", "onAnswer": {"url": "@on_answer"}}]),
                third=[_wait(4)],
            ),
            "on_answer": [ProbeReply([HELLO])],
        },
        seconds=40,
        legs=3,
    ),
    PlatformProbe(
        ("conversation_over",),
        _room_closed,
        {"answer": [ProbeReply([_wait(30)]), ProbeReply([_wait(6)])]},
        caller=[ROOM, TAIL, _wait(2)],
        acts=(Act("answer", "call", value=[{**ROOM, "endOnExit": True}], wait_s=4),),
        seconds=45,
        legs=4,
    ),
    PlatformProbe(("early_control",), _early, _answers(_wait(2)), acts=(Act("", "hang_up", wait_s=0),)),
    PlatformProbe(
        ("transfer_method",),
        _method_of("transfer_method", "moved"),
        {**_answers(_wait(10)), "moved": [EMPTY_ARRAY]},
        acts=(Act("answer", "transfer", "subject", "@moved", wait_s=3),),
    ),
    PlatformProbe(
        ("transfer_during_input",),
        _interrupted,
        _answers(_keys(timeOut=10)),
        acts=(Act("answer", "transfer", "subject", [TAIL, _wait(3)], wait_s=3),),
    ),
    PlatformProbe(
        ("transfer_in_conversation",),
        _from_room,
        _answers(ROOM),
        acts=(Act("answer", "transfer", "subject", [TAIL, _wait(2)], wait_s=5),),
    ),
    PlatformProbe(
        ("record_after_replacement",),
        _recorded,
        {
            **_answers({"action": "record", "eventUrl": ["@record"]}, _keys(timeOut=2)),
            "input": [ProbeReply([_wait(8)])],
        },
        seconds=40,
    ),
)


def _answered(seen: ProbeExchange, role: Role, asked: str) -> str | None:
    """Whether `answered` came before the reply to the webhook `asked` was sent."""
    event, question = seen.event("answered", role), seen.first(asked)
    if event is None or question is None:
        return None
    return "before" if event.at < question.at + ANSWER_DELAY_S / 2 else "after"
