"""Builds the parts of the service from the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.errors import SettingsError
from ncco_server.flow.files import search_beside
from ncco_server.service.functions import AnswerLookups
from ncco_server.service.outbox import Verdict
from ncco_server.service.recording_files import BucketAddress
from ncco_server.service.turns import Policy
from ncco_server.settings import Settings, load_settings
from ncco_server.settings.fields import BUCKET_SECRETS, VoiceAccess
from ncco_server.settings.secrets import wait_keys
from ncco_server.settings.values import is_loopback
from ncco_server.store import HookRow, Store

if TYPE_CHECKING:  # most servers need only some of them
    from ncco_server.service.hook_posts import Poster
    from ncco_server.service.lookups import Ask, LookupClient
    from ncco_server.service.mail import Mailer, MailServer
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
        default=settings.default,
    )


def voice_access_of(settings: Settings) -> VoiceAccess | None:
    """None without an application ID and its private key."""
    if settings.has_virtual_vonage:
        return settings.virtual_vonage
    if settings.missing_to_fetch:
        return None
    return VoiceAccess(settings.vonage_api_url, settings.application_id, settings.private_key.get_secret_value())


def bucket_of(settings: Settings) -> BucketAddress | None:
    """None if recordings are in a folder or not kept."""
    if not settings.has_bucket:
        return None
    bucket, _, prefix = settings.recordings.removeprefix("s3://").partition("/")
    return BucketAddress(bucket, prefix, settings.s3_endpoint, settings.s3_region, *_bucket_keys(settings))


def _bucket_keys(settings: Settings) -> Iterator[str]:
    return (getattr(settings, name).get_secret_value() for name in BUCKET_SECRETS)


def recording_files_of(settings: Settings) -> RecordingFiles | None:
    """None if recordings are not kept. Raises SettingsError."""
    if (bucket := bucket_of(settings)) is not None:
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
    key_id, secret_key, token = _bucket_keys(load_settings(env_file))
    return bucket._replace(key_id=key_id, secret_key=secret_key, token=token)


def mail_server_of(settings: Settings) -> MailServer | None:
    """Return None without a server or a sender."""
    text = settings.smtp_url.get_secret_value()
    if not (text and settings.mail_from):
        return None
    url = urlsplit(text)
    host = url.hostname or ""
    is_tls = url.scheme == "smtps"
    from ncco_server.service.mail import MailServer  # noqa: PLC0415 - only for mail

    return MailServer(
        host,
        url.port or (465 if is_tls else 587),
        unquote(url.username or ""),
        unquote(url.password or ""),
        is_tls,
        is_loopback(host),
        settings.mail_from,
    )


class Clients:
    """What calls other systems; imported and made on first use, unless `released.ready` has imported it before.

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
        self._bucket = recording_files_of(settings) if store is not None and settings.has_bucket else None
        self._made = AsyncExitStack()

    def look_ups(self) -> AnswerLookups:
        answer: AnswerLookups | None = None

        async def look_up(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
            nonlocal answer
            if answer is None:
                from ncco_server.service.lookups import lookups_of_turn  # noqa: PLC0415 - only for flows with lookups

                answer = lookups_of_turn(self._watch(self._lookups.answer), self._settings.lookup_budget_ms)
            return await answer(lookups)

        return look_up

    @property
    def late_functions(self) -> int:
        """Plain functions that still run after their time limit."""
        return self._lookups.late_functions if "_lookups" in vars(self) else 0

    async def close(self) -> None:
        await self._made.aclose()

    async def post(self, hook: HookRow, now: datetime) -> Verdict:
        return await self._poster(hook, now)

    async def mail(self, hook: HookRow, now: datetime) -> Verdict:
        return await self._mailer(hook, now)

    @cached_property
    def _lookups(self) -> LookupClient:
        from ncco_server.service.lookup_sources import PythonModules  # noqa: PLC0415 - only for flows with lookups
        from ncco_server.service.lookups import LookupClient  # noqa: PLC0415 - only for flows with lookups

        settings = self._settings
        modules = PythonModules(settings.python_lookups, settings.flows, (settings.flows, settings.templates))
        client = LookupClient(settings.lookup_budget_ms, settings.private_hosts, modules)
        self._made.push_async_callback(client.close)
        return client

    @cached_property
    def _poster(self) -> Poster:
        from ncco_server.service.hook_posts import Poster  # noqa: PLC0415 - only for flows with hooks
        from ncco_server.service.outgoing import new_client  # noqa: PLC0415 - only for flows with hooks

        client = new_client(self._settings.private_hosts)
        self._made.push_async_callback(client.aclose)
        return Poster(client, self._settings.hook_secrets)

    @cached_property
    def _mailer(self) -> Mailer:
        from ncco_server.service.mail import Attach, Mailer, attach_from, attach_nothing  # noqa: PLC0415 - only for flows that mail

        attach: Attach = attach_nothing
        files = self._bucket or recording_files_of(self._settings)
        if self._store is not None and files is not None:
            attach = attach_from(self._store.recordings, files, has_key=not self._settings.missing_to_fetch)
        return Mailer(mail_server_of(self._settings), attach)
