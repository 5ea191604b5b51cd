"""`ncco simulate`: plays a call, event by event, and prints what the caller hears."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from ncco_server.desk import options
from ncco_server.desk.output import FINE, ISSUES, CannotRun
from ncco_server.desk.project import flow_named, flow_of_file, source_of
from ncco_studio.commands.server_under_test import is_url, local_stage, refuse_remote, remote_options, remote_stage
from ncco_studio.verify.scenarios.files import ScenarioFile
from ncco_studio.verify.scenarios.model import read_scenarios
from ncco_studio.verify.scenarios.reports import as_text, transcript_lines
from ncco_studio.verify.scenarios.runner import run_suite
from ncco_studio.verify.scenarios.script import AGENT_ACTS, OUTCOMES
from ncco_studio.verify.scenarios.stage import Stage

FILE: Final = "event"  # of the scenario: the number of an event is its line


def _called_at(context: click.Context, parameter: click.Parameter, what: str | None) -> str | None:
    return options.read_url(context, parameter, what) if what is not None and is_url(what) else what


def _steps(_: click.Context, __: click.Parameter, events: Sequence[str]) -> list[str]:
    """The script of a scenario. Raises BadParameter."""
    steps: list[str] = []
    for event in events:
        verb, _space, words = event.partition(" ")
        if re.fullmatch(r"[0-9*#]+", event):
            steps.append(f'press: "{event}"')
        elif event in OUTCOMES:
            steps.append(f"dial: {event}")
        elif event in AGENT_ACTS:
            steps.append(f"agent: {event}")
        elif verb == "hands" and words:
            steps.append(f"agent: {json.dumps({'hands': words})}")
        elif event in ("silence", "hangup"):
            steps.append(event)
        elif verb == "says" and words:
            steps.append(f"speak: {json.dumps(words)}")
        else:
            agent = f'what an agent does ("hands OUTCOME", {", ".join(AGENT_ACTS)})'
            cure = f'write keys, "says WORDS", silence, hangup, {agent}, or the result of a dial: {", ".join(OUTCOMES)}'
            raise click.BadParameter(f"{event!r} is not an event of a call; {cure}")
    return steps


@click.command(
    "simulate",
    epilog="""\b
Examples:
  ncco simulate shop 2 "says sales" busy                       keys, words, and a called party who is busy
  ncco simulate shop --given 'customer={name: Ann}'            with the answer of a lookup
  ncco simulate reminder busy answered 1 --given name=Ada      the server calls, twice
  ncco simulate https://calls.example.com/answer 1 --event-url https://calls.example.com/event

Events: keys, "says WORDS", silence, hangup, the result of a dial, and what an agent does: "hands OUTCOME", closes,
silent, "hangs up" or unreachable. After the last one, the caller hangs up at the next question. The call is on a
Wednesday morning, in virtual time. For all else, write a scenario.
Exit codes: 0 the call was played, 1 an event does not fit, or server or flows have an error, 2 nothing is called.""",
)
@click.argument("what", required=False, metavar="[FLOW|PROJECT|URL]", callback=_called_at)
@click.argument("steps", nargs=-1, metavar="[EVENT]...", callback=_steps)
@click.option(
    "--given",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.named_values(),
    help="The answer of a lookup as in a scenario, or a param of the flow or template; can be repeated.",
)
@remote_options
@options.flows
@options.templates
def command(
    what: str | None,
    steps: list[str],
    given: Mapping[str, str],
    flows: Path | None,
    templates: Path | None,
    **remote: Any,
) -> int:
    """Play a call to a flow, or to any webhook server, and print what is heard and done.

    The server places the call if the flow has `outbound`. No lookup is made, and no hook is sent.
    """
    call: dict[str, Any] = {}
    params: Collection[str] = ()
    if is_url(what):
        stage: Stage = remote_stage(what or "", remote, chaos=None)
    else:
        refuse_remote(remote)
        source, name = source_of(what, flows, templates)
        loaded = source.load_flow(name)
        if name := name or flow_of_file(loaded):
            flow = flow_named(name, loaded.project.flows)
            params = given if flow.is_line else flow.params
            taken = {each: given[each] for each in given if each in params}
            call = {"flow": name, "query": taken} if flow.outbound is None else {"place": name, "with": taken}
        stage = local_stage(loaded.project, source.path_of, chaos=None)
    answers = ", ".join(f"{json.dumps(each)}: {given[each]}" for each in given if each not in params)
    lines = ",\n".join(steps)
    fields = "".join(f"{json.dumps(word)}: {json.dumps(value)}, " for word, value in call.items())
    text = f'{{"the call": {{{fields}"script": [{lines}], "given": {{{answers}}}}}}}'
    scenarios, issues = read_scenarios(FILE, text)
    file = ScenarioFile(Path(FILE), FILE, text, scenarios, tuple(issues))

    async def run() -> int:
        suite = await run_suite(stage, [file])
        for issue in (each for each in suite.issues if each.is_error):
            raise CannotRun(issue.message, issue.cure)
        [result] = suite.results
        shown = transcript_lines(result) + [f"note: {note}" for note in result.notes]
        click.echo("\n".join(shown) if result.holds else as_text(result))
        return FINE if result.holds and result.ended != "failsafe" else ISSUES

    return asyncio.run(run())
