"""Requests to place calls, checked before they are stored, so that every stored call can be placed."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson

from ncco_server.engine.dialling import refusal
from ncco_server.errors import AppError
from ncco_server.flow.model import Flow
from ncco_server.ncco.value_types import read_number
from ncco_server.service.phone_numbers import line_of
from ncco_server.service.placed_values import PlacedCipher, new_salt
from ncco_server.service.placing.attempts import first_moment, is_too_late, why_later
from ncco_server.store import Origin, PlacedRow, milliseconds
from ncco_server.suggest import nearest
from ncco_server.wording import as_sentence

LONGEST_CHAIN: Final = 10
MOST_BYTES: Final = 8_192
"""A call's params as JSON."""
_CONTROL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u00[01]")
r"""A control character in JSON without a short escape such as `\n`."""
LONGEST_AHEAD: Final = timedelta(days=400)


class RefusedRequest(AppError):
    """The requested call cannot be placed.

    Attributes:
        where: the wrong field of the request, such as `with.name`.
        faults: this and all others of the request.
    """

    def __init__(self, where: str, message: str, cure: str) -> None:
        super().__init__(f"{where}: {message}", cure)
        self.where = where
        self.problem = message
        self.faults: tuple[RefusedRequest, ...] = (self,)


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedCall:
    """A request to place a call.

    Attributes:
        to: as a person or a program writes it, with the country code.
        values: of the flow's params; text is converted to their types.
        at: the earliest time (aware); None for now.
        expires_s: seconds after `at`; None for the value in the flow.
        key: identifies repeats by the same owner; "" if there are none.
        keeps_hours: wait for the hours in which the number may be called.
        chain: number of placed calls that led to this one.
    """

    flow: str
    to: str
    values: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    expires_s: int | None = None
    origin: Origin
    owner: str = ""
    key: str = ""
    batch: str = ""
    keeps_hours: bool = True
    chain: int = 0


def checked(
    request: WantedCall, flows: Mapping[str, Flow], allowed: Sequence[str], now: datetime, keys: Sequence[bytes]
) -> PlacedRow:
    """Encrypt the sensitive values with the first of `keys`. `now` is aware.

    Raises RefusedRequest, which names every wrong param, and a wrong number.
    """
    flow = _flow(request.flow, flows)
    outbound = flow.outbound
    if outbound is None:
        raise RefusedRequest("flow", f"{flow.name} has no `outbound`", "Add it, or name a flow that has it.")
    if request.chain > LONGEST_CHAIN:
        message = f"{LONGEST_CHAIN} placed calls have led to this one"
        raise RefusedRequest("flow", message, "Shorten the chain of flows that place calls.")
    line = line_of(flows.values(), flow)
    number = _number(request.to, allowed, line)
    values, faults = _values(request.values, flow, line)
    if isinstance(number, RefusedRequest):
        faults.insert(0, number)
    if isinstance(number, RefusedRequest) or faults:
        faults[0].faults = tuple(faults)
        raise faults[0]
    try:
        wanted = (request.at or now).astimezone(UTC)
    except OverflowError as error:
        raise RefusedRequest("at", "is not a time on this calendar", "Write a time in this century.") from error
    if wanted > now + LONGEST_AHEAD:
        raise RefusedRequest("at", "is more than 400 days ahead", "Choose an earlier time.")
    earliest = max(wanted, now)
    first = first_moment(flow, number, earliest) if request.keeps_hours else earliest
    if first is None:
        message = "there is no time at which this number may be called"
        cure = "Check its country code, or write `quiet: false` in `outbound` if it may be called at night."
        raise RefusedRequest("to", message, cure)
    expires_ms = outbound.expires_ms if request.expires_s is None else request.expires_s * 1000
    expires_at = None if expires_ms is None else milliseconds(wanted) + expires_ms
    secret = {name: values[name] for name, param in flow.params.items() if param.sensitive}
    salt = new_salt() if secret else ""
    cipher = PlacedCipher.of(keys, salt)
    hidden = {name: cipher.encrypt(_json(value).decode()) for name, value in secret.items()} if cipher else {}
    digest = _digest(request, number, values, keys[0] if secret else b"")
    created = milliseconds(now)
    row = PlacedRow(
        id=secrets.token_hex(16),
        key=_key(request),
        digest=digest,
        owner=request.owner,
        origin=request.origin,
        batch=request.batch,
        flow=flow.name,
        number=number,
        params=_json(values | hidden).decode(),
        chain=request.chain,
        state="waiting",
        outcome="",
        problem=why_later(flow, number, earliest) if first > earliest else "",
        tries=0,
        wanted_at=milliseconds(wanted),
        expires_at=expires_at,
        due_at=milliseconds(first),
        cancelled_at=None,
        created_at=created,
        updated_at=created,
        salt=salt,
    )
    if is_too_late(row, now):
        raise RefusedRequest("at", "is so long ago that the call has expired", "Choose a later time, or leave it out.")
    if is_too_late(row, first):
        message = f"the first time at which this number may be called, {first:%Y-%m-%d %H:%M} UTC, is too late"
        message += f": {row.problem}" if row.problem else ""
        cure = f"Let the call expire later, or place it earlier. To try it: `ncco simulate {flow.name}`."
        raise RefusedRequest("expires", message, cure)
    return row


