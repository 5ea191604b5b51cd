"""`ncco test`: plays scenarios against the real server, and says which outcomes they never take."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "test",
    short_help="Play the scenarios of a project, and count the outcomes that they take.",
    epilog="""\b
Examples:
  ncco test                                 every scenario of the project in this folder
  ncco test tests/scenarios/reception.yaml  one file
  ncco test -k "busy sales"                 scenarios with both words in their name or file
  ncco test --min 100                       fail when a flow has an outcome that nobody tries
  ncco test --update                        write what is heard where a scenario leaves it open
  ncco test --graph coverage.mmd            the flows as a drawing, painted with what was taken
  ncco test --chaos 7                       webhooks come late, twice, out of order, and replies get lost
  ncco test --format github                 annotations for GitHub Actions
  ncco test calls.yaml --url https://calls.example.com/answer --event-url https://calls.example.com/event
                                            a server at a URL, in whatever language it is written

Exit codes: 0 all hold, 1 a scenario differs or has a fault, or too few outcomes are taken, 2 nothing can be played.
How scenarios are written tells docs/reference/scenarios.md.""",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "words", default="", metavar="WORDS", help="Only scenarios that hold each of these words.")
@click.option(
    "--min",
    "least",
    type=click.FloatRange(0, 100),
    default=None,
    metavar="PERCENT",
    help="Fail when fewer of a flow's outcomes are taken.",
)
@click.option("--update", is_flag=True, help="Write what is heard where a `hear` has no text.")
@click.option("--live", is_flag=True, help="Ask look-ups that a scenario does not answer, and send hooks, for real.")
@options.chaos
@click.option("--graph", type=click.Path(path_type=Path), default=None, help="Write a drawing: .mmd, or .dot.")
@click.option("--url", default="", help="Play them on the webhook server that answers calls at this URL.")
@options.server
@options.flows
@options.templates
@options.output("text", "json", "github", "junit")
def command(
    *,
    paths: tuple[Path, ...],
    words: str,
    least: float | None,
    update: bool,
    live: bool,
    chaos: int | None,
    graph: Path | None,
    url: str,
    event_url: str,
    fallback_url: str,
    method: str | None,
    signature_secret: str,
    flows: Path | None,
    templates: Path | None,
    form: str,
) -> None:
    """Play scenarios against the real server, in virtual time: no phone rings, and nobody is asked anything.

    With --url they play on any webhook server; what cannot be seen or ordered there is said.

    PATHS are project folders (with a folder of flows), scenario files, or folders of them; without any, the
    scenarios of the project in this folder, which are in tests/scenarios or scenarios.
    """
    hand_over(
        "test",
        paths=paths,
        words=words,
        least=least,
        update=update,
        live=live,
        chaos=chaos,
        graph=graph,
        url=url,
        event_url=event_url,
        fallback_url=fallback_url,
        method=method,
        signature_secret=signature_secret,
        flows=flows,
        templates=templates,
        form=form,
    )
