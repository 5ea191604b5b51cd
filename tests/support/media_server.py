"""A stand-in for Vonage's media server on the loopback: it requires a valid token and has scripted behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.application_api import APPLICATION_ID
from tests.support.keys import private_pem, rsa_key
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
class File:
    """The reply for a path: sent after `after_s`, in `pieces` with `every_s` between them.

    With `dies` the connection is closed before the last piece.
    """

    body: bytes = MP3
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "audio/mpeg"
    after_s: float = 0.0
    pieces: int = 1
    every_s: float = 0.0
    dies: bool = False


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
    files: dict[str, list[File]] = field(default_factory=dict)
    default: File | None = None
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

    def put(self, path: str, *files: File) -> str:
        """The URL that returns these files one after another."""
        self.files[path] = list(files or (File(),))
        return f"{self.url}{path}"

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        path = scope["path"]
        self.requests.append(path)
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        left = self.files.get(path)
        if (reason := self._refusal()) is not None:
            self.refused.append(reason)
            file = File(b'{"type":"UNAUTHORIZED"}', 401, content_type="application/json")
        elif left is None:
            file = self.default or File(b"", 404)
        else:
            file = left.pop(0) if len(left) > 1 else left[0]
        await _send(file, send)

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


async def _send(file: File, send: Callable[[Any], Awaitable[None]]) -> None:
    await asyncio.sleep(file.after_s)
    given = {"content-type": file.content_type, **file.headers}
    if file.dies:
        given["content-length"] = str(len(file.body))
    headers = [(name.encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": file.status, "headers": headers})
    length = -(-len(file.body) // file.pieces)
    pieces = [file.body[at : at + length] for at in range(0, len(file.body), length or 1)]
    if file.dies:
        await send({"type": "http.response.body", "body": b"".join(pieces)[:-1], "more_body": True})
        raise ConnectionError("as it was told")
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(file.every_s)
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def media_server() -> Iterator[MediaServer]:
    """A media server on any free port."""
    media = MediaServer()
    with serving_thread(media) as media.port:
        yield media
