"""The application's token goes only to Vonage's hosts, whatever URL a webhook names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import httpx
import pytest

from ncco_server.service.media import DownloadFailed, MediaClient
from ncco_server.service.outgoing import new_client
from ncco_server.vonage.application_token import ApplicationTokens
from tests.support.application_api import APPLICATION_ID
from tests.support.cases import each_case
from tests.support.media_server import MP3, pem

PROXY: Final = "https://media.example.com"
ALLOWED: Final = (
    "https://api.nexmo.com/v1/files/1",
    "https://API-EU-1.Nexmo.com:443/v1/files/1",
    "https://media.eu.vonage.com/1",
    "https://media.example.com/1",
    "https://MEDIA.example.com:443/1",
)
FOREIGN: Final = (
    "http://api.nexmo.com/1",
    "https://api.nexmo.com:444/1",
    "https://api.nexmo.com:0/1",
    "https://api.nexmo.com:99999/1",
    "https://api.nexmo.com./1",
    "https://user@api.nexmo.com/1",
    "https://user:password@api.nexmo.com/1",
    "https://api.nexmo.com@evil.example/1",
    "https://api.nexmo.com:443@evil.example/1",
    "https://evil.example\\@api.nexmo.com/1",
    "https://vonage.com/1",
    "https://evilvonage.com/1",
    "https://api.vonage.com.evil.example/1",
    "https://evil.example/.vonage.com",
    "https://evil.example?.vonage.com",
    "https://evil.example#.vonage.com",
    "https://evil.example\\.vonage.com/1",
    "https://evil.example%2f.vonage.com/1",
    "https://evil.example%00.vonage.com/1",
    "https://evil.example%23.vonage.com/1",
    "https://evil.example;.vonage.com/1",
    "https://evil.example .vonage.com/1",
    "https://evil.example\t.vonage.com/1",
    "https://evil.example\r\nHost: api.vonage.com/1",
    "https://evil.example\uff0f.vonage.com/1",
    "https://.vonage.com/1",
    "https://x..vonage.com/1",
    "https://[.vonage.com/1",
    "https://[::1]/1",
    "https://[::1%25.vonage.com]/1",
    "https://[::1].vonage.com/1",
    "https://127.0.0.1/1",
    "https://2130706433/1",
    "https://api.v\u043enage.com/1",
    "https://xn--.vonage.com/1",
    "https://xn--ls8h.vonage.com/1",
    "https://\ud800.vonage.com/1",
    "https://api.vonage.com/\ud800",
    "//api.vonage.com/1",
    "api.vonage.com/1",
    "ftp://api.vonage.com/1",
    "file:///etc/passwd",
    "",
    "\0",
    "https://media.example.com:444/1",
    "http://media.example.com:443/1",
    "https://media.example.com./1",
    "https://user@media.example.com/1",
    "https://media.example.com.evil.example/1",
)


async def take(_: bytes) -> None: ...


async def hosts_asked(url: str) -> list[str]:
    """The hosts that got a token while a file was fetched."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"].startswith("Bearer ey")
        asked.append(request.url.host)
        if len(asked) > 1:
            return httpx.Response(200, content=MP3)
        return httpx.Response(302, headers={"location": "https://evil.example/1"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        media = MediaClient(http, ApplicationTokens(APPLICATION_ID, pem()), PROXY)
        with pytest.raises(DownloadFailed) as failed:
            await media.download(url, 1_000, datetime.now(UTC), take)
    assert "evil" not in f"{failed.value} {failed.value.cure}"
    return asked


@each_case("url", ALLOWED)
async def test_a_host_of_vonage_gets_the_token_and_a_redirect_does_not(url: str) -> None:
    assert [httpx.URL(url).host] == await hosts_asked(url)


@each_case("url", FOREIGN)
async def test_no_other_host_gets_it(url: str) -> None:
    assert [] == await hosts_asked(url)


@each_case("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"])
async def test_a_vonage_name_that_resolves_to_a_private_address_gets_no_token(address: str) -> None:
    http = new_client(resolve=lambda host, port: [address])
    media = MediaClient(http, ApplicationTokens(APPLICATION_ID, pem()))
    with pytest.raises(DownloadFailed, match="has only private or link-local addresses"):
        await media.download("https://api.nexmo.com/v1/files/1", 1_000, datetime.now(UTC), take)
    await http.aclose()
