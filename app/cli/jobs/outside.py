"""The world outside of scenarios, for `--live`: look-ups are asked and hooks are sent as the server would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.cli.jobs.environment import flow_variables
from app.cli.jobs.server_settings import server_settings
from app.service.lookups import LookupClient
from app.service.outbox import Poster, Signer
from app.service.outgoing import new_client
from app.store import HookRow
from app.verify.scenarios.stage import Outside


@asynccontextmanager
async def live_outside(*, is_live: bool) -> AsyncIterator[Outside | None]:
    """What scenarios may reach; None when they may reach nothing. Raises CannotRun."""
    if not is_live:
        yield None
        return
    settings = server_settings()
    client = LookupClient(settings.lookup_budget_ms, settings.private_hosts, settings.flows.resolve().parent)
    async with new_client(settings.private_hosts) as http:
        poster = Poster(http, Signer(settings.hook_secrets))

        async def post(hook: HookRow) -> str:
            return hook.problem or (await poster(hook, datetime.now(UTC))).problem

        try:
            yield Outside(flow_variables(), lambda: client.for_turn().ask, post)
        finally:
            await client.close()
