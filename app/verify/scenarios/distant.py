"""Where scenarios are played on a server at a URL: any webhook server, in whatever language it is written."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import httpx

from app.errors import AppError
from app.flow.model import Flow
from app.simulator import Application, Durations, HttpServer, PhoneCall, VirtualClock, Vonage
from app.verify.scenarios.bounds import DECIDED
from app.verify.scenarios.caller import Caller
from app.verify.scenarios.checks import how_ended
from app.verify.scenarios.complaints import advice_of, complaints
from app.verify.scenarios.dialled import parties_of, scripted_dials
from app.verify.scenarios.faults import FaultyServer
from app.verify.scenarios.fitting import ANY_NUMBER
from app.verify.scenarios.model import AT, Disturb, Event, Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.result import Result
from app.verify.scenarios.stage import call_facts, chaos_of, first_faults

SHOWS_NOT: Final = "a server at a URL does not show it"
ASKS_ITSELF: Final = "the server asks whom it asks"
OWN_SETTINGS: Final = "the server has its own"


class NoServer(AppError):
    """Nobody listens at the answer URL.

    Attributes:
        url: which it is.
    """

    def __init__(self, url: str) -> None:
        super().__init__(f"there is no server at {url}")
        self.url = url


class DistantStage:
    """Plays scenarios on a server at a URL, over HTTP. What cannot be told it or seen of it is `Result.unjudged`.

    Each call has ids of its own, since such a server may remember calls.

    Args:
        application: its URLs, and how webhooks are signed.
        chaos: as in `Stage`.
        transport: of httpx, for tests; None: the network.
        numbers: the number of each flow, where the project of the scenarios is at hand: one that names a flow calls it.
    """

    flows: tuple[Flow, ...] = ()

    def __init__(
        self,
        application: Application,
        *,
        chaos: int | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        numbers: Mapping[str, str] | None = None,
    ) -> None:
        self._application = application
        self._numbers = numbers or {}
        self._chaos = chaos
        self._transport = transport

    def fit(self, scenario: Scenario, _: Reader) -> Scenario:
        """The scenario with a number to call; nothing more is known of what the server has."""
        to = scenario.call.to or self._numbers.get(scenario.call.flow, ANY_NUMBER)
        return replace(scenario, call=replace(scenario.call, to=to))

    async def play(self, scenario: Scenario) -> Result:
        """Play one scenario from ringing to the last webhook. Raises NoServer."""
        began = time.perf_counter()
        luck = chaos_of(self._chaos, scenario)
        kept = {name: bound for name, bound in scenario.expect.without.items() if name not in DECIDED}
        seen = replace(
            scenario.expect, without=kept, hooks=None, variables={}, seconds=None if luck else scenario.expect.seconds
        )
        result = Result(replace(scenario, expect=seen))
        clock, parties = VirtualClock(scenario.call.at), parties_of(scripted_dials(scenario.script))
        async with HttpServer(transport=self._transport) as http:
            platform = FaultyServer(http)
            platform.ordered += first_faults(scenario)
            lasting = Durations(scenario.streams)
            seed = secrets.token_hex(16)
            vonage = Vonage(self._application, platform, clock, parties, durations=lasting, chaos=luck, seed=seed)
            call = await vonage.call(**call_facts(scenario.call, ()))
            require_reached(call)
            caller = Caller(call, result, platform, parties)
            await caller.play(scenario.script[len(first_faults(scenario)) :])
            await vonage.run()
        result.take(call, clock)
        advice = dict.fromkeys(told for sent in call.log for told in advice_of(sent))
        result.notes = (*complaints(call), *advice, *self._missing(scenario))
        result.unjudged = tuple(self._unjudged(scenario, result))
        if scenario.expect.end == "failsafe" and how_ended(result) != "failsafe":
            result.scenario = replace(result.scenario, expect=replace(seen, end=None))
        result.took_s = time.perf_counter() - began
        return result

    def _missing(self, scenario: Scenario) -> Iterator[str]:
        if not self._application.fallback_url and any(isinstance(step, Disturb) for step in scenario.script):
            yield "without --fallback-url nothing mends the `fault` of this scenario"

    def _unjudged(self, scenario: Scenario, result: Result) -> Iterator[str]:
        """What a scenario says that nobody looks at here, or that the server is not told; why."""
        call, expect = scenario.call, scenario.expect
        said = {
            f"given ({ASKS_ITSELF})": scenario.given,
            f"env ({OWN_SETTINGS})": scenario.env,
            f"dial_allow ({OWN_SETTINGS})": scenario.dial_allow is not None,
            "flow (the answer URL says which)": call.flow and self._numbers.get(call.flow) != call.to,
            "at (the server goes by its own clock)": call.at != AT,
            f"expect.hooks ({SHOWS_NOT})": expect.hooks is not None,
            f"expect.variables ({SHOWS_NOT})": expect.variables,
            f"expect.without of what only a flow shows ({SHOWS_NOT})": DECIDED & expect.without.keys(),
            f"expect.end: failsafe ({SHOWS_NOT})": expect.end == "failsafe" and how_ended(result) != "failsafe",
            "event (no --event-url was given)": not self._application.event_url
            and any(isinstance(step, Event) for step in scenario.script),
        }
        yield from (what for what, is_said in said.items() if is_said)


def require_reached(call: PhoneCall) -> None:
    """Raises NoServer when nobody listens where the call should be answered."""
    attempts = [attempt for delivery in call.log if delivery.kind == "answer" for attempt in delivery.attempts]
    failures = {attempt.response.failure for attempt in attempts}
    if not call.is_answered and failures <= {"closed", "connect timeout"}:
        raise NoServer(attempts[0].request.url.partition("?")[0])
