"""Makes the service from the settings, with its clients, log and metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import policy_of
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.loader import load_files
from ncco_server.service.calls import CallService
from ncco_server.service.library import Library
from ncco_server.service.lookups import Ask, LookupClient, lookups_of_turn
from ncco_server.service.mail import Mailer, attach_from, attach_nothing, by_way
from ncco_server.service.outbox import Listener, Poster, Sender, Verdict
from ncco_server.service.outgoing import new_client
from ncco_server.service.placing.hooks import places_calls
from ncco_server.service.poller import Schedule
from ncco_server.settings import Settings
from ncco_server.store import HookCounts, HookRow, open_store
from ncco_server.web.metrics import Metrics
from ncco_server.web.placing import make_placer, make_voice_api
from ncco_server.web.recordings import make_fetcher


class HookLog(Listener):
    """Logs and counts hook deliveries. The log contains no data of calls."""

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def tried(self, hook: HookRow, verdict: Verdict, next_s: float | None) -> None:
        """Report an attempt to send a hook."""
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
            cure = f"check its receiver, then `ncco hooks retry {hook.id}`"
            self._log.error("hook parked", **about, problem=verdict.problem, cure=cure)

    def counted(self, counts: HookCounts) -> None:
        """Report the numbers of waiting and parked hooks."""
        self._metrics.unsent_hooks.labels("waiting").set(counts.waiting)
        self._metrics.unsent_hooks.labels("parked").set(counts.parked)

    def troubled(self, problem: str) -> None:
        """Report that the store was unavailable."""
        self._log.error("hooks not sent", problem=problem)


def counted_lookups(ask: Ask, metrics: Metrics, log: FilteringBoundLogger) -> Ask:
    """Wrap `ask` to count its results, and to log why a lookup got its default."""

    async def counted(lookup: Lookup, left_ms: float) -> LookupAnswer:
        answer = await ask(lookup, left_ms)
        metrics.count_lookup(lookup.name, answer)
        misfit = getattr(lookup.request, "misfit", None)
        problem = answer.problem
        if not problem and misfit is not None and (why := misfit(answer.value)):
            problem = f"the answer does not match `returns`: {why}"
        if problem and answer.status != HTTPStatus.NOT_FOUND:
            cure = (
                answer.cure
                or "make it answer within `timeout` with what `returns` declares; until then the default applies"
            )
            log.warning("lookup not ok", flow=lookup.flow, lookup=lookup.name, problem=problem, cure=cure)
        return answer

    return counted


class OwnService:
    """The service made from the settings, with its clients and its hook sender. Raises SettingsError.

    Attributes:
        calls: handles the calls; its store is not open yet and its flows are not loaded.
        lookups: makes lookups; must be closed.
        poster: posts a hook once; its client must be closed.
        mailer: sends a hook by email once.
        sender: sends the stored hooks while it runs.
        voice_client: the HTTP client of `voice`; must be closed.
        voice: controls calls through Vonage's API; None without an application and its key.
        fetcher: fetches recordings while it runs; must be closed; None if recordings are not kept.
        placer: places calls while it runs; None without an application and its key.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        log: FilteringBoundLogger,
        clock: Callable[[], datetime],
    ) -> None:
        policy = policy_of(settings)
        store = open_store(settings.database_url)
        hosts = settings.private_hosts
        self.lookups = LookupClient(settings.lookup_budget_ms, hosts, settings.python_modules)
        self.poster = Poster(new_client(hosts), settings.hook_secrets)
        self.fetcher = make_fetcher(settings, store, metrics, log, clock)
        has_key = not settings.missing_to_fetch
        self.voice_client = new_client(hosts)
        self.voice = make_voice_api(settings, self.voice_client, log, clock)
        files = self.fetcher.files if self.fetcher is not None else None
        attach = attach_from(store.recordings, files, has_key=has_key) if files is not None else attach_nothing
        self.mailer = Mailer(settings.mail_server, attach)
        post = places_calls(by_way(self.poster, self.mailer), lambda: self.calls)
        ask = counted_lookups(self.lookups.answer, metrics, log)
        self.sender = Sender(store, post, Schedule(settings.hook_tries), HookLog(metrics, log), clock=clock)
        self.calls = CallService(
            store,
            Library(
                store,
                lambda: load_files(settings.flows, settings.templates, policy.env, modules=settings.python_lookups),
            ),
            policy,
            look_ups=lambda: lookups_of_turn(ask, settings.lookup_budget_ms),
            hooks_written=self.sender.wake,
            ended=metrics.call_ended,
        )
        self.placer = (
            make_placer(settings, self.calls, self.voice, metrics, log=log, clock=clock) if self.voice else None
        )
