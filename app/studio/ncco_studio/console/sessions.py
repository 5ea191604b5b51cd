"""The sessions of the console: a role with an expiry, stored in a signed cookie instead of a database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

from ncco_server.settings.logins import Login, Role
from ncco_server.store import milliseconds

SESSION_LIFETIME: Final = timedelta(hours=12)
"""The lifetime of a session, and of a link through a proxy."""
IDLE: Final = timedelta(hours=2)
RENEW_AFTER: Final = timedelta(minutes=1)
"""How precisely the last use of a session is recorded: coarsely, so that few responses set a cookie."""
BY_LINK: Final = "link"
"""The credential of sessions that were opened by a link."""
_LINK: Final = Login("", "change", "")
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """An open session.

    Attributes:
        id: random. Stored only by the browser.
        name: of the login; "" for a shared password or a link.
        began_at: milliseconds since 1970.
        used_at: the last use recorded in its cookie, in milliseconds since 1970.
    """

    id: str
    name: str
    role: Role
    credential: str
    began_at: int
    used_at: int

    @property
    def csrf_token(self) -> str:
        return hmac.digest(self.id.encode(), b"csrf", "sha256").hex()

    @property
    def by(self) -> str:
        return self.name or self.role

    @property
    def shown_name(self) -> str:
        return self.name or "somebody in the console"


def hash_of(text: str) -> str:
    """SHA-256 in hexadecimal digits. Good enough for random values, not for passwords."""
    return hashlib.sha256(text.encode()).hexdigest()


def credential_of(login: Login) -> str:
    """The credential changes with the password."""
    return hash_of(f"{login.name}\0{login.hash}" if login.name else login.hash)


def new_link(keys: Sequence[bytes], now: datetime) -> str:
    return _serializer(keys, "link").dumps([milliseconds(now), secrets.token_urlsafe(_BYTES)])


@dataclass(repr=False)
class Sessions:
    """The sessions of one console.

    The key of a cookie is derived from the credential, too: a session ends when its password is changed or removed, and
    one opened by a link is valid only in development.

    Attributes:
        keys: sign cookies and links, the current one first.
        has_links: whether links open the console.
        links_since: when the server started; earlier links are refused.
        proxied_since: earlier links are refused through a proxy, because a former process may have accepted them;
            None for `links_since`.
    """

    keys: Sequence[bytes]
    logins: Callable[[], tuple[Login, ...]]
    clock: Callable[[], datetime]
    links_since: datetime
    has_links: bool = field(default=False, kw_only=True)
    proxied_since: datetime | None = field(default=None, kw_only=True)
    _used_links: set[str] = field(default_factory=set, init=False)

    def open(self, login: Login) -> ConsoleSession:
        return self._new(login, credential_of(login))

    def _new(self, login: Login, credential: str) -> ConsoleSession:
        now = milliseconds(self.clock())
        return ConsoleSession(secrets.token_urlsafe(_BYTES), login.name, login.role, credential, now, now)

    def redeem(self, token: str, *, is_near: bool) -> ConsoleSession | None:
        """Return a new session for the token of a link, or None.

        From this machine (`is_near`), a link works as long as its server runs. A proxy or a tunnel may show it to
        others, so there it works for 12 hours, and only if nobody has used it.
        """
        try:
            made_at, id_ = _serializer(self.keys, "link").loads(token)
        except BadData:
            return None
        since = milliseconds(self.links_since)
        if not is_near:
            oldest = milliseconds(self.clock() - SESSION_LIFETIME) + 1
            since = max(milliseconds(self.proxied_since or self.links_since), oldest)
        if not self.has_links or made_at < since or (id_ in self._used_links and not is_near):
            return None
        self._used_links.add(id_)
        return self._new(_LINK, BY_LINK)

    def find(self, cookie: str) -> ConsoleSession | None:
        now = self.clock()
        known = [(credential_of(login), login) for login in self.logins()] + [(BY_LINK, _LINK)] * self.has_links
        for credential, login in known:
            with suppress(BadData):
                id_, began_at, used_at = self._cookies(credential).loads(cookie)
                if began_at > milliseconds(now - SESSION_LIFETIME) and used_at > milliseconds(now - IDLE):
                    return ConsoleSession(id_, login.name, login.role, credential, began_at, used_at)
        return None

    def renewed(self, session: ConsoleSession) -> ConsoleSession | None:
        """Return None if the last use in the session's cookie is recent enough."""
        now = self.clock()
        is_new = session.used_at > milliseconds(now - RENEW_AFTER)
        return None if is_new else replace(session, used_at=milliseconds(now))

    def cookie_of(self, session: ConsoleSession) -> str:
        return self._cookies(session.credential).dumps([session.id, session.began_at, session.used_at])

    def _cookies(self, credential: str) -> URLSafeSerializer:
        return _serializer(self.keys, f"session by {credential}")


def _serializer(keys: Sequence[bytes], purpose: str) -> URLSafeSerializer:
    """Sign JSON with a key for this purpose only, derived from `keys`."""
    return URLSafeSerializer(
        list(reversed(keys)),  # itsdangerous signs with the last key
        salt=f"ncco-server: console {purpose}",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )
