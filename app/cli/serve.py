"""`ncco serve`: the server."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options
from app.cli.work import hand_over


@click.command(
    "serve",
    short_help="Run the server; prints the URLs to enter at Vonage.",
    epilog="""\b
Examples:
  ncco serve --dev                                       on this machine, without signatures
  NCCO_PUBLIC_URL=https://calls.example.com \\
  VONAGE_SIGNATURE_SECRET=... ncco serve --workers 2     for real calls

Every option is a setting too (NCCO_HOST, NCCO_PORT, ...); an option wins over the environment, the environment
over .env. Exit codes: 0 stopped, 1 the flows have errors and the database
knows no good ones, 2 a setting is wrong or the address is taken.""",
)
@click.option("--dev", is_flag=True, help="Development mode: unsigned webhooks are taken, on loopback only.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve.")
@click.option("--host", help="Address to listen on [NCCO_HOST, else 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [NCCO_PORT, else 8000].")
@options.flows
@options.templates
def command(
    *,
    dev: bool,
    workers: int,
    host: str | None,
    port: int | None,
    flows: Path | None,
    templates: Path | None,
) -> None:
    """Run the server, and print the URLs to enter at Vonage."""
    hand_over("serve", dev=dev, workers=workers, host=host, port=port, flows=flows, templates=templates)
