"""The errors of the server, and how each is handled.

AppError
├── SettingsError          a setting is missing or wrong; the command prints it with its fix and exits 2
├── RenderError            a value of a running call could not be computed; the caller takes the `error` exit
├── SignatureError         a webhook cannot be shown to come from Vonage
│   ├── MissingSignature   no signature: 503, so that Vonage sends it again with one
│   └── WrongSignature     a wrong signature: 401
├── UnknownWait            a callback token that this server did not issue: 404
├── VonageApiError         Vonage's API did not answer the request
└── StoreError             the store could not perform the operation
    ├── StoreUnavailable   it is down, full, read-only or locked: 503, Vonage sends it again; the server still starts
    ├── StoreUnusable      it cannot be used at all (corrupt, wrong schema): the server does not start
    ├── AlreadyOpen        a call with this session id exists: the webhook is a second delivery
    └── Conflict           another webhook changed the session first: load it again
"""

from __future__ import annotations


class AppError(Exception):
    """Base class of the errors that this server raises on purpose.

    Attributes:
        cure: one sentence that says what to do; "" if nothing can be done.
    """

    def __init__(self, message: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class SettingsError(AppError):
    """A setting is missing or wrong.

    Attributes:
        setting: the environment variable's name.
        others: what else is wrong.
    """

    others: tuple[SettingsError, ...] = ()

    def __init__(self, setting: str, message: str, cure: str) -> None:
        super().__init__(f"{setting}: {message}", cure)
        self.setting = setting
        self.message = message


class RenderError(AppError):
    """A value of a running call could not be computed; the caller takes the `error` exit.

    Attributes:
        code: the rule that was broken, e.g. `E304`.
        where: `file:line:column` of the flow line that asked for the value, "" when unknown.
        reads: the names and the sensitive fields (`name.field`) that the message may quote; None when unknown.
    """

    def __init__(self, code: str, message: str, where: str = "", reads: frozenset[str] | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.code = code
        self.message = message
        self.where = where
        self.reads = reads


class SignatureError(AppError):
    """A webhook cannot be shown to come from Vonage.

    Attributes:
        reason: one short phrase of a fixed list, for log and metrics, without secrets. The message may say more.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason


class MissingSignature(SignatureError):
    """The webhook has no signature. Vonage rarely sends an unsigned webhook; a 503 makes it send the webhook again."""


class WrongSignature(SignatureError):
    """A wrong signature: forged, altered, too old, or of another account."""


class UnknownWait(AppError):
    """A callback token that this server did not issue."""


class VonageApiError(AppError):
    """Vonage's API did not answer the request.

    Attributes:
        status: the reply's status; None without a reply.
        date: its `Date` header, "" without one.
        setting: the environment variable that is wrong; "" when none is known to be.
    """

    def __init__(self, message: str, cure: str, status: int | None = None, date: str = "", setting: str = "") -> None:
        super().__init__(message, cure)
        self.status = status
        self.date = date
        self.setting = setting


class StoreError(AppError):
    """The store could not perform the operation."""


class StoreUnavailable(StoreError):
    """The store is down, full, read-only or locked; the same request may succeed later."""


class StoreUnusable(StoreError):
    """The store cannot be used at all: corrupt, not a database, or a newer schema."""


class AlreadyOpen(StoreError):
    """A call with this session id exists already: the answer webhook is a second delivery."""


class Conflict(StoreError):
    """Another webhook changed the session first; the caller of the store loads it again."""
