"""`ncco agent`: calls a bot at a websocket as Vonage does, and reports what a caller would have met."""

from __future__ import annotations

import asyncio
import json
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from socket import create_server
from typing import Any, Final

import click
from fastapi import FastAPI, Request, Response
from uvicorn import Config

from ncco_server.desk import options
from ncco_server.desk.output import FINE, ISSUES, CannotRun
from ncco_server.terminal import printable
from ncco_server.web.webhook_http import read_json
from ncco_server.wording import counted
from ncco_studio.simulator.rest.server import PartOfAProcess
from ncco_studio.simulator.sockets import FRAME_S, NotOpened, SocketPlayer, frame_size

HOST: Final = "127.0.0.1"
PATH: Final = "/webhooks/agent/token"
OPENS_S: Final = 10.0
FIRST_KEY_S: Final = 3.0
BETWEEN_KEYS_S: Final = 1.0
CLOSES_WITHIN_S: Final = 5.0
"""After the reply to the hand-back. Our choice."""
SHOWN_CHARACTERS: Final = 200


@click.command(
    "agent",
    epilog="""\b
Examples:
  ncco agent ws://127.0.0.1:8080/calls                          silence, until the bot closes
  ncco agent ws://127.0.0.1:8080/calls --press 2 --limit 30     a key after 3 seconds
  ncco agent ws://127.0.0.1:8080/calls --audio hello.wav --with customer=4711

The caller sends silence, or the WAV file first: 16 bits, one channel, at --rate. The bot gets a hand-back URL on this
machine. Exit codes: 0 the bot spoke, handed back and closed, 1 it did not, or sent wrong frames, or speech that nobody
heard, 2 an option is wrong.""",
)
@click.argument("uri")
@click.option(
    "--with",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.named_values(),
    help="What the bot gets in its first message; can be repeated.",
)
@click.option("--press", "keys", default="", metavar="KEYS", help="Keys of the caller, the first after 3 seconds.")
@click.option("--audio", type=click.Path(path_type=Path), metavar="WAV", help="What the caller says.")
@click.option(
    "--rate",
    type=click.Choice(["8000", "16000", "24000"]),
    default="16000",
    show_default=True,
    help="Samples per second.",
)
@click.option("--authorization", default="", metavar="VALUE", help="The header of the handshake.")
@click.option("--limit", type=click.IntRange(1, 7200), default=60, show_default=True, help="Seconds until the end.")
def command(
    *, uri: str, given: Mapping[str, str], keys: str, audio: Path | None, rate: str, authorization: str, limit: int
) -> int:
    """Call the bot at URI as Vonage does, and report what a caller would have met."""
    endpoint = {"uri": uri, "content-type": f"audio/l16;rate={rate}", "authorization": {"value": authorization}}
    frames = _frames(audio, int(rate)) if audio is not None else []
    return asyncio.run(_Call(endpoint, given, limit).run(keys, frames))


