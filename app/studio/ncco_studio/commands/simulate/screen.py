"""Shows a call during or after it: prompts, webhooks, NCCOs and decisions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import click

from ncco_server.errors import AppError
from ncco_server.terminal import printable
from ncco_studio.simulator.delivery import WebhookDelivery
from ncco_studio.simulator.transcript import Heard
from ncco_studio.verify.scenarios.observed_call import ObservedCall, problem_of, warnings_of
from ncco_studio.verify.scenarios.reports import ink
from ncco_studio.verify.scenarios.result import DECIDING, Result
from ncco_studio.verify.transcript import Order, decision, heard_by_others, line_of, webhook_line

INDENT: Final = " " * 11
_COLOURS: Final = {
    **dict.fromkeys(("pressed", "spoke"), "green"),
    **dict.fromkeys(("hung up", "ended"), "yellow"),
    **dict.fromkeys(("ringing", "tone", "beep", "joined", "left", "keys", "voice"), "dim"),
}


class News(NamedTuple):
    """A line that is printed once.

    Attributes:
        at: in seconds of the call.
        order: among lines with the same time.
        key: prevents printing the line again.
        entry: its index in the transcript; None if it is not there.
    """

    at: float
    order: int
    key: object
    text: str
    colour: str = ""
    entry: int | None = None


def noted(at: float, order: int, key: object, text: str, colour: str = "dim") -> News:
    return News(at, order, key, printable(f"{INDENT}{text}"), colour)


class Screen:
    """Prints each new line of a call once; `shows` is always printed: `why`, `ncco`, `webhooks`."""

    def __init__(self, shows: Iterable[str]) -> None:
        self._shows = frozenset(shows)
        self._printed: set[object] = set()

    def say(self, text: str, colour: str = "") -> None:
        click.echo(ink(text, colour) if colour else text)

    def say_problem(self, error: AppError, before: str = "") -> None:
        self.say(printable(f"{before}{error}"), "red")
        if error.cure:
            self.say(printable(f"  fix: {error.cure}"))

    def show(self, news: Iterable[News], transcript: Sequence[Heard]) -> None:
        """Print in chronological order."""
        order = Order(transcript)
        for new in sorted(
            news, key=lambda each: (order.index_at(each.at) if each.entry is None else each.entry, each.order)
        ):
            if new.key not in self._printed:
                self._printed.add(new.key)
                self.say(new.text, new.colour)

    def news_of(self, result: Result) -> Iterator[News]:
        for number, heard in enumerate(result.transcript):
            yield News(heard.at, 4, ("heard", number), line_of(heard), _COLOURS.get(heard.kind, ""), number)
        for sent in result.webhooks:
            at = sent.at - result.answered_s
            if "webhooks" in self._shows:
                yield News(at, 1, ("webhook", id(sent)), webhook_line(sent, result.answered_s), "dim")
            if "ncco" in self._shows and sent.ncco is not None:
                yield noted(at, 3, ("ncco", id(sent)), json.dumps(sent.ncco, ensure_ascii=False))
        for number, (at, _, text) in enumerate(self._decisions(result) if "why" in self._shows else ()):
            yield noted(at, 2, ("decision", number), text)

    def show_asked(self, what: str, result: Result) -> None:
        played = [webhook for webhook in result.webhooks if webhook.is_played]
        if what == "ncco":
            for ncco in [webhook.ncco for webhook in result.webhooks if webhook.ncco is not None][-1:]:
                self._show_json(ncco)
        elif what == "why":
            decisions = self._decisions(result)
            last = [text for _, turn, text in decisions if turn == decisions[-1][1]]
            self.say("\n".join(last) or "nothing was decided yet")
        elif what == "webhooks":
            for delivery in result.webhooks:
                self.say(webhook_line(delivery, result.answered_s))
        elif played:
            self._show_webhook(played[-1], result)

    def _show_webhook(self, delivery: WebhookDelivery, result: Result) -> None:
        sent = delivery.attempts[-1].request
        reply = delivery.attempts[-1].response
        self.say(webhook_line(delivery, result.answered_s))
        self._show_json(json.loads(sent.body) if sent.body else dict(parse_qsl(urlsplit(sent.url).query, True)))
        self.say(f"reply {reply.status or reply.failure}:")
        try:
            self._show_json(json.loads(reply.body))
        except ValueError:
            self.say("\n".join(map(printable, reply.body.decode(errors="replace").splitlines())))

    def _show_json(self, value: Any) -> None:
        self.say("\n".join(map(printable, json.dumps(value, indent=2, ensure_ascii=False).splitlines())))

    def _decisions(self, result: Result) -> Sequence[tuple[float, int, str]]:
        """The decisions, with time and turn; or the replies, if the server does not show decisions."""
        if result.records:
            deciding = (line for line in result.decided if line.did in DECIDING)
            return [(line.at, line.turn, decision(line)) for line in deciding]
        return [
            (sent.at - result.answered_s, number, webhook_line(sent, result.answered_s).lstrip())
            for number, sent in enumerate(result.webhooks)
            if sent.is_played
        ]


def faults_of(line: ObservedCall, *, is_local: bool) -> Iterator[News]:
    """What the platform noticed of the server's warnings and errors, and what other parties hear."""
    for delivery in line.vonage.log:
        at = (delivery.attempts[-1].at if delivery.attempts else delivery.at) - line.leg.zero_ms / 1000
        if problem := problem_of(delivery):
            yield noted(at, 1, ("fault", id(delivery)), problem, "red")
        if delivery.is_over and not is_local:
            yield from (noted(at, 1, advice, advice, "yellow") for advice in warnings_of(delivery))
    for other in line.leg.dialled:
        if other.problem:
            yield noted(line.leg.at, 1, ("problem", other.uuid), other.problem, "red")
    for key, heard in heard_by_others(line.leg):
        yield News(heard.at, 5, key, f"{line_of(heard)}  (the called party)", "dim")
