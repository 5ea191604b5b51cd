"""Builds the parts of the service from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.errors import SettingsError
from ncco_server.flow.files import search_beside
from ncco_server.service.functions import AnswerLookups
from ncco_server.service.outbox import Post, Verdict
from ncco_server.service.recording_files import BucketAddress
from ncco_server.service.turns import Policy
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import BUCKET_SECRETS
from ncco_server.settings.secrets import wait_keys
from ncco_server.store import HookRow, Store

if TYPE_CHECKING:  # most servers need only some of them
    from ncco_server.service.hook_posts import Poster
    from ncco_server.service.lookups import Ask, LookupClient
    from ncco_server.service.mail import Mailer
    from ncco_server.service.recording_files import RecordingFiles


def policy_of(settings: Settings, keys: tuple[bytes, ...] = ()) -> Policy:
    """By default, `keys` are those of the server; see `wait_keys`."""
    if settings.python_flows:
        search_beside(settings.flows)
    return Policy(
        keys or wait_keys(settings),
        settings.failsafe,
        settings.flow_env,
        settings.dial_allow,
        keeps_recordings=settings.keeps_recordings,
        speed=settings.speed,
        handlers=settings.python_flows,
    )


def recording_files_of(settings: Settings) -> RecordingFiles | None:
    """None if recordings are not kept. Raises SettingsError."""
    if (bucket := settings.bucket) is not None:
        try:
            from ncco_server.service.recording_bucket import RecordingBucket  # noqa: PLC0415 - obstore is an extra

            return RecordingBucket(bucket, partial(with_current_keys, settings.env_file))
        except ModuleNotFoundError as missing:
            if missing.name != "obstore":
                raise
            cure = 'Run `pip install ".[s3]"` in a copy of the repository, or add [s3] to the wheel.'
            raise SettingsError("NCCO_RECORDINGS", "S3 needs the package obstore", cure) from missing
        except ValueError as error:
            raise SettingsError("NCCO_RECORDINGS", str(error), "Check AWS_REGION and AWS_ACCESS_KEY_ID.") from error
    if (folder := settings.recordings_folder) is None:
        return None
    from ncco_server.service.recording_folder import RecordingFolder  # noqa: PLC0415 - most servers record nothing

    return RecordingFolder(folder)


def with_current_keys(env_file: Path | None, bucket: BucketAddress) -> BucketAddress:
    """Read keys that others may have replaced. Raises SettingsError, OSError."""
    fresh = load_settings(env_file)
    key_id, secret_key, token = (getattr(fresh, name).get_secret_value() for name in BUCKET_SECRETS)
    return bucket._replace(key_id=key_id, secret_key=secret_key, token=token)


T = TypeVar("T")


class OnDemand(Generic[T]):
    """Makes something when first needed, in a thread: imports of `make` may take 0.1 s."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self.made: T | None = None

    async def get(self) -> T:
        if self.made is not None:
            return self.made
        async with self._making:
            if self.made is None:
                self.made = await asyncio.to_thread(self._make)
            return self.made


class Clients:
    """What calls other systems; imported and made on first use.

    `watch` wraps the function that answers a lookup. Without a `store`, emails have no recordings attached.
    """

    def __init__(
        self,
        settings: Settings,
        watch: Callable[[Ask], Ask] = lambda ask: ask,
        store: Store | None = None,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._store = store
        self._bucket = recording_files_of(settings) if store is not None and settings.bucket is not None else None
        self._lookups = OnDemand(self._make_lookups)
        self._poster = OnDemand(self._make_poster)
        self.post = sending_with(self._poster)
        self.mail = sending_with(OnDemand(self._make_mailer))

    def look_ups(self) -> AnswerLookups:
        answer: AnswerLookups | None = None

        async def look_up(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
            nonlocal answer
            if answer is None:
                client = await self._lookups.get()
                from ncco_server.service.lookups import lookups_of_turn  # noqa: PLC0415 - only for flows with lookups

                answer = lookups_of_turn(self._watch(client.answer), self._settings.lookup_budget_ms)
            return await answer(lookups)

        return look_up

    @property
    def late_functions(self) -> int:
        """Plain functions that still run after their time limit."""
        return self._lookups.made.late_functions if self._lookups.made is not None else 0

    async def close(self) -> None:
        if self._poster.made is not None:
            await self._poster.made.client.aclose()
        if self._lookups.made is not None:
            await self._lookups.made.close()

    def _make_lookups(self) -> LookupClient:
        from ncco_server.service.lookups import LookupClient  # noqa: PLC0415 - only for flows with lookups

        settings = self._settings
        return LookupClient(settings.lookup_budget_ms, settings.private_hosts, settings.python_modules)

    def _make_poster(self) -> Poster:
        from ncco_server.service.hook_posts import Poster  # noqa: PLC0415 - only for flows with hooks
        from ncco_server.service.outgoing import new_client  # noqa: PLC0415 - only for flows with hooks

        return Poster(new_client(self._settings.private_hosts), self._settings.hook_secrets)

    def _make_mailer(self) -> Mailer:
        from ncco_server.service.mail import Attach, Mailer, attach_from, attach_nothing  # noqa: PLC0415 - only for flows that mail

        attach: Attach = attach_nothing
        files = self._bucket or recording_files_of(self._settings)
        if self._store is not None and files is not None:
            attach = attach_from(self._store.recordings, files, has_key=not self._settings.missing_to_fetch)
        return Mailer(self._settings.mail_server, attach)


def sending_with(made: OnDemand[Poster] | OnDemand[Mailer] | OnDemand[Post]) -> Post:
    async def send(hook: HookRow, now: datetime) -> Verdict:
        return await (await made.get())(hook, now)

    return send