def _frames(file: Path, rate: int) -> list[bytes]:
    """The last one is filled up with silence. Raises CannotRun."""
    size = frame_size(f"rate={rate}")
    try:
        with wave.open(str(file), "rb") as opened:
            form = opened.getsampwidth(), opened.getnchannels(), opened.getframerate()
            data = opened.readframes(opened.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise CannotRun(f"{file} cannot be read as WAV: {error}", "name another file") from error
    if form != (2, 1, rate):
        raise CannotRun(f"{file} has another format", f"convert it to 16 bits, 1 channel and {rate} samples per second")
    return [data[begin : begin + size].ljust(size, b"\0") for begin in range(0, len(data), size)]


class _Call:
    """One call to the bot, with the server to which it hands back."""

    def __init__(self, endpoint: Mapping[str, Any], given: Mapping[str, str], limit: int) -> None:
        self._endpoint = endpoint
        self._given = given
        self._limit = limit
        self.handed: Any = None
        self._has_handed = asyncio.Event()
        self._player: SocketPlayer | None = None

    async def run(self, keys: str, frames: list[bytes]) -> int:
        async with self._serving() as hand_back:
            headers = {**self._given, "hand_back": hand_back, "limit": self._limit}
            player = SocketPlayer(
                {**self._endpoint, "headers": headers},
                audio=frames,
                heard=self._heard,
                tell=self._received,
            )
            self._player = player
            try:
                connection = await player.open(OPENS_S)
            except NotOpened as error:
                click.echo(f"error: the websocket cannot be opened: {printable(str(error))}")
                return ISSUES
            self._say("opened", f"{self._endpoint['content-type']}, {', '.join(headers)}")
            helpers = [asyncio.create_task(each) for each in (self._press(player, keys), self._end(player))]
            try:
                await player.talk(connection)
            finally:
                for helper in helpers:
                    helper.cancel()
            code = "" if player.close_code is None else f"code {player.close_code}"
            self._say("hung up" if player.is_hung_up else "closed", "by the caller" if player.is_hung_up else code)
        return self._report(player)

    async def _press(self, player: SocketPlayer, keys: str) -> None:
        await asyncio.sleep(FIRST_KEY_S)
        for key in keys:
            self._say("key", key)
            player.press(key)
            await asyncio.sleep(BETWEEN_KEYS_S)

    async def _end(self, player: SocketPlayer) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limit):
                await self._has_handed.wait()
                await asyncio.sleep(CLOSES_WITHIN_S)
        player.hang_up()

    async def _heard(self, seconds: float) -> None:
        self._say("heard", f"{seconds:.1f} s of speech")

    async def _received(self, message: str) -> None:
        self._say("received", message)

    def _say(self, what: str, text: str) -> None:
        at = self._player.at if self._player is not None else 0.0
        click.echo(f"{at:7.1f} s  {what:<12}{printable(text[:SHOWN_CHARACTERS])}".rstrip())

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[str]:
        """The server that the bot reports to; yields its hand-back URL."""
        app = FastAPI()
        app.post(PATH)(self._hand_back)
        app.post(f"{PATH}/said")(self._said)
        listener = create_server((HOST, 0))
        server = PartOfAProcess(Config(app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}{PATH}"
        finally:
            server.should_exit = True
            await serving

    async def _hand_back(self, request: Request) -> Response:
        """As a server of calls, except that it knows no outcomes and types."""
        body, problem = read_json(await request.body())
        is_known = isinstance(body.get("outcome"), str) and not body.keys() - {"outcome", "values"}
        if not is_known or not isinstance(body.get("values"), dict | None):
            status = 422
        else:
            status = 204 if self.handed in (None, body) else 409
        self._say("handed back", f"{problem or _json(body)}{'' if status == 204 else f' refused: {status}'}")
        if status == 204:
            self.handed = body
            self._has_handed.set()
        return Response(status_code=status)

    async def _said(self, request: Request) -> Response:
        body, problem = read_json(await request.body())
        self._say("said", problem or _json(body))
        return Response(status_code=204)

    def _report(self, player: SocketPlayer) -> int:
        playout = player.playout
        sizes = ", ".join(f"{count:,} of {size:,} bytes" for size, count in sorted(playout.sizes.items()))
        gaps = f"; {counted(len(playout.gaps), 'gap')} of up to {max(playout.gaps):.2f} s" if playout.gaps else ""
        first = "no sound" if playout.first_s is None else f"{playout.first_s:.1f} s until the first sound"
        click.echo(f"\nframes       {sizes or 'none'}{gaps}")
        click.echo(f"a caller     {first}, {playout.heard_s:.1f} s of speech")
        click.echo(f"handed back  {'nothing' if self.handed is None else printable(_json(self.handed))}")
        problems = list(self._problems(player))
        for problem in problems:
            click.echo(f"error: {problem}")
        return ISSUES if problems else FINE

    def _problems(self, player: SocketPlayer) -> Iterator[str]:
        playout = player.playout
        due = playout.frame_bytes
        if playout.first_s is None:
            yield "the bot never spoke"
        wrong = sorted(size for size in playout.sizes if size != due)
        if wrong:
            yield f"{', '.join(f'{size:,}' for size in wrong)}-byte frames where {due:,} are due"
        if playout.unheard_s >= FRAME_S:
            yield f"{playout.unheard_s:.1f} s of speech that nobody heard"
        if self.handed is None:
            yield f"the bot {'did not hand' if player.is_hung_up else 'closed without handing'} back"
        if player.is_hung_up:
            yield f"the bot did not close {f'within {self._limit} s' if self.handed is None else 'after its hand-back'}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
