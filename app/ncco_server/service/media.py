"""Downloads recordings and transcripts from Vonage, with the application's token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, Literal, TypeAlias

import httpx
import orjson

from ncco_server.errors import AppError
from ncco_server.ncco.webhooks import mapping
from ncco_server.service.hook_posts import failure_of_request, retry_after_s
from ncco_server.vonage.application_token import ApplicationTokens, token_url

AUDIO_LIMIT: Final = 512 * 1024 * 1024
"""Our choice: two hours of WAV in two channels."""
TRANSCRIPT_LIMIT: Final = 8 * 1024 * 1024
TEXT_LIMIT: Final = 100_000
"""Our choice: more than two hours of speech."""
STALL_S: Final = 10.0
"""A download or connection fails after this long without data."""
DOWNLOAD_S: Final = 900.0

CHECK_KEY: Final = (
    "check that VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY belong to the application that takes the calls, restart "
    "the server, then `ncco recordings retry`"
)
WAIT: Final = "nothing yet: the server retries; `ncco recordings retry` retries immediately"
NOT_VONAGE: Final = (
    "a simulated call has no recording; for a real one behind a proxy, set NCCO_MEDIA_URL and `ncco recordings retry`"
)

Take: TypeAlias = Callable[[bytes], Awaitable[None]]


class DownloadFailed(AppError):
    """The file is missing, or not ready.

    Attributes:
        state: `waiting`: it may arrive later; `gone` at Vonage; `failed`: it will never arrive.
        wait_s: how long Vonage asks to wait; 0 if it does not.
        sha256: of the discarded response; "" if there was none.
    """

    def __init__(
        self,
        state: Literal["waiting", "failed", "gone"],
        message: str,
        cure: str = WAIT,
        wait_s: float = 0.0,
        sha256: str = "",
    ) -> None:
        super().__init__(message)
        self.state = state
        self.cure = cure
        self.wait_s = wait_s
        self.sha256 = sha256


class MediaClient:
    """Downloads files with the application's token.

    `http` must have no time limit, and must not follow redirects, which could send the token elsewhere. `own_url` is
    the scheme, host and port of a proxy that may get it; "" for none.
    """

    def __init__(self, http: httpx.AsyncClient, tokens: ApplicationTokens, own_url: str = "") -> None:
        self.http = http
        self._tokens = tokens
        self._own_url = own_url

    async def download(self, url: str, limit: int, now: datetime, take: Take) -> None:
        """Raise DownloadFailed, and any error of `take`."""
        try:
            target = token_url(url, self._own_url)
            if target is None:
                raise DownloadFailed("failed", "its address is not Vonage's", NOT_VONAGE)
            async with asyncio.timeout(DOWNLOAD_S):
                await self._download(target, limit, now, take)
        except TimeoutError as error:
            raise DownloadFailed("waiting", f"not finished within {DOWNLOAD_S:g} s") from error
        except httpx.RequestError as error:
            raise DownloadFailed("waiting", failure_of_request(error).problem) from error

    async def _download(self, url: httpx.URL, limit: int, now: datetime, take: Take) -> None:
        headers = {"authorization": f"Bearer {self._tokens.make(now)}", "accept-encoding": "identity"}
        request = self.http.build_request("GET", url, headers=headers)
        answer = await _in_time(self.http.send(request, stream=True))
        size = 0
        try:
            _require_file(answer, now)
            chunks = aiter(answer.aiter_raw())
            while (chunk := await _in_time(anext(chunks, None))) is not None:
                size += len(chunk)
                if size > limit:
                    raise DownloadFailed("failed", f"it is larger than {limit:,} bytes", "listen to it at Vonage")
                await take(chunk)
        except httpx.RemoteProtocolError as error:
            raise DownloadFailed("waiting", f"it broke off after {size:,} bytes") from error
        finally:
            await answer.aclose()


async def _in_time(step: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(STALL_S):
            return await step
    except TimeoutError as error:
        raise DownloadFailed("waiting", f"no answer within {STALL_S:g} s") from error


def _require_file(answer: httpx.Response, now: datetime) -> None:
    status = answer.status_code
    match status:
        case HTTPStatus.OK:
            return
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise DownloadFailed("waiting", f"status {status}: Vonage does not accept the application's key", CHECK_KEY)
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            cure = "nothing: Vonage keeps recordings for a limited time"
            raise DownloadFailed("gone", f"status {status}: Vonage no longer has it", cure)
    if answer.is_redirect:
        cure = "set NCCO_MEDIA_URL if a proxy is in between"
        raise DownloadFailed("waiting", f"status {status}: redirects are not followed", cure)
    raise DownloadFailed("waiting", f"status {status}", wait_s=retry_after_s(answer, now))


def audio_type(beginning: bytes) -> str:
    """Tell the media type from the first bytes. Raises DownloadFailed if they are not audio.

    Source: NCCO reference, Record (format: mp3, wav, ogg).
    """
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE":
        return "audio/wav"
    if beginning[:4] == b"OggS":
        return "audio/ogg"
    if beginning[:3] == b"ID3" or (beginning[:1] == b"\xff" and beginning[1:2] >= b"\xe0"):
        return "audio/mpeg"
    raise DownloadFailed("waiting", "the response is not MP3, WAV or Ogg" if beginning else "the response is empty")


def shortage(beginning: bytes, size: int, announced: int) -> str:
    """Why audio of `size` bytes cannot be complete, or "".

    The webhook `announced` the full size (0: it did not). A WAV file also contains it, or 0 or too much if it was
    written while recording. Source: webhook reference, Record (`size`); RIFF.
    """
    named = 8 + int.from_bytes(beginning[4:8], "little") if beginning[:4] == b"RIFF" else 0
    whole = max(announced, named if named <= AUDIO_LIMIT else 0)
    return f"only {size:,} of {whole:,} bytes arrived" if size < whole else ""


def transcript_text(document: bytes) -> str:
    """One line per channel. Raises DownloadFailed.

    Source: webhook reference, Transcription (`channels[].transcript[].sentence`).
    """
    try:
        channels = mapping(orjson.loads(document)).get("channels")
    except orjson.JSONDecodeError:
        channels = None
    if not isinstance(channels, list):
        raise DownloadFailed("waiting", "the transcript cannot be read")
    lines = []
    for channel in channels:
        said = mapping(channel).get("transcript")
        sentences = [mapping(part).get("sentence") for part in said] if isinstance(said, list) else []
        lines.append(" ".join(text.strip() for text in sentences if isinstance(text, str)))
    return "\n".join(line for line in lines if line)[:TEXT_LIMIT]
