"""Makes the service from the settings, with its clients, log and metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from structlog.typing import FilteringBoundLogger

from ncco_server.assembly import policy_of, recording_files_of
from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.flow.loader import load_files
from ncco_server.service.calls import CallService
from ncco_server.service.library import Library
from ncco_server.service.on_demand import OnDemand
from ncco_server.service.outbox import Listener, Post, Sender, Verdict, by_way
from ncco_server.service.poller import Schedule
from ncco_server.service.turns import AnswerLookups
from ncco_server.settings import Settings
from ncco_server.store import HookCounts, HookRow, open_store
from ncco_server.web.metrics import Metrics

if TYPE_CHECKING:  # most servers need only some of them
    from ncco_server.service.hook_posts import Poster
    from ncco_server.service.lookups import Ask, LookupClient
    from ncco_server.service.mail import Mailer


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

    What lookups, hooks and placed calls need is imported when it is first used, in a thread, or with the settings that
    ask for it. `service.needs` imports it before, if the flows need it.

    Attributes:
        calls: handles the calls; its store is not open yet and its flows are not loaded.
        sender: sends the stored hooks while it runs.
        voice: controls calls through Vonage's API; None without an application and its key.
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
        self._settings = settings
        self._metrics = metrics
        self._log = log
        self._lookups = OnDemand(self._make_lookups)
        self._poster = OnDemand(self._make_poster)
        self._mailer = OnDemand(self._make_mailer)
        self._places = OnDemand(self._make_places)
        self._files = recording_files_of(settings)
        post = by_way(_with(self._poster), _with(self._mailer), _with(self._places))
        self.sender = Sender(store, post, Schedule(settings.hook_tries), HookLog(metrics, log), clock=clock)
        self.calls = CallService(
            store,
            Library(
                store,
                lambda: load_files(
                    settings.flows,
                    settings.templates,
                    policy.env,
                    modules=settings.python_lookups,
                    handlers=settings.python_flows,
                ),
                handlers=settings.python_flows,
            ),
            policy,
            look_ups=self._look_ups,
            hooks_written=self.sender.wake,
            ended=metrics.call_ended,
        )
        self.voice_client = self.voice = self.placer = None
        if settings.voice_access is not None:
            from ncco_server.service.outgoing import new_client  # noqa: PLC0415 - only with an application's key
            from ncco_server.web.placing import make_placer, make_voice_api  # noqa: PLC0415 - the same

            self.voice_client = new_client(settings.private_hosts)
            self.voice = make_voice_api(settings, self.voice_client, log, clock)
            if self.voice is not None:
                self.placer = make_placer(settings, self.calls, self.voice, metrics, log=log, clock=clock)

    async def close(self) -> None:
        """Close the clients."""
        if self.voice_client is not None:
            await self.voice_client.aclose()
        if self._poster.made is not None:
            await self._poster.made.client.aclose()
        if self._lookups.made is not None:
            await self._lookups.made.close()

    def _look_ups(self) -> AnswerLookups:
        """Makes a function that answers the lookups of one turn."""
        answer: AnswerLookups | None = None

        async def look_up(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
            nonlocal answer
            if answer is None:
                client = await self._lookups.get()
                from ncco_server.service.lookups import lookups_of_turn  # noqa: PLC0415 - imported with the client

                answer = lookups_of_turn(
                    counted_lookups(client.answer, self._metrics, self._log), self._settings.lookup_budget_ms
                )
            return await answer(lookups)

        return look_up

    def _make_lookups(self) -> LookupClient:
        from ncco_server.service.lookups import LookupClient  # noqa: PLC0415 - only for flows with lookups

        settings = self._settings
        return LookupClient(settings.lookup_budget_ms, settings.private_hosts, settings.python_modules)

    def _make_poster(self) -> Poster:
        from ncco_server.service.hook_posts import Poster  # noqa: PLC0415 - only for flows with hooks
        from ncco_server.service.outgoing import new_client  # noqa: PLC0415 - the same

        return Poster(new_client(self._settings.private_hosts), self._settings.hook_secrets)

    def _make_mailer(self) -> Mailer:
        from ncco_server.service.mail import Mailer, attach_from, attach_nothing  # noqa: PLC0415 - only for flows that mail

        has_key = not self._settings.missing_to_fetch
        recordings = self.calls.store.recordings
        attach = attach_from(recordings, self._files, has_key=has_key) if self._files is not None else attach_nothing
        return Mailer(self._settings.mail_server, attach)

    def _make_places(self) -> Post:
        from ncco_server.service.placing.hooks import places_calls  # noqa: PLC0415 - only for flows that place calls

        return places_calls(self.calls)


def _with(made: OnDemand[Poster] | OnDemand[Mailer] | OnDemand[Post]) -> Post:
    """Make a function that sends hooks with something that is made before the first one."""

    async def send(hook: HookRow, now: datetime) -> Verdict:
        return await (await made.get())(hook, now)

    return send
