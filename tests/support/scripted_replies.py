"""HTTP servers on the loopback with scripted replies: what they send, and a receiver of hooks that records requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.server import free_port
from tests.support.serving_thread import serving_thread
from tests.support.waiting import happens


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent after `after_s`, in `pieces` with `every_s` between them.

    With `dies` the connection is closed before the last piece.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    pieces: int = 1
    every_s: float = 0.0
    dies: bool = False

    async def send(self, send: Callable[[Any], Awaitable[None]]) -> None:
        """Send it as the answer to a request. Raises ConnectionError if it dies."""
        await asyncio.sleep(self.after_s)
        given = {"content-length": str(len(self.body)), **self.headers} if self.dies else self.headers
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        length = -(-len(self.body) // self.pieces)
        pieces = [self.body[at : at + length] for at in range(0, len(self.body), length or 1)]
        if self.dies:
            await send({"type": "http.response.body", "body": self.body[:-1], "more_body": True})
            raise ConnectionError("as it was told")
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(self.every_s)
        await send({"type": "http.response.body", "body": b""})


def next_of(replies: list[Answer]) -> Answer:
    """The next reply; the last one stays."""
    return replies.pop(0) if len(replies) > 1 else replies[0]


@dataclass(frozen=True, slots=True)
class Post:
    """One received request, and the port that it came from."""

    path: str
    port: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """Replies to each POST with the next of `answers`, and repeats the last one."""

    port: int = 0
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    posts: list[Post] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [post.path for post in self.posts]

    def reset(self) -> Receiver:
        """Forget the requests, and reply 200 again."""
        self.posts = []
        return self.answering(Answer())

    def answering(self, *answers: Answer) -> Receiver:
        self.answers = list(answers)
        return self

    def wait_for(self, count: int) -> list[Post]:
        """The POSTs, after waiting for this many."""
        assert happens(lambda: len(self.posts) >= count), f"{len(self.posts)} of {count} posts came"
        return self.posts

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.posts.append(Post(scope["path"], scope["client"][1], headers, body))
        await next_of(self.answers).send(send)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, also after a restart."""
    receiver = Receiver()
    with serving_thread(receiver, free_port()) as receiver.port:
        yield receiver
