"""`--script` on a server at a URL, in whatever language it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any, Final

from app.cli.jobs.simulating.line import Address, OuterLine, outer_line
from app.cli.jobs.simulating.screen import Screen
from app.cli.jobs.simulating.scripts import Script, show_issues, show_verdict
from app.cli.work import FINE, ISSUES
from app.flow.report import printable
from app.simulator import Request
from app.simulator.payloads import stamp
from app.simulator.requests import encoded
from app.verify.scenarios.caller import Caller, parties_of, scripted_dials
from app.verify.scenarios.checks import check_expectations
from app.verify.scenarios.fitting import ANY_NUMBER
from app.verify.scenarios.model import Disturb, Scenario
from app.verify.scenarios.result import Result

UNSEEN: Final = "a server at a URL does not show hooks and variables, so nobody looks at what is expected of them"


async def play_at(script: Script, address: Address) -> int:
    """Play the script: FINE when it holds. Raises CannotRun."""
    file = script.file
    is_faulty = show_issues(file, file.issues)
    held = [await _play(scenario, address, script) for scenario in script.wanted(file.scenarios)]
    return FINE if all(held) and not is_faulty else ISSUES


async def _play(scenario: Scenario, address: Address, script: Script) -> bool:
    screen = Screen(script.shows)
    screen.say(f"{printable(scenario.name)}  {scenario.place.file}:{scenario.place.line}", "bold")
    seen = replace(scenario.expect, hooks=None, variables={})
    is_hidden = scenario.expect.hooks is not None or bool(scenario.expect.variables)
    facts = replace(scenario.call, to=scenario.call.to or ANY_NUMBER)
    result = Result(replace(scenario, expect=seen, call=facts))
    first = list(takewhile(lambda step: isinstance(step, Disturb), scenario.script))
    faults = [step.fault for step in first if isinstance(step, Disturb)]
    async with outer_line(address, facts, parties_of(scripted_dials(scenario.script)), faults) as line:
        caller = Caller(line.call, result, line.server, line.parties, lambda fields: _tell(line, address, fields))
        await caller.play(scenario.script[len(first) :])
        await line.vonage.run()
        _take(line, result)
        result.notes += (UNSEEN,) if is_hidden else ()
        result.differences += check_expectations(result)
        if result.holds or script.shows:
            await screen.show_news(line)
    return show_verdict(result, str, screen)


def _take(line: OuterLine, result: Result) -> None:
    """What came of the call, as far as the protocol shows it."""
    call = line.call
    result.transcript = call.transcript
    result.called = tuple(other.transcript for other in call.dialled)
    result.seconds = max((heard.at for heard in call.transcript if heard.kind in ("ended", "hung up")), default=0.0)
    result.nccos = tuple(tuple(sent.ncco) for sent in call.log if sent.ncco is not None)
    result.notes = tuple(line.faults)


async def _tell(line: OuterLine, address: Address, fields: Mapping[str, Any]) -> None:
    """Send an event; a server without an event URL is told nothing."""
    if address.event_url:
        call = line.call
        common = {"uuid": call.uuid, "conversation_uuid": call.conversation_uuid, "timestamp": stamp(line.clock.now)}
        body = encoded({**common, **fields})
        await line.server.deliver(Request("POST", address.event_url, {"content-type": "application/json"}, body))
