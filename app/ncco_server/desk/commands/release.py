"""`ncco release`: confirms that the flows no longer have numbers or flows that callers can reach."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ncco_server.desk.database import asynchronous, server_store
from ncco_server.desk.environment import server_settings
from ncco_server.desk.output import FINE
from ncco_server.desk.project import Source
from ncco_server.service.released import RELEASED, lost_columns, released_project, released_row, removals


@click.command(
    "release",
    epilog="""\b
Examples:
  ncco release                             in the server's folder, with its settings
  docker compose exec ncco ncco release    in its container

If a number, flow or default that callers can reach disappears, or a table changes so that its rows would lose a column
or their key, servers refuse to load the flows, because a file may be missing by accident. This command confirms the
change for all servers with this database and these files. They load the
flows within a second, or at their next start if NCCO_RELOAD is 0. Exit codes: 0 confirmed, or there is nothing to
confirm, 1 the flows have errors, 2 no database can be used.""",
)
@asynchronous
async def command() -> int:
    """Confirm that the flows on disk remove numbers or flows that callers can reach now."""
    settings = server_settings()
    project = Source.of(settings).load_sound(settings.flow_env).project
    async with server_store() as store:
        row = await store.revision(RELEASED)
        served = row and released_project(row, project, settings.python_flows, settings.default)
        removed = (*removals(served, project), *await lost_columns(store, served, project)) if served else ()
        if removed:
            await store.replace_revision(released_row(project, datetime.now(UTC)))
    for place, message in removed:
        click.echo(f"{place.file}:{place.line}: {message}")
    click.echo("confirmed" if removed else "nothing to confirm: callers can still reach everything")
    return FINE
