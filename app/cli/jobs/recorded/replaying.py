"""Plays the turns of a recorded call again, with the revision and the inputs that they had, and compares the bytes."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.cli.jobs.recorded.entries import MASKED, Entry
from app.engine import Lookup, LookupAnswer, Session, Turn, TurnContext, WaitRef, begin, fail, resume
from app.engine.session import from_json, json_bytes
from app.flow.model import Flow
from app.ncco.webhooks import FallbackWebhook, Webhook, recognise
from app.service.policy import Policy
from app.service.rows import REFUSED, mask
from app.service.tokens import MAC_BYTES, make_token
from app.store import Timeline

_URL: Final = re.compile(rb"/webhooks/(input|notify|event|onanswer)/([A-Za-z0-9_=-]+)")


@dataclass(frozen=True, slots=True)
class Replayed:
    """One turn, played again.

    Attributes:
        number: of the turn. then, now: the NCCO that went out, and the one that would; callback URLs without signature.
        because: why it was not played again; "" when it was.
    """

    number: int
    then: bytes = b""
    now: bytes = b""
    because: str = ""

    @property
    def is_same(self) -> bool:
        """Whether the bytes are the same, as far as it was played."""
        return self.then == self.now


class CannotReplay(Exception):
    """A turn needs what was not kept."""


def replay(timeline: Timeline, entries: list[Entry], flow: Flow, policy: Policy) -> Iterator[Replayed]:
    """Every turn again, until one that cannot be played: what comes after it stands on what it did."""
    player = _Player(entries, from_json(timeline.call.session.state), flow, policy)
    for entry in entries:
        if entry.turn is None:
            continue
        try:
            now = player.play(entry)
        except CannotReplay as reason:
            yield Replayed(entry.turn.number, because=str(reason))
            return
        yield Replayed(entry.turn.number, _unsigned(entry.turn.ncco), _unsigned(now))


Playing = Generator[tuple[Lookup, ...], tuple[LookupAnswer, ...], Turn | None]


class _Player:
    """Plays turn after turn.

    Args:
        entries: of the whole call. state: of its session, as it is now.
        flow: as it was. policy: settings of now.
    """

    def __init__(self, entries: list[Entry], state: Session, flow: Flow, policy: Policy) -> None:
        self._entries = entries
        self._state = state
        self._flow = flow
        self._policy = policy
        self._session: Session | None = None

    def play(self, entry: Entry) -> bytes:
        """The bytes that go out now. Raises CannotReplay."""
        turn = _drive(self._begin(entry), entry.inputs.get("lookups", {}))
        if turn is None:
            raise CannotReplay("its webhook does not steer the call now")
        is_first, self._session = self._session is None, turn.session
        is_sent = is_first or turn.ncco or entry.webhook.kind.startswith("input")
        return json_bytes(turn.ncco) if is_sent else b""

    def _begin(self, entry: Entry) -> Playing:
        """What the engine makes the turn of."""
        session, row, around = self._session, entry.webhook, self._around(entry)
        if session is None:
            if self._state.parent:
                raise CannotReplay("it is the leg of a dialled party: what that was given stands in another call")
            return begin(self._flow, self._state.id, self._state.call, around)
        if entry.turn is not None and entry.turn.cause_status == REFUSED:
            return fail(self._flow, session, around, "Vonage refused it")
        if not 0 <= row.wait < len(session.waits):
            raise CannotReplay("its webhook came in on a wait that is not open now")
        wait = session.waits[row.wait]
        if wait.sensitive or MASKED.encode() in row.body:
            raise CannotReplay("what the caller gave is sensitive, and was not kept")
        webhook = None if "not_kept" in entry.fields else _first_sent(recognise(entry.fields))
        return resume(self._flow, session, wait, webhook, around, seen=self._seen(entry))

    def _seen(self, entry: Entry) -> frozenset[str]:
        """The statuses that were recorded for the waits of the turn before, when a checkpoint came."""
        row = entry.webhook
        if row.kind != "notify":
            return frozenset()
        before = self._entries[: self._entries.index(entry)]
        known = [each.webhook for each in before if each.webhook.turn == row.turn and each.webhook.wait >= 0]
        return frozenset(each.status.partition(":")[0] for each in known)

    def _around(self, entry: Entry) -> TurnContext:
        """What the turn could look at then; settings are those of now."""
        base, key, policy = str(entry.inputs.get("base_url", "")), self._policy.keys[0], self._policy

        def link(ref: WaitRef) -> str:
            return f"{base}/webhooks/{ref.kind}/{make_token(key, ref)}"

        def hide(session: str, secret: str) -> str:
            return mask(key, session, secret)

        now = datetime.fromisoformat(str(entry.inputs["now"]))
        return TurnContext(now, link, hide, policy.env, policy.failsafe, policy.dial_allow, policy.dial_limit)


def _first_sent(webhook: Webhook) -> Webhook:
    """The webhook itself, also where it has come by the fallback URL."""
    return webhook.original if isinstance(webhook, FallbackWebhook) else webhook


def _drive(playing: Playing, answers: Mapping[str, Any]) -> Turn | None:
    """The turn, each look-up answered as it was then."""
    try:
        wanted = next(playing)
        while True:
            wanted = playing.send(tuple(_answer(lookup, answers) for lookup in wanted))
    except StopIteration as done:
        found: Turn | None = done.value
        return found


def _answer(lookup: Lookup, answers: Mapping[str, Any]) -> LookupAnswer:
    """What came of a look-up then. Raises CannotReplay when it was not asked then, or holds what was not kept."""
    record = answers.get(lookup.name)
    if not isinstance(record, dict):
        raise CannotReplay(f"it asks the look-up {lookup.name} now, and did not then")
    if _holds_a_token(record):
        raise CannotReplay(f"what the look-up {lookup.name} answered is sensitive, and was not kept")
    if not record.get("ok"):
        return LookupAnswer(None, "it was not ok")
    return LookupAnswer({name: value for name, value in record.items() if name != "ok"})


def _holds_a_token(value: Any) -> bool:
    """Whether something in a value is sensitive, and was not kept."""
    if isinstance(value, dict):
        return any(_holds_a_token(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(map(_holds_a_token, value))
    return isinstance(value, str) and value.startswith(MASKED)


def _unsigned(ncco: bytes) -> bytes:
    """An NCCO whose callback URLs name their wait without its signature: the key may have been changed since."""
    return _URL.sub(_without_mac, ncco)


def _without_mac(url: re.Match[bytes]) -> bytes:
    """The URL as it stands where its last part is no token of ours: one that a flow names may be anybody's."""
    token = url[2]
    try:
        raw = urlsafe_b64decode(token + b"=" * (-len(token) % 4))
    except ValueError:
        return url[0]
    payload = raw[:-MAC_BYTES]
    return b"/webhooks/" + url[1] + b"/" + payload.hex().encode() if payload else url[0]
