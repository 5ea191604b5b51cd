"""Checks the application at Vonage: its URLs, signing, keys and numbers. Read-only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import httpx

from ncco_server.desk.commands.serve import URLS
from ncco_server.desk.findings import Finding, error, ok, unchecked, warning
from ncco_server.errors import VonageApiError
from ncco_server.flow.model import Flow
from ncco_server.settings import Settings
from ncco_server.vonage.applications import (
    ConfiguredUrl,
    OwnedNumbers,
    VoiceCapability,
    VonageApplication,
)
from ncco_server.vonage.keys import rsa_modulus

_METHODS: Final = {"answer": "GET", "fallback": "GET", "event": "POST"}
"""Source: webhook reference."""


def check_access(missing_access: Collection[str]) -> Iterator[Finding]:
    if missing_access:
        cure = "Set the others in .env, and the secret for this command only: VONAGE_API_SECRET=... ncco doctor"
        yield unchecked(f"the URLs and numbers at Vonage are not checked without {' and '.join(missing_access)}", cure)


def check_application(application: VonageApplication | VonageApiError) -> Finding:
    if isinstance(application, VonageApiError):
        make = error if application.status in (401, 403, 404) else unchecked
        return make(str(application), application.cure, application.setting)
    named = f'the application "{application.name}"'
    voice = application.capabilities.voice
    if voice is None:
        cure = "Switch on Voice in the Vonage dashboard, and enter the URLs that `ncco serve` prints."
        return error(f"{named} has no Voice capability", cure)
    region = f"calls are handled in the region {voice.region}" if voice.region else "no region is chosen"
    return ok(f"{named}: {region}")


def check_numbers(
    numbers: OwnedNumbers | VonageApiError, flows: Collection[Flow], voice: VoiceCapability
) -> Iterator[Finding]:
    if isinstance(numbers, VonageApiError):
        yield unchecked(str(numbers), numbers.cure)
        return
    linked = {number.msisdn for number in numbers.numbers}
    if flows and not any(flow.is_startable for flow in flows):
        answered = f", so calls to {', '.join(sorted(linked))} hear an apology" if linked else ""
        yield ok(f"no flow takes calls{answered}")
        return
    if not linked:
        cure = "Link your number in the Vonage dashboard, on the application's Numbers tab."
        yield error("no number is linked to the application, so no call reaches it", cure)
        return
    taken = {number for flow in flows for number in flow.numbers}
    named = voice.webhooks.answer_url.address.partition("?")[0].rpartition("/")[2]
    takes_all = any(flow.default or flow.name == named for flow in flows)
    if lost := sorted(linked - taken) if flows and not takes_all else []:
        cure = "Add it to a flow's `numbers` or a template's `{# line #}`; or set `default: true` or NCCO_DEFAULT."
        yield error(f"calls to {', '.join(lost)} reach the application, but no flow takes them", cure)
    if numbers.count <= len(linked) and (silent := sorted(taken - linked)):
        cure = "Link it to this application in the Vonage dashboard, or remove it from the flow."
        message = f"a flow takes calls to {', '.join(silent)}, but they are not linked to the application at Vonage"
        yield warning(message, cure)
    if not lost:
        yield ok(f"linked to the application: {', '.join(sorted(linked))}")


def urls_to_change(settings: Settings, voice: VoiceCapability) -> dict[str, str]:
    """The webhook URLs to change, by the API's names, with the new values: this server's, by POST."""
    api_names = {"answer": "answer_url", "fallback": "fallback_answer_url", "event": "event_url"}
    return {
        api_names[name]: wanted
        for name, wanted, url in _urls(settings, voice)
        if not _is_same(name, wanted, url.address) or (url.http_method or _METHODS[name]).upper() != "POST"
    }


def _urls(settings: Settings, voice: VoiceCapability) -> Iterator[tuple[str, str, ConfiguredUrl]]:
    """A webhook's name, its right URL ("" without a public URL), and its present one."""
    urls = voice.webhooks
    configured = (urls.answer_url, urls.fallback_answer_url, urls.event_url)
    for (name, path), url in zip(URLS, configured, strict=True):
        yield name, f"{settings.public_url}{path}" if settings.public_url else "", url


def check_url(settings: Settings, voice: VoiceCapability, name: str) -> Iterator[Finding]:
    """Check whether the URL (`answer`, `fallback` or `event`) is this server's, by POST."""
    wanted, url = next((wanted, url) for each, wanted, url in _urls(settings, voice) if each == name)
    label = f"the {name} URL"
    wrong = warning if name == "fallback" else error
    if not url.address:
        yield wrong(f"{label} is not set at Vonage", f"Enter {wanted or 'it'} in the Vonage dashboard.")
        return
    if not wanted:
        yield unchecked(f"{label} at Vonage is {url.address}; NCCO_PUBLIC_URL is not set")
    elif not _is_same(name, wanted, url.address):
        cure = f"Enter {wanted} in the Vonage dashboard."
        if name == "fallback":
            cure += " It may be right, if it is another host or a static NCCO."
        yield wrong(f"{label} at Vonage is {url.address}", cure)
    elif (method := (url.http_method or _METHODS[name]).upper()) not in ("POST", "GET"):
        yield error(f"{label} is requested with {method}", "Choose POST in the Vonage dashboard.")
    else:
        yield ok(f"{label} at Vonage is {url.address}")


def _is_same(name: str, wanted: str, address: str) -> bool:
    """An answer URL may name a flow, and any URL may have a query."""
    try:
        have, want = httpx.URL(address.strip()), httpx.URL(wanted)
    except httpx.InvalidURL:
        return False
    if (have.scheme, have.host, have.port) != (want.scheme, want.host, want.port):
        return False
    path = have.path.rstrip("/")
    return path == want.path or (name == "answer" and path.rpartition("/")[0] == want.path)


def check_signing(settings: Settings, voice: VoiceCapability) -> Finding:
    if voice.signed_callbacks:
        return ok("Vonage signs the webhooks of the application")
    cure = "Switch on signed webhooks for the application in the Vonage dashboard."
    if voice.signed_callbacks is None:
        return unchecked("Vonage does not say whether it signs the webhooks", cure)
    message = "Vonage does not sign the webhooks of the application"
    if settings.is_signed:
        return error(f"{message}, so this server refuses all of them", cure)
    return warning(message, cure)


def check_key_pair(settings: Settings, public_key: str) -> Iterator[Finding]:
    """Check nothing unless both keys are known."""
    private = settings.private_key.get_secret_value()
    if not (private and public_key):
        return
    try:
        is_pair = rsa_modulus(private) == rsa_modulus(public_key)
    except ValueError:  # another check reports an unusable private key
        return
    if is_pair:
        yield ok("VONAGE_PRIVATE_KEY belongs to the application")
    else:
        cure = "Generate a new key pair for the application in the Vonage dashboard, and keep its private.key."
        yield error("VONAGE_PRIVATE_KEY belongs to another application", cure, "VONAGE_PRIVATE_KEY")
