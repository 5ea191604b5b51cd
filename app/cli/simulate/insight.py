"""What can be seen of the server while it is called: what the caller can do now, what decided, hooks and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from app.engine.session import from_json
from app.flow.model import Asked, Flow
from app.flow.phrases import fold
from app.flow.report import printable
from app.simulator import Delivery, Waited
from app.store import HookRow, Timeline
from app.verify.scenarios.line import BROKEN, Line, LocalServer, Outside
from app.verify.scenarios.result import Decided, decided_in
from app.verify.scenarios.suite import Rename
from app.verify.scenarios.telling import decision

MOST_SHOWN: Final = 8
"""Phrases that a hint lists."""
_SHOWN: Final = ("decided", "failed", "refused")


@dataclass(frozen=True, slots=True)
class Ways:
    """What a caller can do at an input.

    Attributes:
        keys: what can be pressed, each with the choice that it means.
        phrases: what can be said; () with `listens` for anything.
        digits: how many keys are expected, in words; "" when `keys` says it.
        listens: whether speech is taken.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    digits: str = ""
    listens: bool = False

    @property
    def shown(self) -> str:
        """In words: `press 1 (sales) or 2 (support), or say sales or support`."""
        keys = [f"{key} ({name})" for key, name in self.keys.items()]
        press = f"press {_or(keys)}" if keys else self.digits
        say = f"say {_or(self.phrases)}" if self.phrases else "say something" if self.listens else ""
        return printable(", or ".join(way for way in (press, say) if way))


def _or(words: Sequence[str]) -> str:
    shown = [*words[:MOST_SHOWN], "..."] if len(words) > MOST_SHOWN else list(words)
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)


class Decision(NamedTuple):
    """Something that was decided: when, in seconds of the clock, in which turn, and a line about it."""

    at: float
    turn: int
    text: str


class RemoteInsight:
    """What the protocol shows of a server at a URL.

    Attributes:
        decisions: so far, in the order of time.
        hooks: the names of all that were sent, or would have been.
        is_failsafe: whether nothing of a flow could be played. is_broken: whether the server itself has failed.
    """

    is_failsafe = False
    is_broken = False

    def __init__(self, line: Line) -> None:
        self.line = line
        self.hooks: list[str] = []

    @property
    def decisions(self) -> list[Decision]:
        """See the attribute: which replies are played."""
        replies = [(delivery.at, text) for delivery in self.line.call.log if (text := reply_in_words(delivery))]
        return [Decision(at, number, text) for number, (at, text) in enumerate(replies)]

    def ways(self, waited: Waited) -> Ways:
        """What the caller can do, as far as the NCCO says it."""
        dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
        speech: Mapping[str, Any] = waited.action.get("speech") or {}
        most = int(dtmf.get("maxDigits", 4))
        end = ", # ends them" if dtmf.get("submitOnHash") else ""
        digits = "press a key" if most == 1 else f"press up to {most} keys{end}"
        phrases = tuple(str(phrase) for phrase in speech.get("context") or ())
        return Ways({}, phrases, digits if "dtmf" in waited.takes else "", "speech" in waited.takes)

    async def news(self) -> list[tuple[float, str]]:
        """What else the server did since this was asked last: seconds of the clock; hooks and warnings."""
        return []


