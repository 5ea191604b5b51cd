"""A receiver of hooks: a real HTTP server on its own port with scripted replies, which records its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.server import free_port
from tests.support.serving_thread import serving_thread
from tests.support.waiting import happens


@dataclass(frozen=True, slots=True)
class Post:
    """One received request, and the port that it came from."""

    path: str
    port: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply: after `after_s`, with `chunks` of `chunk` bytes, one every `every_s`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    chunks: int = 0
    chunk: int = 1_000
    every_s: float = 0.0


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
        body = b"".join([chunk async for chunk in _chunks(receive)])
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.posts.append(Post(scope["path"], scope["client"][1], headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await _answer(answer, send)


async def _chunks(receive: Callable[[], Awaitable[Any]]) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _answer(answer: Answer, send: Callable[[Any], Awaitable[None]]) -> None:
    await asyncio.sleep(answer.after_s)
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for _ in range(answer.chunks):
        await send({"type": "http.response.body", "body": b"x" * answer.chunk, "more_body": True})
        await asyncio.sleep(answer.every_s)
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, also after a restart."""
    receiver = Receiver()
    with serving_thread(receiver, free_port()) as receiver.port:
        yield receiver
