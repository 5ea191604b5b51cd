"""What can be seen of a server under test: why it decided so, what a caller can do, and what else it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.flow.report import printable
from app.simulator import Delivery, PhoneCall, Waited

MOST_SHOWN = 8
"""Phrases that a hint lists."""


@dataclass(frozen=True, slots=True)
class Ways:
    """What a caller can do at an input.

    Attributes:
        keys: what can be pressed, each with what it stands for; "" where nobody knows.
        phrases: what can be said; () with `listens` for anything.
        digits: how many keys are due, in words; "" when `keys` says it.
        listens: whether speech is taken.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    digits: str = ""
    listens: bool = False

    @property
    def shown(self) -> str:
        """In words: `press 1 (sales) or 2 (support), or say sales or support`."""
        keys = [f"{key} ({name})" if name else key for key, name in self.keys.items()]
        press = f"press {_or(keys)}" if keys else self.digits
        say = f"say {_or(self.phrases)}" if self.phrases else "say something" if self.listens else ""
        return printable(", or ".join(way for way in (press, say) if way))


def _or(words: list[str] | tuple[str, ...]) -> str:
    shown = [*words[:MOST_SHOWN], "..."] if len(words) > MOST_SHOWN else list(words)
    return f"{', '.join(shown[:-1])} or {shown[-1]}" if len(shown) > 1 else "".join(shown)


class Insight(Protocol):
    """Looks into a server while it is called."""

    def ways(self, waited: Waited) -> Ways:
        """What the caller can do now."""

    def why(self) -> list[str]:
        """What decided in the last turn, a line each."""

    def decisions(self) -> list[tuple[float, str]]:
        """What has decided since this was asked last: seconds of the clock, and a line each."""

    async def news(self) -> list[tuple[float, str]]:
        """What else the server did since this was asked last: seconds of the clock; hooks and warnings."""


class Outward:
    """What the protocol shows of a server at a URL."""

    def __init__(self, call: PhoneCall) -> None:
        self._call = call
        self._told = 0

    def ways(self, waited: Waited) -> Ways:
        """See `Insight`; the action says it."""
        return ways_of(waited)

    def why(self) -> list[str]:
        """See `Insight`: which reply is played."""
        return [text for _, text in self._replies()][-1:]

    def decisions(self) -> list[tuple[float, str]]:
        """See `Insight`."""
        replies = self._replies()
        new, self._told = replies[self._told :], len(replies)
        return new

    def _replies(self) -> list[tuple[float, str]]:
        return [(delivery.at, told) for delivery in self._call.log if (told := reply_told(delivery))]

    async def news(self) -> list[tuple[float, str]]:
        """See `Insight`; nothing more can be seen."""
        return []


def ways_of(waited: Waited) -> Ways:
    """What an input action takes, as far as the NCCO says it."""
    dtmf: Mapping[str, Any] = waited.action.get("dtmf") or {}
    speech: Mapping[str, Any] = waited.action.get("speech") or {}
    most = int(dtmf.get("maxDigits", 4))
    end = ", # ends them" if dtmf.get("submitOnHash") else ""
    digits = "press a key" if most == 1 else f"press up to {most} keys{end}"
    return Ways(
        phrases=tuple(str(phrase) for phrase in speech.get("context") or ()),
        digits=digits if "dtmf" in waited.takes else "",
        listens="speech" in waited.takes,
    )


def reply_told(delivery: Delivery) -> str:
    """What a reply has brought about; "" for nothing."""
    if not delivery.message.is_played or delivery.verdict is None:
        return ""
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    where = f"{request.method} {request.url.partition('?')[0]}"
    if delivery.verdict.failure:
        return printable(f"{delivery.kind} webhook ({where}): {delivery.verdict.failure} {delivery.verdict.problem}")
    if delivery.ncco is None:
        return printable(f"{delivery.kind} webhook ({where}): status {response.status} changes nothing")
    actions = ", ".join(str(action.get("action")) for action in delivery.ncco) or "nothing"
    return printable(f"{delivery.kind} webhook ({where}): status {response.status} brings {actions}")
