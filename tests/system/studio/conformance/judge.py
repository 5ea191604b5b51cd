"""Compares the result of a case with what the case expects."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import jwt

from tests.system.studio.conformance.played import ApiReply, Played, Sent, filled
from tests.system.studio.conformance.suite import Act, Case, Group, Sound, Webhook

NEAR_S: Final = 0.02
OF_THE_CALL: Final = frozenset({"started", "ringing", "answered", "completed"})
"""States of the callers' legs. They are ignored in a case whose `webhooks` name none of them for the event URL."""
CLAIMS: Final = {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
_MISSING: Final = object()


def differences(case: Case, played: Played, secret: str) -> list[str]:
    """How the result differs from the case, one sentence each; [] if it does not."""
    found = list(played.problems)
    has_call = case.caller is not None or case.places is not None
    if has_call and played.is_answered != case.answered:
        found.append(f"the call was {'' if played.is_answered else 'not '}answered")
    wanted = {"caller": case.hears, **case.others_hear}
    for who, sounds in wanted.items():
        if sounds is not None:
            found += _heard(who, sounds, played.heard.get(who, []))
    asking = [act for act in case.does if act.asks is not None]
    found += [f"{act.asks} got no reply" for act in asking[len(played.api_replies) :]]
    for act, reply in zip(asking, played.api_replies, strict=False):
        found += [f"{act.asks}: {problem}" for problem in _not_replied(act, reply, played)]
    if case.webhooks is not None:
        found += _webhooks(case.webhooks, played, secret)
    if case.ends is not None:
        found += _ended(case, played)
    return found


def _not_replied(act: Act, reply: ApiReply, played: Played) -> Iterator[str]:
    if act.gets != reply.status:
        yield f"the status is {reply.status}, not {act.gets}: {reply.body}"
    yield from _amiss("", filled(act.fields, played.webhooks), reply.body)
    yield from (f"it has {name}" for name in act.without if _has(reply.body, name))


def _ended(case: Case, played: Played) -> Iterator[str]:
    end = case.ends
    if end is not None and end.by != played.ended_by:
        yield f"the call ended by {played.ended_by}, not by {end.by}"
    if end is not None and end.at is not None and not _near(end.at, played.ended_at):
        yield f"the call ended at {played.ended_at:g} s, not at {end.at:g} s"


def _near(wanted: float, found: float | None) -> bool:
    return found is not None and abs(wanted - found) <= NEAR_S


def _heard(who: str, wanted: list[Sound], found: list[Sound]) -> Iterator[str]:
    for number in range(max(len(wanted), len(found))):
        if number >= len(found):
            yield f"{who} does not hear {_told(wanted[number])}"
        elif number >= len(wanted):
            yield f"{who} also hears {_told(found[number])}"
        elif not _same(wanted[number], found[number]):
            yield f"{who} hears {_told(found[number])}, not {_told(wanted[number])}"


def _same(wanted: Sound, found: Sound) -> bool:
    return (
        wanted.kind == found.kind
        and wanted.text in (None, found.text)
        and (wanted.at is None or _near(wanted.at, found.at))
        and (wanted.lasts is None or _near(wanted.lasts, found.lasts))
        and wanted.cut in (None, found.cut)
    )


def _told(sound: Sound) -> str:
    return str(sound.model_dump(exclude_none=True))


def _webhooks(groups: list[Group], played: Played, secret: str) -> Iterator[str]:
    """How the webhooks differ: groups must come in order, a group's webhooks in any order, and no others."""
    sent = _told_of(groups, played.webhooks)
    begin = 0
    for group in groups:
        rest = sent[begin : begin + len(group)]
        begin += len(group)
        for webhook in group:
            reasons = [list(_unlike(webhook, one, played, secret)) for one in rest]
            if [] in reasons:
                del rest[reasons.index([])]
            else:
                yield f"no webhook {_said(webhook)}: {_closest(reasons, rest)}"
    yield from (f"also sent: {_line(one)}" for one in sent[begin:])


def _closest(reasons: list[list[str]], rest: list[Sent]) -> str:
    if not rest:
        return "nothing more was sent"
    best = min(range(len(reasons)), key=lambda number: len(reasons[number]))
    return f"{_line(rest[best])} came instead ({'; '.join(reasons[best])})"


def _told_of(groups: list[Group], webhooks: list[Sent]) -> list[Sent]:
    own = [webhook for group in groups for webhook in group if webhook.fields.get("direction") != "outbound"]
    named = {webhook.status for webhook in own if webhook.to == "event"}
    return webhooks if named & OF_THE_CALL else [sent for sent in webhooks if not _is_of_a_caller(sent)]


def _is_of_a_caller(sent: Sent) -> bool:
    said = sent.fields
    return sent.path == "event" and said.get("direction") == "inbound" and said.get("status") in OF_THE_CALL


def _unlike(webhook: Webhook, sent: Sent, played: Played, secret: str) -> Iterator[str]:
    said = sent.fields
    if webhook.to != sent.path:
        yield f"it went to {sent.path}"
    if webhook.status is not None and webhook.status != said.get("status"):
        yield f"its status is {said.get('status')}"
    if webhook.method not in (None, sent.method):
        yield f"it was a {sent.method}"
    if webhook.at is not None and not _near(webhook.at, sent.at - played.zero):
        yield f"it came at {sent.at - played.zero:g} s"
    if webhook.only is not None and set(webhook.only) != set(said):
        yield f"it has {sorted(set(said) - set(webhook.only))}, and not {sorted(set(webhook.only) - set(said))}"
    yield from (f"it has {name}" for name in webhook.without if _has(said, name))
    yield from _amiss("", filled(webhook.fields, played.webhooks), said)
    yield from _amiss("header ", webhook.headers, {name.lower(): text for name, text in sent.headers.items()})
    if webhook.signed is not None and (problem := _signature_problem(sent, secret)) != (
        "" if webhook.signed else "unsigned"
    ):
        yield problem or "it is signed"


def _amiss(place: str, wanted: Mapping[str, Any], found: Any) -> Iterator[str]:
    for name, value in wanted.items():
        actual = found.get(name, _MISSING) if isinstance(found, Mapping) else _MISSING
        if isinstance(value, Mapping) and isinstance(actual, Mapping):
            yield from _amiss(f"{place}{name}.", value, actual)
        elif not _matches(value, actual):
            yield f"{place}{name} is {'missing' if actual is _MISSING else repr(actual)}"


def _has(said: Any, name: str) -> bool:
    """Whether a field exists; a dot in its name leads to an inner field."""
    first, _, rest = name.partition(".")
    inside = isinstance(said, Mapping) and first in said
    return _has(said[first], rest) if inside and rest else inside


def _matches(wanted: Any, actual: Any) -> bool:
    if wanted == "*":
        return actual is not _MISSING and actual is not None
    if isinstance(wanted, str) and wanted.startswith("~"):
        return isinstance(actual, str) and re.fullmatch(wanted[1:], actual) is not None
    return type(wanted) is type(actual) and bool(wanted == actual)


def _signature_problem(sent: Sent, secret: str) -> str:
    """What is wrong with a webhook's token; "" if nothing is. Source: signed webhooks."""
    header = {name.lower(): text for name, text in sent.headers.items()}.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if not token:
        return "unsigned"
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"verify_iat": False})
    except jwt.PyJWTError as error:
        return f"its token does not hold: {error}"
    if scheme != "Bearer" or claims.get("iss") != "Vonage" or not CLAIMS >= set(claims) >= CLAIMS - {"application_id"}:
        return f"its claims are {claims}"
    hashed = sent.body if sent.method == "POST" else _query_json(sent)
    return "" if claims["payload_hash"] == hashlib.sha256(hashed).hexdigest() else "its payload_hash is of other bytes"


def _query_json(sent: Sent) -> bytes:
    """The text to hash for a GET: the decoded query as compact JSON, in the order of the URL.

    Source: signed webhooks, payload_hash GET.
    """
    return json.dumps(sent.fields, separators=(",", ":"), ensure_ascii=False).encode()


def _said(webhook: Webhook) -> str:
    return json.dumps(webhook.model_dump(exclude_defaults=True, by_alias=True), ensure_ascii=False)


def _line(sent: Sent) -> str:
    return f"{sent.method} {sent.path} {json.dumps(sent.fields, ensure_ascii=False)}"
