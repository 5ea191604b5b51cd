"""A stand-in for Vonage's media server on the loopback: it requires a valid token and has scripted behaviour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.application_api import APPLICATION_ID
from tests.support.keys import private_pem, rsa_key
from tests.support.scripted_replies import Answer, next_of
from tests.support.serving_thread import serving_thread

MP3: Final = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" * 2_000
WAV: Final = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(5_000)
OGG: Final = b"OggS\x00\x02" + bytes(5_000)


def key() -> rsa.RSAPrivateKey:
    """The key of the application."""
    return rsa_key()


def pem(private: rsa.RSAPrivateKey | None = None) -> str:
    return private_pem(private or key())


@dataclass(frozen=True, slots=True)
class File(Answer):
    """The answer for a path."""

    body: bytes = MP3
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "audio/mpeg"})


@dataclass(slots=True)
class MediaServer:
    """Sends for each path the next of its files, and repeats the last one.

    Attributes:
        requests: path of each request, in their order.
        tokens: the claims of each valid token.
        refused: why a token was refused.
        headers: of the last request.
    """

    port: int = 0
    files: dict[str, list[Answer]] = field(default_factory=dict)
    default: Answer | None = None
    requests: list[str] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> MediaServer:
        """Forget all files and requests."""
        for seen in (self.files, self.requests, self.tokens, self.refused):
            seen.clear()
        return self

    def put(self, path: str, *files: Answer) -> str:
        """The URL that returns these files one after another."""
        self.files[path] = list(files or (File(),))
        return f"{self.url}{path}"

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        path = scope["path"]
        self.requests.append(path)
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        file: Answer = self.default or File(b"", 404)
        if (reason := self._refusal()) is not None:
            self.refused.append(reason)
            file = File(b'{"type":"UNAUTHORIZED"}', 401, {"content-type": "application/json"})
        elif path in self.files:
            file = next_of(self.files[path])
        await file.send(send)

    def _refusal(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, key().public_key(), algorithms=["RS256"], options={"require": ["exp", "jti"]})
        except jwt.InvalidTokenError as error:
            return str(error)
        if scheme != "Bearer" or claims["application_id"] != APPLICATION_ID or claims["exp"] - claims["iat"] > 900:
            return "wrong claims"
        self.tokens.append(claims)
        return None


@contextmanager
def media_server() -> Iterator[MediaServer]:
    """A media server on any free port."""
    media = MediaServer()
    with serving_thread(media) as media.port:
        yield media