class LocalInsight(RemoteInsight):
    """What can be seen of the server in this process. See `RemoteInsight`.

    Args:
        line: of the call.
        server: where it is placed.
        flows: by name.
        rename: names a file of a flow as the person can open it.
        outside: where hooks are sent; None: nowhere.
    """

    def __init__(
        self, line: Line, server: LocalServer, flows: Mapping[str, Flow], rename: Rename, outside: Outside | None
    ) -> None:
        super().__init__(line)
        self._server = server
        self._flows = flows
        self._rename = rename
        self._outside = outside
        self._start_ms = round(line.clock.at(0).timestamp() * 1000)
        self._timelines: list[Timeline] = []
        self._logged = 0

    @property
    def is_failsafe(self) -> bool:  # type: ignore[override]  # a property in place of a constant
        """See `RemoteInsight`."""
        return any(line.did == "failed" and line.what == "failsafe" for line in self._lines)

    @property
    def is_broken(self) -> bool:  # type: ignore[override]  # a property in place of a constant
        """See `RemoteInsight`."""
        return any(line.startswith(BROKEN) for line in self._server.log)

    @property
    def decisions(self) -> list[Decision]:
        """See `RemoteInsight`: what the traces of the turns say."""
        shown = [line for line in self._lines if line.did in _SHOWN]
        return [Decision(line.at, line.turn, decision(line, self._rename)) for line in shown]

    def ways(self, waited: Waited) -> Ways:
        """What the step asks for; what the action takes, where no step is known."""
        written = super().ways(waited)
        session = from_json(self._timelines[0].call.session.state) if self._timelines else None
        flow = self._flows.get(session.at or session.flow) if session else None
        step = flow.steps.get(session.step) if flow and session else None
        if session is None or step is None or step.exit.asked is None:
            return written
        return _ways(step.exit.asked.in_locale(session.locale), written.phrases)

    async def news(self) -> list[tuple[float, str]]:
        """See `RemoteInsight`."""
        self._timelines = await self._server.timelines()
        new, self._logged = self._server.log[self._logged :], len(self._server.log)
        found = [(self.line.clock.ms / 1000, printable(line)) for line in new]
        for hook in await self._server.take_hooks():
            self.hooks.append(hook.name)
            found.append((self._seconds(hook.created_at), printable(await self._sent(hook))))
        return found

    async def _sent(self, hook: HookRow) -> str:
        if hook.problem:
            return f"hook {hook.name} cannot be sent: {hook.problem}"
        body = hook.body.decode(errors="replace")
        if self._outside is None:
            return f"hook {hook.name} to {hook.url} (not sent): {body}"
        problem = await self._outside.post(hook)
        return f"hook {hook.name} to {hook.url} {f'was not sent: {problem}' if problem else 'was sent'}: {body}"

    @property
    def _lines(self) -> list[Decided]:
        turns = (turn for timeline in self._timelines for turn in timeline.turns)
        return decided_in(turns, self._start_ms - 1)

    def _seconds(self, at_ms: int) -> float:
        """A time of the store as seconds of the clock; the fraction of a millisecond that it cuts off is added."""
        return (at_ms + 1 - self._start_ms) / 1000


def _ways(asked: Asked, written: tuple[str, ...]) -> Ways:
    """The keys and phrases of a menu, these as far as known as they are written, or what a data entry takes."""
    as_written = {fold(phrase): phrase for phrase in written}
    firsts: dict[str, str] = {}
    for phrase, name in asked.phrases.items():
        firsts.setdefault(name, as_written.get(phrase, phrase))
    digits = ""
    if asked.lengths is not None:
        low, high = asked.lengths
        digits = f"press {low} keys" if low == high else f"press {low} to {high} keys, then #"
    return Ways(asked.keys, tuple(firsts.values()), digits, asked.free_speech or bool(firsts))


def reply_in_words(delivery: Delivery) -> str:
    """What a reply has brought about; "" for nothing."""
    if not delivery.message.is_played or delivery.verdict is None:
        return ""
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    where = f"{delivery.kind} webhook ({request.method} {request.url.partition('?')[0]})"
    if delivery.verdict.failure:
        return printable(f"{where}: {delivery.verdict.failure} {delivery.verdict.problem}")
    if delivery.ncco is None:
        return printable(f"{where}: status {response.status} changes nothing")
    actions = ", ".join(str(action.get("action")) for action in delivery.ncco) or "nothing"
    return printable(f"{where}: status {response.status} brings {actions}")