def _flow(name: str, flows: Mapping[str, Flow]) -> Flow:
    flow = flows.get(name)
    if flow is None:
        placeable = [each.name for each in flows.values() if each.outbound is not None]
        near = nearest(name, placeable)
        cure = f"Did you mean {near}?" if near else f"Flows that place calls: {', '.join(placeable) or 'none'}."
        raise RefusedRequest("flow", "there is no such flow", cure)
    return flow


def _number(text: str, allowed: Sequence[str], line: str) -> str | RefusedRequest:
    try:
        number = read_number(text, line)
    except ValueError as error:
        return RefusedRequest("to", "is not a phone number", f"{as_sentence(str(error))}.")
    if why := refusal(number, allowed):
        return RefusedRequest("to", f"the number {why}", "Add its prefix to NCCO_DIAL_ALLOW if it may be called.")
    return number


def _values(given: Mapping[str, Any], flow: Flow, line: str) -> tuple[dict[str, Any], list[RefusedRequest]]:
    faults = []
    meant = set[str | None]()
    for name in [name for name in given if name not in flow.params]:
        meant.add(near := nearest(name, flow.params))
        cure = f"Did you mean {near}?" if near else f"Params of {flow.name}: {', '.join(flow.params) or 'none'}."
        faults.append(RefusedRequest(f"with.{name}", f"{flow.name} has no such param", cure))
    values = {}
    for name, param in flow.params.items():
        if name in given:
            try:
                values[name] = param.type.cast_at(given[name], line)
            except ValueError as error:
                message = "does not fit its type" if param.sensitive else str(error)
                faults.append(RefusedRequest(f"with.{name}", message, f"Write {param.type.described}."))
        elif param.has_default:
            values[name] = param.default
        elif name not in meant:
            faults.append(RefusedRequest(f"with.{name}", "is missing", f"Write {param.type.described}."))
    return values, faults or _faults_of_text(values)


def _faults_of_text(values: Mapping[str, Any]) -> list[RefusedRequest]:
    try:
        size = len(written := _json(values))
    except TypeError:
        return [RefusedRequest("with", "contains text that is not valid Unicode", "Send it as UTF-8.")]
    if size > MOST_BYTES:
        cure = "Send less, and let the flow look up the rest."
        return [RefusedRequest("with", f"is longer than {MOST_BYTES} bytes", cure)]
    if _CONTROL.search(written):
        return [RefusedRequest("with", "contains control characters", "Send plain text.")]
    return []


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str)


def _digest(request: WantedCall, number: str, values: Mapping[str, Any], key: bytes) -> str:
    """With a key, nobody can find short secrets by trying all."""
    at = request.at.astimezone(UTC).isoformat() if request.at else ""
    document = [request.flow, number, values, at, request.expires_s]
    written = orjson.dumps(document, default=str, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, written, "sha256").hex() if key else sha256(written).hexdigest()


def _key(request: WantedCall) -> str:
    """A key may contain names and numbers, and `ncco forget` does not delete it."""
    who = request.owner if request.origin == "api" else f"{request.origin} {request.owner}".strip()
    text = f"{who}\0{request.batch}\0{request.key}" if request.key else secrets.token_hex(16)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
