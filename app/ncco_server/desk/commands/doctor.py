"""`ncco doctor`: checks that everything is ready for real calls."""

from __future__ import annotations

import asyncio

import click

from ncco_server.desk import options
from ncco_server.desk.checks import Surroundings, findings_of
from ncco_server.desk.findings import Finding, count_of, print_findings, unchecked
from ncco_server.desk.machine_checks import settings_findings
from ncco_server.desk.network_checks import checking_client
from ncco_server.desk.output import FINE, ISSUES
from ncco_server.errors import SettingsError
from ncco_server.settings import load_settings
from ncco_server.settings.values import read_mail_address


def _read_address(_: click.Context, __: click.Parameter, text: str | None) -> str:
    try:
        return read_mail_address(text or "")
    except ValueError:
        raise click.BadParameter(f"{text} is not a single email address, such as office@example.com") from None


@click.command(
    "doctor",
    epilog="""\b
Examples:
  ncco doctor                              settings, flows, database, public URL
  VONAGE_API_SECRET=... ncco doctor        also checks the configuration at Vonage
  ncco doctor --mail-to you@example.com    the same, and sends a test email
  ncco doctor --offline --format json      only this machine and its database, for a script

It changes nothing here or at Vonage, but it writes an object to the bucket of recordings and removes it again. Run it
in the server's folder, as the server's user, while the server is running. Exit codes: 0 no errors (there may be
warnings), 1 errors, 2 it cannot run.""",
)
@options.output("text", "json")
@click.option("--offline", is_flag=True, help="Check only this machine and the database.")
@click.option("--mail-to", callback=_read_address, help="Send a test email to this address.")
def command(form: str, *, offline: bool, mail_to: str) -> int:
    """Check everything that real calls need: settings, secrets, flows, database, public URL, and the URLs at Vonage."""
    if offline and mail_to:
        raise click.UsageError("--offline sends no email; leave out one of the two")
    findings = asyncio.run(_findings(is_offline=offline, mail_to=mail_to))
    print_findings(findings, form)
    return ISSUES if count_of(findings, "error") else FINE


async def _findings(*, is_offline: bool, mail_to: str) -> list[Finding]:
    try:
        settings = load_settings()
    except SettingsError as fault:
        left_out = unchecked("nothing else can be checked until the settings are right", check="others")
        return [*settings_findings(fault), left_out]
    async with checking_client() as client:
        return await findings_of(Surroundings(settings, client, is_offline, mail_to))
