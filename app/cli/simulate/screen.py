"""What a person sees of a call, while it lasts or afterwards: what is heard, webhooks, NCCOs, and what decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import click

from app.cli.output import shows_colours
from app.flow.report import printable
from app.simulator import WebhookDelivery
from app.verify.scenarios.reports import Ink, as_text, decision, entry
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import Rename
from app.verify.scenarios.server import PlacedCall, advice_of, complaint_of

INDENT: Final = " " * 11
_DECIDING: Final = ("decided", "failed", "refused")
"""Lines of a trace that say what decided."""
_COLOURS: Final = {
    **dict.fromkeys(("pressed", "spoke"), "green"),
    **dict.fromkeys(("hung up", "ended"), "yellow"),
    **dict.fromkeys(("ringing", "tone", "beep", "joined", "left", "keys", "voice"), "dim"),
}
_OF_OTHERS: Final = frozenset({"talk", "stream", "beep", "pressed", "spoke", "keys"})
"""What is shown of what a dialled party hears and does before it is joined."""
_DONE: Final = frozenset({"pressed", "spoke", "hung up"})
"""What the caller does; it comes before what it brings about."""


class News(NamedTuple):
    """A line: its moment in hundredths of a second, its place among those of one moment, its text and colour."""

    at: int
    order: int
    text: str
    colour: str = ""


class ShownDecision(NamedTuple):
    """Something that was decided: when, in seconds of the call, in which turn, and a line about it."""

    at: float
    turn: int
    text: str


def noted(at: float, order: int, text: str, colour: str) -> News:
    """A line that stands below what is heard; `at` in seconds of the call."""
    return News(_moment(at), order, printable(f"{INDENT}{text}"), colour)


def _moment(seconds: float) -> int:
    """What belongs together may differ by a rounding."""
    return round(seconds * 100)


class Screen:
    """Prints what is new, once.

    Args:
        shows: what is printed all along: `why`, `ncco`, `webhooks`.
        rename: names a file of a flow as the person can open it.

    Attributes:
        faults: how many faults of the server were shown.
    """

    def __init__(self, shows: Iterable[str], rename: Rename) -> None:
        self._ink = Ink(shows_colours())
        self._shows = frozenset(shows)
        self._rename = rename
        self._reported: set[str] = set()
        self.faults = 0

    def say(self, text: str, colour: str = "") -> None:
        """Print a line."""
        click.echo(self._ink(text, colour) if colour else text, color=shows_colours())

    def show(self, news: Iterable[News]) -> None:
        """Print lines in the order of time."""
        for new in sorted(news, key=lambda each: each[:2]):
            self.say(new.text, new.colour)

    async def show_played(self, result: Result, *, is_paced: bool) -> None:
        """A scenario that was played, from ringing to the end, and how it differs; `is_paced`: at its own speed."""
        place, at = result.scenario.place, 0
        self.say(f"{printable(result.scenario.name)}  {place.file}:{place.line}", "bold")
        self._reported.clear()
        news = self.news_of(result) if result.holds or self._shows else ()
        for new in sorted(news, key=lambda each: each[:2]):
            if is_paced and new.at > at:
                await asyncio.sleep((new.at - at) / 100)
                at = new.at
            self.say(new.text, new.colour)
        if not result.holds:
            self.say(as_text(result, self._rename, self._ink))
            return
        for note in result.notes:
            self.say(f"  note: {printable(note)}", "dim")
        for what in result.unjudged:
            self.say(f"  not judged: {what}", "yellow")
        self.say("✓ it holds as far as it was judged\n" if result.unjudged else "✓ it holds\n", "green")

    def is_new(self, what: str) -> bool:
        """Whether it was not asked for before."""
        is_new = what not in self._reported
        self._reported.add(what)
        return is_new

    def news_of(self, result: Result) -> Iterator[News]:
        """What has happened in a call since the last time."""
        for number, heard in enumerate(result.transcript):
            if self.is_new(f"heard {number}"):
                order = 0 if heard.kind in _DONE else 4
                yield News(_moment(heard.at), order, entry(heard), _COLOURS.get(heard.kind, ""))
        for sent in result.webhooks:
            at = sent.at - result.answered_s
            if "webhooks" in self._shows and self.is_new(f"webhook {id(sent)}"):
                yield News(_moment(at), 1, webhook_line(sent, result), "dim")
            if "ncco" in self._shows and sent.ncco is not None and self.is_new(f"ncco {id(sent)}"):
                yield noted(at, 3, json.dumps(sent.ncco, ensure_ascii=False), "dim")
        for number, each in enumerate(decisions_of(result, self._rename) if "why" in self._shows else ()):
            if self.is_new(f"decision {number}"):
                yield noted(each.at, 2, each.text, "dim")

    def faults_of(self, line: PlacedCall, *, is_local: bool) -> Iterator[News]:
        """What the server did wrong: faults, each when the platform noticed it, and what it should not do."""
        for delivery in line.vonage.log:
            at = (delivery.attempts[-1].at if delivery.attempts else delivery.at) - line.call.zero_ms / 1000
            if delivery.is_over and self.is_new(f"result {id(delivery)}"):
                if problem := complaint_of(delivery):
                    self.faults += 1
                    yield noted(at, 1, problem, "red")
                advice = () if is_local else advice_of(delivery)
                yield from (noted(at, 1, each, "yellow") for each in advice if self.is_new(each))
        for other in line.call.dialled:
            if other.problem and self.is_new(f"problem {other.uuid}"):
                self.faults += 1
                yield noted(line.call.at, 1, other.problem, "red")
            for number, heard in enumerate(other.transcript):
                if heard.kind in _OF_OTHERS and self.is_new(f"{other.uuid} heard {number}"):
                    own = replace(heard, at=heard.at + line.call.at - other.at)
                    yield News(_moment(own.at), 4, f"{entry(own)}  (the called party)", "dim")

    def show_asked(self, what: str, result: Result) -> None:
        """What a person asks for in a call."""
        played = [each for each in result.webhooks if each.message.is_played]
        if what == "ncco":
            for ncco in [each.ncco for each in result.webhooks if each.ncco is not None][-1:]:
                self._show_json(ncco)
        elif what == "why":
            decisions = decisions_of(result, self._rename)
            last = [each.text for each in decisions if each.turn == decisions[-1].turn]
            self.say("\n".join(last) or "nothing was decided yet")
        elif what == "webhooks":
            for delivery in result.webhooks:
                self.say(webhook_line(delivery, result))
        elif played:
            self._show_webhook(played[-1], result)

    def _show_webhook(self, delivery: WebhookDelivery, result: Result) -> None:
        """A webhook, with its reply."""
        sent, reply = delivery.attempts[-1].request, delivery.attempts[-1].response
        self.say(webhook_line(delivery, result))
        self._show_json(json.loads(sent.body) if sent.body else dict(parse_qsl(urlsplit(sent.url).query, True)))
        self.say(f"reply {reply.status or reply.failure}:")
        try:
            self._show_json(json.loads(reply.body))
        except ValueError:
            self.say("\n".join(map(printable, reply.body.decode(errors="replace").splitlines())))

    def _show_json(self, value: Any) -> None:
        self.say("\n".join(map(printable, json.dumps(value, indent=2, ensure_ascii=False).splitlines())))


def decisions_of(result: Result, rename: Rename) -> Sequence[ShownDecision]:
    """What decided, in the order of time; of a server that does not show it, which replies are played."""
    if result.records:
        deciding = (line for line in result.decided if line.did in _DECIDING)
        return [ShownDecision(line.at, line.turn, decision(line, rename)) for line in deciding]
    replies = [(sent.at - result.answered_s, _reply_in_words(sent)) for sent in result.webhooks]
    return [ShownDecision(at, number, text) for number, (at, text) in enumerate(replies) if text]


def _reply_in_words(delivery: WebhookDelivery) -> str:
    """What a reply has brought about; "" for nothing."""
    if not delivery.message.is_played or delivery.result is None:
        return ""
    request, response = delivery.attempts[-1].request, delivery.attempts[-1].response
    came = f"status {response.status} changes nothing"
    if delivery.result.failure:
        came = f"{delivery.result.failure} {delivery.result.problem}"
    elif delivery.ncco is not None:
        came = f"status {response.status} brings {_actions(delivery) or 'nothing'}"
    return printable(f"{delivery.kind} webhook ({request.method} {request.url.partition('?')[0]}): {came}")


def _actions(delivery: WebhookDelivery) -> str:
    return ", ".join(str(action.get("action")) for action in delivery.ncco or ())


def webhook_line(delivery: WebhookDelivery, result: Result) -> str:
    """A webhook in one line: when, which, where, and the reply."""
    attempt = delivery.attempts[-1]
    request, response = attempt.request, attempt.response
    at = delivery.at - result.answered_s
    came = "" if delivery.ncco is None else f": {_actions(delivery)}"
    failure = f" {attempt.result.failure}" if attempt.result.failure else ""
    what = delivery.fields.get("status") or delivery.kind
    url = request.url.partition("?")[0]
    luck = f"  ({attempt.fault})" if attempt.fault else ""
    status = response.status or response.failure
    return printable(f"{at:7.1f} s  {what:<10}{request.method} {url}  {status}{came}{failure}{luck}")
