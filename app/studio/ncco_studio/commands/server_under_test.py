"""The server of simulated calls: the real one in this process, or one at a URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from ncco_server.desk import options
from ncco_server.desk.environment import server_settings, variables
from ncco_server.desk.output import CannotRun
from ncco_server.flow.model import Project
from ncco_studio.commands.scenario_files import first_numbers
from ncco_studio.simulator.delivery import Application
from ncco_studio.verify.scenarios.stage import LocalStage, PathOf, RemoteStage


def local_stage(project: Project, path_of: PathOf, *, chaos: int | None) -> LocalStage:
    """`path_of` is as in `LocalStage`. Raises CannotRun, SettingsError."""
    return LocalStage(project, server_settings().dial_allow, chaos=chaos, path_of=path_of)


def is_url(what: str | None) -> bool:
    return what is not None and what.lower().startswith(("http://", "https://"))


def remote_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command receives the options for a server at a URL as `**remote`."""
    url = partial(click.option, default="", callback=options.read_url)
    found = (
        url("--event-url", help="For a server at a URL: its event URL [none]."),
        url("--fallback-url", help="For a server at a URL: its fallback URL [none]."),
        url(
            "--public-url",
            help="For a server at a URL: the base URL that it writes into its NCCOs, if it runs elsewhere; webhooks "
            "for it go to the host and port of URL [none].",
        ),
        click.option(
            "--method",
            type=click.Choice(("GET", "POST"), case_sensitive=False),
            metavar="[GET|POST]",
            help="For a server at a URL: the HTTP method of its answer and fallback URL [GET].",
        ),
        click.option(
            "--signature-secret",
            default="",
            help="For a server at a URL: the secret that signs webhooks [VONAGE_SIGNATURE_SECRET, else none].",
        ),
    )
    for option in reversed(found):
        command = option(command)
    return command


def remote_stage(
    answer_url: str, remote: Mapping[str, Any], *, chaos: int | None, scenarios: Iterable[Path] = ()
) -> RemoteStage:
    """Sign webhooks with the secret in the environment, if there is one.

    A scenario that names a project's flow calls its number. The default method is GET.
    """
    known = variables()
    secrets = ("VONAGE_SIGNATURE_SECRET", "VONAGE_API_SIGNATURE_SECRET")
    application = Application(
        answer_url,
        remote["event_url"],
        remote["fallback_url"],
        answer_method=remote["method"] or "GET",
        signature_secret=remote["signature_secret"] or next((known[name] for name in secrets if known.get(name)), ""),
        api_key=known.get("VONAGE_API_KEY", ""),
        application_id=known.get("VONAGE_APPLICATION_ID", ""),
    )
    numbers = first_numbers(scenarios)
    return RemoteStage(application, chaos=chaos, numbers=numbers, public_url=remote["public_url"])


def refuse_remote(remote: Mapping[str, Any]) -> None:
    """Raise CannotRun if options for a server at a URL are given with a project."""
    for name in (name for name, value in remote.items() if value):
        cure = "leave it out, or give the answer URL instead of a flow"
        raise CannotRun(f"--{name.replace('_', '-')} only applies to a server at a URL", cure)
