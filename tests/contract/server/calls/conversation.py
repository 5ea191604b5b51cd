"""One conversation with the server: webhooks go to it, and replies come back with names in place of callback URLs."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import ChainMap, Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import jwt

from tests.contract.server.calls.cases import Exchange
from tests.support.server import PUBLIC_URL

REPEATS: Final = 3
"""How often a webhook that was answered too late is sent again."""
CALLBACK: Final = re.compile(re.escape(PUBLIC_URL) + r"/webhooks/(input|event|notify|onanswer)/[^/\"\\?\s]+")
NAME: Final = re.compile(r"<(?:input|event|notify|onanswer)(?::\d+)?>")
MASK: Final = re.compile(r"secret:[0-9a-f]{16}")
"""What is written in place of a sensitive value; its digits depend on the call and the key."""
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|\+00:00)")
FACTS: Final = {"to": "442079460000", "from": "447700900123", "uuid": "{call}", "conversation_uuid": "CON-{call}"}
"""What every webhook holds unless its exchange says something else; null leaves a field out."""


@dataclass(frozen=True)
class Reply:
    """What the server replied to one webhook.

    Attributes:
        ncco: the NCCO with names for what differs from run to run; None: an empty body, or an error.
        body: the bytes as they came.
    """

    status: int
    ncco: Any
    body: bytes


class Conversation:
    """The webhooks of one case.

    The callback URLs of a reply are named by their kind: `<input>`, `<event>`, a second one `<event:2>`. A webhook goes
    to the URL that had this name last, or in the reply to the exchange `of`. `{call}` is the uuid of the caller's leg,
    `{stand_in}` the address of the stand-in; both are put into what is sent, and taken out of what comes.

    Args:
        client: of the server. names: what else has a name in braces, such as `call`.
    """

    def __init__(self, client: httpx.Client, names: Mapping[str, str]) -> None:
        self.client = client
        self._names = names
        self._sent: list[httpx.Request] = []
        self._urls: list[dict[str, str]] = [{}]

    def send(self, exchange: Exchange) -> Reply:
        """Send the webhook of an exchange, and again if a busy machine answers too late, as Vonage does."""
        request = self._sent[exchange.again - 1] if exchange.again else self._request(exchange)
        response = self.client.send(request)
        for _ in range(REPEATS):
            if response.headers.get("ncco-failure") != "late":
                break
            response = self.client.send(request)
        urls = {name: url for url, name in callback_names(response.text).items()}
        self._sent.append(request)
        self._urls.append(urls)
        if response.content:
            assert "application/json" == response.headers["content-type"], response.headers
        is_ncco = response.is_success and response.content
        return Reply(response.status_code, self.plain(response.json()) if is_ncco else None, response.content)

    def named(self, text: str) -> str:
        """A text with names in place of values that differ from run to run."""
        for url, name in callback_names(text).items():
            text = text.replace(url, name)
        for name, value in self._names.items():
            text = text.replace(value, f"{{{name}}}")
        return TIME.sub("<time>", MASK.sub("<secret>", text))

    def plain(self, document: Any) -> Any:
        """A JSON document with names in place of values that differ from run to run."""
        return json.loads(self.named(json.dumps(document)))

    def _request(self, exchange: Exchange) -> httpx.Request:
        urls = self._urls[exchange.of] if exchange.of else ChainMap(*reversed(self._urls))
        path = urls[exchange.send] if exchange.send.startswith("<") else f"/webhooks/{exchange.send}"
        fields = self._filled({**FACTS, **exchange.fields}, urls)
        headers = {"Content-Type": "application/json", **exchange.headers}
        body = hashed = json.dumps(fields).encode() if exchange.body is None else exchange.body.encode()
        if exchange.method == "GET":
            query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
            path, body = f"{path}{'&' if '?' in path else '?'}{urlencode(query)}", b""
            hashed = json.dumps(query, separators=(",", ":")).encode()
        if exchange.signed is not None:
            headers["Authorization"] = f"Bearer {token(exchange.signed, hashed)}"
        return self.client.build_request(exchange.method, path.removeprefix(PUBLIC_URL), content=body, headers=headers)

    def _filled(self, fields: Mapping[str, Any], urls: Mapping[str, str]) -> Any:
        """Fields with the values of the names in them, without those that are null."""
        text = json.dumps({name: value for name, value in fields.items() if value is not None})
        for name, value in self._names.items():
            text = text.replace(f"{{{name}}}", value)
        return json.loads(NAME.sub(lambda found: urls[found[0]], text))


def callback_names(text: str) -> dict[str, str]:
    """The callback URLs in a reply, each with its name."""
    names: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for found in CALLBACK.finditer(text):
        if found[0] not in names:
            counted[found[1]] += 1
            number = counted[found[1]]
            names[found[0]] = f"<{found[1]}>" if number == 1 else f"<{found[1]}:{number}>"
    return names


def token(signed: Mapping[str, Any], payload: bytes) -> str:
    """The token of a signed webhook; `signed` contains `secret`, claims that differ, and `age_s`.

    Source: webhook signing (signed callbacks).
    """
    claims = {
        "iss": "Vonage",
        "iat": int(time.time()) - signed.get("age_s", 0),
        "jti": "0f7e1c4a",
        "api_key": "abcd1234",
        "application_id": "5f3c1e0a-7b2d-4c6e-9a81-0d4f6b2c8e17",
        "payload_hash": hashlib.sha256(payload).hexdigest(),
    }
    different = {name: value for name, value in signed.items() if name not in ("secret", "age_s")}
    return jwt.encode(claims | different, signed["secret"], algorithm="HS256")
