"""The rows to store for webhooks, turns and hooks."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from time import perf_counter
from typing import Any, Final

import orjson

from ncco_server.engine import EventEffects, Session, Turn, WaitRef
from ncco_server.engine.session import NOTHING, to_json
from ncco_server.flow.language.hooks import Hook
from ncco_server.flow.model import Flow
from ncco_server.ncco.webhooks import LegWebhook
from ncco_server.service.delivery import Delivery
from ncco_server.service.masks import MARK, body_of, mask, may_hold_input, with_marks, without_hand_back
from ncco_server.store import NOTHING_CAUSED, Caused, HookRow, RecordingRow, SessionRow, TurnRow, WebhookRow

REFUSED: Final = "refused"
CALLER_NAME: Final = "caller_name"
NAME_LIMIT: Final = 200


def stored_ncco(turn: Turn, ncco: bytes) -> bytes:
    """It says which options are tokens."""
    stored = ncco if turn.stored_ncco is None else orjson.dumps(turn.stored_ncco)
    return without_hand_back(stored, turn.session.turn)


def webhook_row(
    key: bytes,
    delivery: Delivery,
    kind: str,
    session: str,
    ref: WaitRef | None = None,
    *,
    status: str = "",
    hides: bool | None = None,
) -> WebhookRow:
    """See `body_of` for `key` and `hides`."""
    webhook = delivery.webhook
    return WebhookRow(
        secrets.token_hex(16),
        kind,
        session,
        ref.turn if ref else -1,
        ref.index if ref else -1,
        status,
        (webhook.uuid or "") if isinstance(webhook, LegWebhook) else "",
        webhook.conversation_uuid or "",
        delivery.method,
        body_of(delivery, session, key, hides=hides),
        delivery.received_ms,
    )


def answer_row(
    delivery: Delivery, session: str, key: bytes, kind: str = "answer", secret: Collection[str] = ()
) -> WebhookRow:
    """The session is "" if the webhook opened none.

    `secret` are the flow's sensitive params; the query may contain them.
    """
    call = delivery.call
    body = body_of(delivery, session, key)
    if secret and not may_hold_input(delivery):
        kept = {
            name: mask(key, session, str(value)) if name in secret else value for name, value in delivery.fields.items()
        }
        kept |= {"reason": delivery.reason} if delivery.reason else {}
        body = orjson.dumps(with_marks(kept), default=str)
    leg = call.uuid
    conversation = call.conversation_uuid
    at = delivery.received_ms
    return WebhookRow(secrets.token_hex(16), kind, session, -1, -1, "", leg, conversation, delivery.method, body, at)


def session_row(session: Session, version: int, opened_at: int, now: int, leg: str) -> SessionRow:
    """The leg has not ended yet; `leg` is that of a called party."""
    call = session.call
    return SessionRow(
        session.id,
        leg or call.uuid,
        call.conversation_uuid,
        session.flow,
        session.revision,
        version,
        to_json(session),
        False,
        opened_at,
        now,
    )


def turn_row(
    turn: Turn,
    ncco: bytes,
    received: WebhookRow,
    delivery: Delivery,
    hooks: Sequence[HookRow] = (),
    *,
    params: Mapping[str, str] = NOTHING,
) -> TurnRow:
    """Store what a replay needs: the time, webhook, results of lookups and functions, URL params, hours by hand.

    Also the turn's hooks by ID, because they are deleted once sent, and its microseconds since the webhook (`us`).
    """
    inputs: dict[str, Any] = {"now": delivery.received_at, "base_url": delivery.base_url, "outcome": turn.outcome}
    if params:
        inputs["params"] = params
    if turn.answers:
        inputs["lookups"] = lookups = turn.lookups
        if len(turn.answers) > len(lookups):
            inputs["answers"] = [tuple(answer) for answer in turn.answers]
    if turn.called:
        inputs["functions"] = [tuple(each) for each in turn.called]
    if turn.by_hand:
        inputs["by_hand"] = [(key, [each[:4] for each in decided]) for key, decided in turn.by_hand.items()]
    if hooks:
        inputs["hooks"] = {hook.id: hook.name for hook in hooks}
    if delivery.came_at:
        inputs["us"] = int((perf_counter() - delivery.came_at) * 1_000_000)
    stored = orjson.dumps(inputs)
    if stored.find(MARK) >= 0:  # `in` raises an exception first, and drops it
        stored = orjson.dumps(with_marks(inputs))
    return TurnRow(
        turn.session.id,
        turn.session.turn,
        ncco,
        turn.trace_json or orjson.dumps(turn.trace),
        stored,
        received.id,
        received.turn,
        received.wait,
        received.status,
        received.received_at,
        turn.has_fault and any(line.did == "failed" for line in turn.trace),
        *turn.facts,
    )


def hook_rows(hooks: Iterable[Hook], session: str, now: int) -> tuple[HookRow, ...]:
    """`now` is in milliseconds since 1970.

    Random IDs let receivers recognise repeats. A hook that cannot be rendered is parked.
    """
    return tuple([_hook_row(hook, session, now) for hook in hooks])


def caused_by_turn(turn: Turn, now: int, before: Caused = NOTHING_CAUSED) -> Caused:
    """`before` is what the event has caused that leads to the turn."""
    session = turn.session
    hooks = (*before.hooks, *hook_rows(turn.hooks, session.id, now))
    return Caused(hooks, (*before.saves, *turn.saves), before.recording, session.parent, bool(turn.called))


def caused_by(effects: EventEffects, session: str, now: int, recording: RecordingRow | None = None) -> Caused:
    return Caused(hook_rows(effects.hooks, session, now), effects.saves, recording)


def caused_by_end(effects: EventEffects, call: SessionRow, now: int) -> Caused:
    """IDs follow from the leg alone, so that receivers recognise repeats."""
    rows = enumerate(hook_rows(effects.hooks, call.id, now))
    hooks = tuple([row._replace(id=f"msg_{_digest(call.leg, 'ended', number)}") for number, row in rows])
    return Caused(hooks, effects.saves)


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _hook_row(hook: Hook, session: str, now: int) -> HookRow:
    problem = hook.problem
    body = b""
    headers = b"{}"
    try:
        body = orjson.dumps(hook.json)
        headers = orjson.dumps(dict(hook.headers))
    except TypeError:  # a lone surrogate, which is not valid in JSON
        problem = problem or "its body or headers contain something that JSON cannot express"
    return HookRow(
        id=f"msg_{secrets.token_hex(16)}",
        session=session,
        name=hook.name,
        url="" if problem else hook.url,
        headers=headers,
        body=body,
        created_at=now,
        due_at=now,
        problem=problem,
        is_parked=bool(problem),
    )


def name_of_caller(flow: Flow, session: Session) -> str:
    """Return "" if it is sensitive, or after a handover."""
    variable = flow.variables.get(CALLER_NAME)
    value = session.variables.get(CALLER_NAME)
    is_known = flow.name == (session.at or session.flow) and variable is not None and not variable.sensitive
    return " ".join(value.split())[:NAME_LIMIT] if is_known and isinstance(value, str) else ""
