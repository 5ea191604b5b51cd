"""Makes the service from the settings, with its clients, log and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import Clients, policy_of, voice_access_of
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.loader import load_files
from ncco_server.flow.model import Project
from ncco_server.ncco.value_types.addresses import LOCAL_URL
from ncco_server.service.calls import CallService
from ncco_server.service.outbox import Listener, Sender, Verdict, by_kind
from ncco_server.service.poller import Schedule
from ncco_server.settings import Settings
from ncco_server.store import HookCounts, HookRow, open_store
from ncco_server.web.metrics import Metrics

if TYPE_CHECKING:  # most servers make no lookups
    from ncco_server.service.lookups import Ask


class HookLog(Listener):
    """Logs and counts hook deliveries, without data of calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        about = {"hook": hook.name, "id": hook.id, "session": hook.session, "tries": hook.tries}
        if verdict.outcome == "sent":
            self._metrics.hook_tries.labels("sent").inc()
            if verdict.problem:
                self._log.warning("hook sent", **about, problem=verdict.problem)
            else:
                self._log.info("hook sent", **about)
        elif next_s is not None:
            self._metrics.hook_tries.labels("failed").inc()
            self._log.warning("hook not sent", **about, problem=verdict.problem, next_try_s=round(next_s))
        else:
            self._metrics.hook_tries.labels("parked").inc()
            cure = f"solve this, then run `ncco hooks retry {hook.id}`"
            self._log.error("hook parked", **about, problem=verdict.problem, cure=cure)

    def counted(self, counts: HookCounts) -> None:
        self._metrics.unsent_hooks.labels("waiting").set(counts.waiting)
        self._metrics.unsent_hooks.labels("parked").set(counts.parked)

    def troubled(self, problem: str) -> None:
        self._log.warning("hooks not sent", problem=problem)


_LOOKUP_CURE: Final = "make it answer within `timeout` with what `returns` declares; until then the default applies"
_FUNCTION_CURE: Final = (
    "make it return JSON within `limit_ms`; until then `call.run` raises RunFailed, and `call.hold` goes on waiting"
)


def counted_lookups(ask: Ask, metrics: Metrics, log: FilteringBoundLogger) -> Ask:
    async def counted(lookup: Lookup, left_ms: float) -> LookupAnswer:
        answer = await ask(lookup, left_ms)
        metrics.count_lookup(lookup.name, answer)
        misfit = getattr(lookup.request, "misfit", None)
        problem = answer.problem
        if not problem and misfit is not None and (why := misfit(answer.value)):
            problem = f"the answer does not match `returns`: {why}"
        if problem and answer.status != HTTPStatus.NOT_FOUND:
            is_function = getattr(lookup.request, "code", None) is not None
            cure = answer.cure or (_FUNCTION_CURE if is_function else _LOOKUP_CURE)
            log.warning("lookup not ok", flow=lookup.flow, lookup=lookup.name, problem=problem, cure=cure)
        return answer

    return counted


class OwnService:
    """The service from the settings, with its clients and hook sender. Raises SettingsError.

    Attributes:
        calls: its store is not open yet and its flows are not loaded.
        sender: sends the stored hooks while it runs.
        voice, placer: None without an application and its key.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        log: FilteringBoundLogger,
        clock: Callable[[], datetime],
        given: Sequence[str] = (),
        *,
        dev: bool = False,
    ) -> None:
        handlers = (*settings.python_flows, *given)  # of two with the same path, the last one counts
        store = open_store(settings.database_url)
        self._clients = Clients(settings, partial(counted_lookups, metrics=metrics, log=log), store)
        metrics.late_functions.set_function(lambda: self._clients.late_functions)
        post = by_kind(self._clients.post, self._clients.mail, self._place)
        self.sender = Sender(store, post, Schedule(settings.hook_tries), HookLog(metrics, log), clock=clock)
        self.calls = CallService(
            store,
            partial(_load, settings, handlers, dev=dev),
            replace(policy_of(settings), handlers=handlers),
            look_ups=self._clients.look_ups,
            hooks_written=self.sender.wake,
            ended=metrics.call_ended,
        )
        self._voice_client = self.voice = self.placer = None
        if voice_access_of(settings) is not None:
            from ncco_server.service.outgoing import new_client  # noqa: PLC0415 - only with an application's key
            from ncco_server.web.placing import make_placer, make_voice_api  # noqa: PLC0415 - only with an application's key

            self._voice_client = new_client(settings.private_hosts)
            self.voice = make_voice_api(settings, self._voice_client, log, clock)
            if self.voice is not None:
                self.placer = make_placer(settings, self.calls, self.voice, metrics, log=log, clock=clock)

    async def close(self) -> None:
        if self._voice_client is not None:
            await self._voice_client.aclose()
        await self._clients.close()

    async def _place(self, hook: HookRow, now: datetime) -> Verdict:
        from ncco_server.service.placing.hooks import place  # noqa: PLC0415 - only for flows that place calls

        return await place(self.calls, hook, now)


def _load(settings: Settings, handlers: Sequence[str], *, dev: bool) -> Project:
    project = load_files(
        settings.flows,
        settings.templates,
        settings.flow_env,
        modules=settings.python_lookups,
        handlers=handlers,
        default=settings.default,
    )
    if not dev:
        return project
    return replace(project, issues=tuple(issue for issue in project.issues if issue.ncco_code != LOCAL_URL))
