"""What a person sees of a call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import click

from app.cli.output import shows_colours
from app.cli.simulate.commands import HELP, Name
from app.cli.simulate.insight import Insight
from app.flow.report import printable
from app.simulator import Heard, Leg, WebhookDelivery
from app.verify.scenarios.reports import Ink, entry
from app.verify.scenarios.server import advice_of, complaint_of

BUCKETS: Final = 100
"""Of a second: what belongs together may differ by a rounding."""
News: TypeAlias = tuple[int, int, str, str]
"""A line: its moment in hundredths of a second, its place among those of one moment, its text and colour."""

_COLOURS: Final = {
    **dict.fromkeys(("pressed", "spoke"), "green"),
    **dict.fromkeys(("hung up", "ended"), "yellow"),
    **dict.fromkeys(("ringing", "tone", "beep", "joined", "left", "keys", "voice"), "dim"),
}
_OF_OTHERS: Final = frozenset({"talk", "stream", "beep", "pressed", "spoke", "keys"})
"""What is shown of what a dialled party hears and does before it is joined."""
_DONE: Final = frozenset({"pressed", "spoke", "hung up"})
"""What the caller does; it comes before what it brings about."""
_INDENT: Final = " " * 11


class Screen:
    """Prints what is new, once.

    Args:
        shows: what is printed all along: `why`, `ncco`, `webhooks`.

    Attributes:
        insight: what is seen of the call; None while it is being placed.
        faults: how many faults of the server were shown.
    """

    def __init__(self, shows: Iterable[str] = ()) -> None:
        self._colour = shows_colours()
        self._ink = Ink(self._colour)
        self._shows = frozenset(shows)
        self._heard: dict[str, int] = {}
        self._delivered = self._decided = 0
        self._reported: set[str] = set()
        self.insight: Insight | None = None
        self.faults = 0

    def say(self, text: str = "", colour: str = "") -> None:
        """Print a line."""
        click.echo(self._ink(text, colour) if colour else text, color=self._colour)

    async def show_news(self) -> None:
        """Everything that has happened since the last time, in the order of time."""
        insight = self.insight
        if insight is None:
            return
        zero_s = insight.line.zero_s
        news = [(bucket(at - zero_s), 2, f"{_INDENT}{text}", "yellow") for at, text in await insight.news()]
        if "why" in self._shows:
            decisions = insight.decisions
            news += [
                (bucket(each.at - zero_s), 2, f"{_INDENT}{each.text}", "dim") for each in decisions[self._decided :]
            ]
            self._decided = len(decisions)
        done = [delivery for delivery in insight.line.vonage.log if delivery.attempts]
        news += webhook_news(done[self._delivered :], zero_s, self._shows)
        self._delivered = len(done)
        news += [*self._heard_since(insight.line.call), *self._faults_since(insight)]
        for _, _, text, colour in sorted(news, key=lambda new: new[:2]):
            self.say(text, colour)

    def _faults_since(self, insight: Insight) -> Iterator[News]:
        """What the server did wrong: faults, each when the platform noticed it, and what it should not do."""
        line = insight.line
        for number, delivery in enumerate(line.vonage.log):
            at = bucket((delivery.attempts[-1].at if delivery.attempts else delivery.at) - line.zero_s)
            if delivery.is_over and self._is_new(f"webhook {number}"):
                if problem := complaint_of(delivery):
                    self.faults += 1
                    yield at, 1, printable(f"{_INDENT}{problem}"), "red"
                advice = () if insight.local is not None else advice_of(delivery)
                yield from ((at, 1, printable(f"{_INDENT}{each}"), "yellow") for each in advice if self._is_new(each))
        for other in line.call.dialled:
            if other.problem and self._is_new(f"party {other.uuid}"):
                self.faults += 1
                yield bucket(line.call.at), 1, printable(f"{_INDENT}{other.problem}"), "red"

    def _is_new(self, what: str) -> bool:
        is_new = what not in self._reported
        self._reported.add(what)
        return is_new

    def _heard_since(self, call: Leg) -> Iterator[News]:
        yield from heard_news(self._new(call))
        for other in call.dialled:
            behind = call.at - other.at
            for heard in self._new(other):
                if heard.kind in _OF_OTHERS:
                    own = replace(heard, at=heard.at + behind)
                    yield bucket(own.at), 4, f"{entry(own)}  (the called party)", "dim"

    def _new(self, call: Leg) -> tuple[Heard, ...]:
        known = self._heard.get(call.uuid, 0)
        self._heard[call.uuid] = len(call.transcript)
        return call.transcript[known:]

    def show(self, what: Name) -> None:
        """What a person asks for in a call."""
        if self.insight is None:
            return
        line = self.insight.line
        played = [each for each in line.call.log if each.message.is_played and each.attempts]
        if what == "help":
            self.say(HELP)
        elif what == "ncco":
            for ncco in [each.ncco for each in line.call.log if each.ncco is not None][-1:]:
                self._show_json(ncco)
        elif what == "why":
            decisions = self.insight.decisions
            last = [each.text for each in decisions if each.turn == decisions[-1].turn]
            self.say("\n".join(last) or "nothing was decided yet")
        elif what == "webhooks":
            for delivery in line.vonage.log:
                if delivery.attempts:
                    self.say(webhook_line(delivery, line.zero_s))
        elif what == "webhook" and played:
            self._show_webhook(played[-1], line.zero_s)

    def _show_webhook(self, delivery: WebhookDelivery, zero_s: float) -> None:
        """A webhook, with its reply."""
        sent, reply = delivery.attempts[-1].request, delivery.attempts[-1].response
        self.say(webhook_line(delivery, zero_s))
        is_get = sent.method == "GET"
        query = parse_qsl(urlsplit(sent.url).query, keep_blank_values=True) if is_get else ()
        self._show_json(dict(query) if is_get else json.loads(sent.body))
        self.say(f"reply {reply.status or reply.failure}:")
        try:
            self._show_json(json.loads(reply.body))
        except ValueError:
            for text in reply.body.decode(errors="replace").splitlines():
                self.say(printable(text))

    def _show_json(self, value: Any) -> None:
        for text in json.dumps(value, indent=2, ensure_ascii=False).splitlines():
            self.say(printable(text))


def bucket(seconds: float) -> int:
    """A moment in hundredths of a second."""
    return round(seconds * BUCKETS)


def heard_news(transcript: Iterable[Heard]) -> Iterator[News]:
    """What the caller hears and does."""
    for heard in transcript:
        yield bucket(heard.at), 0 if heard.kind in _DONE else 4, entry(heard), _COLOURS.get(heard.kind, "")


def webhook_news(deliveries: Iterable[WebhookDelivery], zero_s: float, shows: Iterable[str]) -> Iterator[News]:
    """Webhooks and NCCOs, as far as they are shown. `zero_s`: when the call was answered."""
    for delivery in deliveries:
        at = bucket(delivery.at - zero_s)
        if "webhooks" in shows:
            yield at, 1, webhook_line(delivery, zero_s), "dim"
        if "ncco" in shows and delivery.ncco is not None:
            yield at, 3, printable(f"{_INDENT}{json.dumps(delivery.ncco, ensure_ascii=False)}"), "dim"


def webhook_line(delivery: WebhookDelivery, zero_s: float) -> str:
    """A webhook in one line: when, which, where, and the reply. `zero_s`: when the call was answered."""
    attempt = delivery.attempts[-1]
    request, response = attempt.request, attempt.response
    at = delivery.at - zero_s
    came = "" if delivery.ncco is None else f": {', '.join(str(action.get('action')) for action in delivery.ncco)}"
    failure = f" {attempt.result.failure}" if attempt.result.failure else ""
    what = delivery.fields.get("status") or delivery.kind
    status = response.status or response.failure
    url = request.url.partition("?")[0]
    luck = f"  ({attempt.fault})" if attempt.fault else ""
    return printable(f"{at:7.1f} s  {what:<10}{request.method} {url}  {status}{came}{failure}{luck}")
