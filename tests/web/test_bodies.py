"""Bodies that come in pieces, too large, or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.web.app import create_app
from app.web.bodies import DRAINED, BodyTooLarge, ClientGone, read_body
from tests.web.fake_calls import FakeCalls, settings_with

GONE = {"type": "http.disconnect"}
Receive = Callable[[], Awaitable[dict[str, Any]]]


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Coming:
    """Messages, one after the other."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)

    async def __call__(self) -> dict[str, Any]:
        return self.messages.pop(0)


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b"abc", [part(b"abc", more=False)]),
        (b"", [{"type": "http.request"}]),
        (b"abcdef", [part(b"abc"), part(b""), part(b"def", more=False)]),
        (b"0123456789", [part(b"01234"), part(b"56789", more=False)]),
    ],
)
async def test_a_body_is_put_together(body: bytes, messages: list[dict[str, Any]]) -> None:
    assert body == await read_body(Coming(*messages), 10)


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"x" * 11, more=False)],
        [part(b"x" * 11), part(b"x", more=False)],
        [part(b"x" * 6), part(b"x" * 6), part(b"x", more=False)],
    ],
)
async def test_a_body_over_the_limit_is_read_to_its_end_and_refused(messages: list[dict[str, Any]]) -> None:
    coming = Coming(*messages)
    with pytest.raises(BodyTooLarge):
        await read_body(coming, 10)

    assert [] == coming.messages


async def test_a_body_without_end_is_not_read_for_ever() -> None:
    coming = Coming(*[part(b"x" * 10)] * 100)
    with pytest.raises(BodyTooLarge):
        await read_body(coming, 10)

    assert 100 - DRAINED - 1 == len(coming.messages)


@pytest.mark.parametrize("messages", [[GONE], [part(b"a"), GONE]])
async def test_a_client_that_hangs_up_is_told_apart(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(ClientGone):
        await read_body(Coming(*messages), 10)


async def test_nothing_is_sent_to_a_client_that_has_hung_up() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app(settings_with(), service=FakeCalls())
    scope = {"type": "http", "method": "POST", "path": "/webhooks/answer", "headers": [], "query_string": b""}
    await app(scope, Coming(GONE), send)

    assert [] == sent
