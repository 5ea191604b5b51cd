"""One request and its reply, sent in one piece."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

PLAIN: Final = frozenset({b"content-type", b"content-length", b"ncco-problem"})
"""Headers that change nothing in how a reply is sent."""


class Exchange(RequestResponseCycle):
    """uvicorn's own, save that a reply which comes whole goes out whole.

    uvicorn writes head and body one after the other: two calls of the system, which cost more than what the door does
    with a webhook, and often two packets. Everything but a small, whole, plain reply is left to uvicorn.
    """

    _head: Any = None

    async def send(self, message: Any) -> None:
        """Keep the head until the body is there. uvicorn tells only the newest request that its client has gone."""
        if self.flow.write_paused:
            await self.flow.drain()
        if self.transport.is_closing():
            self.disconnected = True
        if self._head is None and not self.response_started and message["type"] == "http.response.start":
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            if self._send_whole(head, message):
                return
            await super().send(head)
        await super().send(message)

    async def send_500_response(self) -> None:
        """What uvicorn sends for an application that failed before it said anything; a head alone is nothing yet."""
        self._head = None
        await super().send_500_response()

    def _send_whole(self, head: Any, message: Any) -> bool:
        """Whether head and body are on their way; False: nothing is."""
        headers, body = head["headers"], message.get("body", b"")
        if message["type"] != "http.response.body" or message.get("more_body", False) or not self._is_open():
            return False
        if (b"content-length", b"%d" % len(body)) not in headers or not PLAIN.issuperset([name for name, _ in headers]):
            return False
        lines = [b"%b: %b\r\n" % header for header in (*self.default_headers, *headers)]
        text = b"".join((STATUS_LINE[head["status"]], *lines, b"\r\n"))
        if not len(lines) + 2 == text.count(b"\r") == text.count(b"\n"):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(text + body)
        self.message_event.set()
        self.on_response()
        return True

    def _is_open(self) -> bool:
        """Whether the connection takes a reply now, and stays open after it."""
        if self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        return not self.access_log and self.scope["method"] != "HEAD"
