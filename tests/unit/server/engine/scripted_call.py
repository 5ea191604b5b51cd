"""A scripted caller: plays a flow with the engine only, webhook by webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ncco_server.engine import (
    CallData,
    Lookup,
    LookupAnswer,
    OpenWait,
    Session,
    Turn,
    TurnContext,
    WaitRef,
    begin,
    begin_placed,
    detected,
    fail,
    hand_back,
    resume,
)
from ncco_server.engine.session import from_json, to_json
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow
from ncco_server.ncco import check
from ncco_server.ncco.webhooks import recognise

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
FAILSAFE: tuple[Mapping[str, Any], ...] = ({"action": "talk", "text": "Please call again later."},)
LEG = "3f9a1c77d2e84b0c9a5566778899aabb"


def load_flow(text: str, templates: Mapping[str, str] | None = None) -> Flow:
    """The only flow of a text, which must have no errors."""
    project = load({"flows/test.yaml": text, **(templates or {})})

    errors = [f"{issue.place}: {issue.code} {issue.message}" for issue in project.issues if issue.is_error]
    assert not errors, errors
    return next(iter(project.flows.values()))


def link(ref: WaitRef) -> str:
    return f"https://test.example/{ref.kind}/{ref.turn}/{ref.index}"


def mask(session: str, secret: str) -> str:
    return f"secret:{len(secret)}"


class ScriptedCall:
    """One call; each method sends a webhook and returns the new NCCO, or None when the webhook steers nothing."""

    def __init__(
        self,
        flow: Flow,
        *,
        answers: Mapping[str, Any] | None = None,
        call: CallData | None = None,
        given: Mapping[str, Any] | None = None,
        detected: str = "",
        at: datetime = NOON,
        **around: Any,
    ) -> None:
        """`given` are the params of a placed call; None for an incoming call. `detected`: before it is answered."""
        self.flow = flow
        self.answers = dict(answers or {})
        self.asked: list[Lookup] = []
        self.around = {"link": link, "mask": mask, "failsafe": FAILSAFE, **around}
        self.now = at
        self.seen: set[str] = set()
        self.given = given
        call = call or CallData(to="442079460000", from_number="447700900123", uuid=LEG)
        placed = call._replace(direction="outbound", request="placed")
        context = self.next_context()
        self.turn: Turn = self._drive(
            begin(flow, LEG, call, context)
            if given is None
            else begin_placed(flow, LEG, placed, given, context, detected=detected)
        )

    @property
    def session(self) -> Session:
        """After a round trip through JSON, as from the store."""
        return from_json(to_json(self.turn.session))

    @property
    def ncco(self) -> list[dict[str, Any]]:
        return self.turn.ncco

    @property
    def said(self) -> list[str]:
        """What the caller hears up to the first input, as texts, file names and numbers."""
        heard = []
        for action in self.ncco:
            if action["action"] == "input":
                break
            if action["action"] != "notify":
                heard.append(_spoken(action))
        return heard

    def press(self, digits: str, **fields: Any) -> list[dict[str, Any]] | None:
        return self.send({"dtmf": {"digits": digits, "timed_out": False}, "speech": {"results": []}, **fields})

    def speak(self, *results: tuple[str, float | str]) -> list[dict[str, Any]] | None:
        said = [{"text": text, "confidence": str(confidence)} for text, confidence in results]
        return self.send(
            {"dtmf": {"digits": None}, "speech": {"results": said, "timeout_reason": "end_on_silence_timeout"}}
        )

    def silence(self) -> list[dict[str, Any]] | None:
        return self.send(
            {"dtmf": {"digits": "", "timed_out": True}, "speech": {"results": [], "timeout_reason": "start_timeout"}}
        )

    def dial(self, status: str, **fields: Any) -> list[dict[str, Any]] | None:
        self.seen.add(status)
        return self.send({"status": status, "uuid": "aa01", "direction": "outbound", **fields}, kind="event")

    def reach(self, name: str) -> list[dict[str, Any]] | None:
        return self.send({"payload": {"checkpoint": name}}, kind="notify")

    def refused(self) -> list[dict[str, Any]]:
        self.turn = self._drive(fail(self.flow, self.session, self.next_context(), "refused"))
        return self.ncco

    def detect(self, outcome: str) -> list[dict[str, Any]] | None:
        """Send the result of machine detection."""
        turn = self._drive(detected(self.flow, self.session, outcome, self.given or {}, self.next_context()))
        if turn is None:
            return None
        self.turn = turn
        return self.ncco

    def hand_back(self, body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """An agent hands the caller back and closes its websocket."""
        session = hand_back(self.flow, self.session, body, self.next_context())
        self.turn = self.turn._replace(session=session)
        return self.dial("disconnected")

    def send(self, fields: Mapping[str, object] | None, kind: str = "input") -> list[dict[str, Any]] | None:
        """Send a webhook to the last open wait of this kind; None is an unreadable body."""
        return self.send_to(self.wait(kind), fields)

    def send_to(self, wait: OpenWait, fields: Mapping[str, object] | None) -> list[dict[str, Any]] | None:
        """Send a webhook to one of the open waits."""
        webhook = None if fields is None else recognise(fields)
        session = self.session
        turn = self._drive(resume(self.flow, session, wait, webhook, self.next_context(), seen=frozenset(self.seen)))
        if turn is None:
            return None
        self.turn = turn
        self.seen = set()
        errors = [issue for issue in check(turn.ncco) if issue.severity == "error"]
        assert not errors, errors
        return self.turn.ncco

    def wait(self, kind: str) -> OpenWait:
        return [wait for wait in self.session.waits if wait.kind == kind][-1]

    def next_context(self) -> TurnContext:
        self.now += timedelta(seconds=10)
        return TurnContext(now=self.now, **self.around)

    def _drive(self, playing: Any) -> Any:
        try:
            wanted = next(playing)
            while True:
                wanted = playing.send(tuple(self._answer(lookup) for lookup in wanted))
        except StopIteration as done:
            return done.value

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        self.asked.append(lookup)
        answer = self.answers.get(lookup.name, LookupAnswer(None, "nobody answers"))
        return answer if isinstance(answer, LookupAnswer) else LookupAnswer(answer)


def _spoken(action: Mapping[str, Any]) -> str:
    match action["action"]:
        case "talk":
            return str(action["text"])
        case "connect":
            endpoint = action["endpoint"][0]
            return f"dials {next(endpoint[key] for key in ('number', 'uri', 'user', 'extension') if key in endpoint)}"
        case "stream":
            return f"plays {action['streamUrl'][0]}"
    return str(action["action"])
