"""What can be seen of the server while it is called: what the caller can do now, what decided, hooks and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from app.engine.session import from_json
from app.flow.model import Asked, Flow
from app.flow.phrases import fold
from app.flow.report import printable
from app.simulator import Waited, WebhookDelivery
from app.store import HookRow, Timeline
from app.verify.scenarios.reports import decision
from app.verify.scenarios.result import Decided, decided_in
from app.verify.scenarios.runner import Rename
from app.verify.scenarios.server import BROKEN, LocalServer, Outside, PlacedCall

MOST_SHOWN: Final = 8
"""Phrases that a hint lists."""
DECIDING: Final = ("decided", "failed", "refused")
"""Lines of a trace that say what decided."""


@dataclass(frozen=True, slots=True)
class InputOptions:
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


class ShownDecision(NamedTuple):
    """Something that was decided: when, in seconds of the clock, in which turn, and a line about it."""

    at: float
    turn: int
    text: str


@dataclass(slots=True)
class Local:
    """The server in this process, of which more is seen than its replies.

    Attributes:
        flows: by name.
        rename: names a file of a flow as the person can open it.
        outside: where hooks are sent; None: nowhere.
        timelines: of its calls, as of the last look. logged: lines of its log that were shown.
    """

    server: LocalServer
    flows: Mapping[str, Flow]
    rename: Rename
    outside: Outside | None
    timelines: Sequence[Timeline] = ()
    logged: int = 0


class Insight:
    """What can be seen of a call and its server.

    Args:
        line: of the call.
        local: None for a server at a URL.

    Attributes:
        hooks: the names of all that were sent, or would have been.
    """

    def __init__(self, line: PlacedCall, local: Local | None = None) -> None:
        self.line = line
        self.local = local
        self.hooks: list[str] = []
        self._start_ms = round(line.clock.at(0).timestamp() * 1000)

    @property
    def is_failsafe(self) -> bool:
        """Whether nothing of a flow could be played."""
        return any(each.did == "failed" and each.what == "failsafe" for each in self._trace)

    @property
    def is_broken(self) -> bool:
        """Whether the server itself has failed."""
        return self.local is not None and any(each.startswith(BROKEN) for each in self.local.server.log)

    @property
    def decisions(self) -> list[ShownDecision]:
        """So far, in the order of time: what the traces say; of a server at a URL, which replies are played."""
        if self.local is not None:
            shown = (each for each in self._trace if each.did in DECIDING)
            return [ShownDecision(each.at, each.turn, decision(each, self.local.rename)) for each in shown]
        replies = [(delivery.at, text) for delivery in self.line.call.log if (text := reply_in_words(delivery))]
        return [ShownDecision(at, number, text) for number, (at, text) in enumerate(replies)]

    @property
    def _trace(self) -> list[Decided]:
        timelines = self.local.timelines if self.local is not None else ()
        return decided_in((turn for timeline in timelines for turn in timeline.turns), self._start_ms - 1)

    def ways(self, waited: Waited) -> InputOptions:
        """What the caller can do: what the step asks for; where no step is known, what the action takes."""
        dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
        speech: Mapping[str, Any] = waited.action.get("speech") or {}
        phrases = tuple(str(phrase) for phrase in speech.get("context") or ())
        if self.local is not None and self.local.timelines:
            session = from_json(self.local.timelines[0].call.session.state)
            flow = self.local.flows.get(session.at or session.flow)
            step = flow.steps.get(session.step) if flow is not None else None
            if step is not None and step.exit.asked is not None:
                return _ways(step.exit.asked.in_locale(session.locale), phrases)
        most = int(dtmf.get("maxDigits", 4))
        end = ", # ends them" if dtmf.get("submitOnHash") else ""
        digits = "press a key" if most == 1 else f"press up to {most} keys{end}"
        return InputOptions({}, phrases, digits if "dtmf" in waited.takes else "", "speech" in waited.takes)

    async def news(self) -> list[tuple[float, str]]:
        """What else the server did since this was asked last: seconds of the clock; hooks and warnings."""
        local = self.local
        if local is None:
            return []
        local.timelines = await local.server.timelines()
        new, local.logged = local.server.log[local.logged :], len(local.server.log)
        found = [(self.line.clock.ms / 1000, printable(each)) for each in new]
        for hook in await local.server.take_hooks():
            self.hooks.append(hook.name)
            at = (hook.created_at + 1 - self._start_ms) / 1000  # the store cuts off the fraction of a millisecond
            found.append((at, printable(await _sent(hook, local.outside))))
        return found


async def _sent(hook: HookRow, outside: Outside | None) -> str:
    """What became of a hook."""
    if hook.problem:
        return f"hook {hook.name} cannot be sent: {hook.problem}"
    body = hook.body.decode(errors="replace")
    if outside is None:
        return f"hook {hook.name} to {hook.url} (not sent): {body}"
    problem = await outside.post(hook)
    return f"hook {hook.name} to {hook.url} {f'was not sent: {problem}' if problem else 'was sent'}: {body}"


def _ways(asked: Asked, written: tuple[str, ...]) -> InputOptions:
    """The keys and phrases of a menu, these as far as known as they are written, or what a data entry takes."""
    as_written = {fold(phrase): phrase for phrase in written}
    firsts: dict[str, str] = {}
    for phrase, name in asked.phrases.items():
        firsts.setdefault(name, as_written.get(phrase, phrase))
    digits = ""
    if asked.lengths is not None:
        low, high = asked.lengths
        digits = f"press {low} keys" if low == high else f"press {low} to {high} keys, then #"
    return InputOptions(asked.keys, tuple(firsts.values()), digits, asked.free_speech or bool(firsts))


def reply_in_words(delivery: WebhookDelivery) -> str:
    """What a reply has brought about; "" for nothing."""
    if not delivery.message.is_played or delivery.result is None:
        return ""
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    came = f"status {response.status} changes nothing"
    if delivery.result.failure:
        came = f"{delivery.result.failure} {delivery.result.problem}"
    elif delivery.ncco is not None:
        actions = ", ".join(str(action.get("action")) for action in delivery.ncco)
        came = f"status {response.status} brings {actions or 'nothing'}"
    return printable(f"{delivery.kind} webhook ({request.method} {request.url.partition('?')[0]}): {came}")
