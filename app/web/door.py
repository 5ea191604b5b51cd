"""The door for webhooks: verify, read, ask the service, answer, write one log line.

It is a bare ASGI application, since the platform waits for it while a caller listens to silence: a request spends here
a few dozen microseconds. Whatever breaks behind it, a caller hears an NCCO.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from app.errors import SignatureError, WrongSignature
from app.service.delivery import Delivery, Reply
from app.settings import Settings
from app.vonage.signatures import SEVERAL, Verifier, require_payload
from app.web import journal
from app.web.answers import Answer, refused, send_answer
from app.web.bodies import ClientGone, is_soon_there, read_body
from app.web.calls import Calls
from app.web.deadline import Deadline, Deadlines
from app.web.errand import Ask, Errand
from app.web.letter import Letter
from app.web.metrics import Metrics
from app.web.reading import read_fields, read_query
from app.web.rescue import Rescue
from app.web.routes import ROUTES, Serving, find, is_rtc
from app.web.visit import Visit

DEADLINE_S: Final = 4.0
"""Vonage waits 5 seconds for the whole reply. Source: delivery rules, socket timeout."""

_NAMES: Final = frozenset(route.name for route in ROUTES)
_HOST: Final = re.compile(rb"[A-Za-z0-9._:\[\]-]{1,255}")
_NOTHING_THERE = (
    "not-found",
    "path",
    404,
    "there is no such path",
    "Vonage's URLs are /webhooks/answer, /webhooks/event and /webhooks/fallback.",
)


class Door:
    """The ASGI application of every path under `/webhooks`."""

    def __init__(
        self,
        settings: Settings,
        calls: Calls,
        metrics: Metrics,
        log: FilteringBoundLogger,
        *,
        dev: bool,
        deadline_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._metrics = metrics
        self._log = log.bind()
        self.verifier = settings.verifier()
        self._body_limit = settings.body_limit
        self._base_url = settings.base_url
        self._is_own_address = dev and not settings.public_url
        self.deadlines = Deadlines(deadline_s)
        self._short = _NAMES if calls.reads_at_once else frozenset({"answer"})
        self.rescue = Rescue(calls.failsafe, settings.body_limit, deadline_s).answer
        self._shows_values = dev

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = perf_counter()
        path: str = scope["path"]
        found = find(path)
        if scope["method"] not in ("GET", "POST"):
            await send_answer(_method_refused(), send)
            return
        if found is None:
            await send_answer(_rtc() if is_rtc(path) else refused(*_NOTHING_THERE), send)
            return
        visit = Visit(*found, scope, dict(scope["headers"]))
        try:
            answer = await self.answer(visit, partial(self._ask, visit, receive), self.deadlines.begin)
        except ClientGone:
            self._log.debug("client gone", route=visit.route.name)
            return
        await send_answer(answer, send)
        self.note(visit, answer, started)

    def take(self, letter: Letter, body: bytes) -> bool:
        """Answer a letter. False: nothing was done; it is not for the short way, or something is wrong with it."""
        started = perf_counter()
        headers, found = letter.scope["headers"], find(letter.scope["path"])
        if found is None or found[0].name not in self._short or len(body) > self._body_limit:
            return False
        visit = Visit(*found, letter.scope, dict(headers))
        if len(visit.headers) < len(headers):
            return False
        try:
            now = self._clock()
            claims = None if self.verifier is None else _admitted(self.verifier, visit, now)
            serving = self._read(visit, body, claims, now)
        except Exception:  # noqa: BLE001 - the long way finds it too, and says so
            return False
        return Errand(self, letter, visit, serving, started).begin()

    async def answer(self, visit: Visit, ask: Ask, begin: Callable[[], Deadline]) -> Answer:
        """An answer, whatever happens. `begin` gives the time that there is for what `ask` gives."""
        try:
            with begin():
                return _checked(await ask(), visit)
        except ClientGone:
            raise
        except asyncio.CancelledError as error:
            return self.rescue(visit, _of_ours(error))
        except Exception as error:  # noqa: BLE001 - the one broad except: a caller is on the line
            if isinstance(error, SignatureError):
                self._metrics.signature_refused(error.reason)
            return self.rescue(visit, error)

    def checked(self, visit: Visit, reply: Reply) -> Answer:
        """The answer that a reply makes, whatever it is."""
        try:
            return _checked(reply, visit)
        except Exception as error:  # noqa: BLE001 - a caller is on the line
            return self.rescue(visit, error)

    def note(self, visit: Visit, answer: Answer, started: float) -> None:
        """Count and log what was answered."""
        seconds = perf_counter() - started
        self._metrics.webhook(answer, seconds, visit.route.name)
        journal.write_webhook(self._log, visit, answer, seconds, shows_values=self._shows_values)

    async def _ask(self, visit: Visit, receive: Receive) -> Reply:
        is_get = visit.scope["method"] == "GET"
        now = self._clock()
        try:
            claims = None if self.verifier is None else _admitted(self.verifier, visit, now)
        except SignatureError:  # a stranger, whose body nobody waits for
            visit.is_read = is_get or await is_soon_there(receive, self._body_limit)
            raise
        body = b"" if is_get else await read_body(receive, self._body_limit)
        return await self._read(visit, body, claims, now)

    def _read(self, visit: Visit, body: bytes, claims: Mapping[str, Any] | None, now: datetime) -> Serving:
        """What answers a webhook, now that it is there. Raises SignatureError."""
        visit.is_read, came_at = True, perf_counter()
        method, query = visit.scope["method"], visit.scope["query_string"]
        is_get = method == "GET"
        payload = query if is_get else body
        if claims is not None:
            require_payload(claims, method, payload)
        if is_get or (query and not body and claims is None):
            fields, visit.problem = read_query(
                query
            )  # that of a POST counts only where nothing is signed: no hash covers it
        else:
            fields, visit.problem = read_fields(body, visit.headers.get(b"content-type", b"").lower())
        more = {} if is_get or not query else read_query(query)[0]
        visit.delivery = Delivery(method, payload, fields, self._base(visit), now, visit.problem, came_at, query=more)
        return visit.route.serve(self._calls, visit.delivery, visit.argument)

    def serving(self, visit: Visit) -> Serving:
        """What answers a webhook that has been read."""
        assert visit.delivery is not None  # noqa: S101 - it has been read
        return visit.route.serve(self._calls, visit.delivery, visit.argument)

    def _base(self, visit: Visit) -> str:
        """Where callback URLs start. The Host header counts in development only, where it is whoever asks."""
        if not self._is_own_address:
            return self._base_url
        host = visit.headers.get(b"host", b"")
        return f"{visit.scope['scheme']}://{host.decode()}" if _HOST.fullmatch(host) else self._base_url


def _admitted(verifier: Verifier, visit: Visit, now: datetime) -> Mapping[str, Any]:
    """What the signature of a webhook says, as far as it can be judged without its body. Raises SignatureError."""
    if [name for name, _ in visit.scope["headers"]].count(b"authorization") > 1:
        raise WrongSignature(SEVERAL)  # whoever stands before us may have looked at another one
    return verifier.admit(verifier.token(visit.headers.get(b"authorization")), now.timestamp())


def _of_ours(error: asyncio.CancelledError) -> Exception:
    """What a cancelling is that nobody wanted of this task: a fault like any other. Raises the one that was wanted."""
    task = asyncio.current_task()
    if task is None or task.cancelling():
        raise error
    return RuntimeError("what it waited for was cancelled").with_traceback(error.__traceback__)


def _checked(reply: Reply, visit: Visit) -> Answer:
    """The answer that a reply makes. Raises ValueError or TypeError for one that Vonage could not play.

    What was rendered just now has been validated as actions; what comes from the store is read to its end.
    """
    if not isinstance(reply, Reply):
        raise TypeError(f"the service gave {type(reply).__name__}, not a reply")
    ncco = reply.ncco
    if ncco is None:
        if visit.route.name == "answer":
            raise ValueError("an answer webhook got no NCCO")
        return Answer(reply)
    if not (ncco[:1] == b"[" and ncco[-1:] == b"]" and (not reply.is_repeat or orjson.loads(ncco))):
        raise ValueError("a reply is no NCCO")
    return Answer(reply, 200, ncco)


def _method_refused() -> Answer:
    answer = refused("method", "method", 405, "only GET and POST are answered", "Send GET or POST.")
    return Answer(answer.reply, answer.status, answer.body, ((b"allow", b"GET, POST"),))


def _rtc() -> Answer:
    return Answer(Reply(None, "rtc", "ignored"), 204)
