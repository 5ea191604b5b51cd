"""The errors of the server, and how each is handled.

AppError
├── SettingsError          the command prints it with its fix and exits 2
├── RenderError            the caller takes the `error` exit
├── SignatureError
│   ├── MissingSignature   503, so that Vonage sends the webhook again with one
│   └── WrongSignature     401
├── UnknownWait            404
├── VonageApiError
└── StoreError
    ├── StoreUnavailable   503, so that Vonage retries; the server still starts
    ├── StoreUnusable      the server does not start
    ├── HashKeyLost        placing is paused, `ncco forget` refused
    ├── AlreadyOpen        the answer webhook is a repeat
    └── Conflict           load the session again
        ├── RowTaken       play the turn again
        └── RowChanged     412
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self


class AppError(Exception):
    """An error that this server raises on purpose.

    `cure` says what to do, in one sentence; "" if nothing can be done. Tracebacks show it too.
    """

    def __init__(self, message: str = "", cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure
        if cure:
            self.add_note(f"fix: {cure}")


class SettingsError(AppError):
    """A setting is missing or wrong.

    `setting` is the environment variable; `others` are the errors of other settings.
    """

    others: tuple[SettingsError, ...] = ()

    def __init__(self, setting: str, message: str, cure: str) -> None:
        super().__init__(f"{setting}: {message}", cure)
        self.setting = setting
        self.message = message

    def with_others(self, others: Iterable[SettingsError]) -> Self:
        self.others = tuple(others)
        for other in self.others:
            self.add_note(f"{other}\nfix: {other.cure}")
        return self

    def __reduce__(self) -> tuple[type[SettingsError], tuple[str, str, str]]:
        """Settings, with their warnings, are sent to the process of the console."""
        return type(self), (self.setting, self.message, self.cure)


class RenderError(AppError):
    """A value of a running call could not be computed.

    Attributes:
        code: the rule that was broken, e.g. `E304`.
        where: `file:line:column` of the flow line that uses the value; "" if unknown.
        reads: the names and sensitive fields (`name.field`) whose values the message may quote; None if unknown.
        cure: what to write instead, which the text of the error ends with; "" if unknown.
    """

    cure = ""

    def __init__(
        self, code: str, message: str, where: str = "", reads: frozenset[str] | None = None, cure: str = ""
    ) -> None:
        super().__init__(": ".join(filter(None, (where, message, cure))))
        self.cure = cure
        self.code = code
        self.message = message
        self.where = where
        self.reads = reads


class SignatureError(AppError):
    """A webhook cannot be verified as coming from Vonage.

    `reason` is a short phrase without secrets, for the log and the metrics; the message can say more.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason


class MissingSignature(SignatureError):
    """Vonage omits the signature in rare cases."""


class WrongSignature(SignatureError):
    """Forged, altered, too old, or from another account."""


class UnknownWait(AppError):
    """This server has not issued the callback token."""


class VonageApiError(AppError):
    """A request to Vonage's API failed.

    Attributes:
        status: of the reply; None without one.
        date: the reply's `Date` header; "" without one.
        setting: the environment variable that is wrong, or "".
    """

    def __init__(self, message: str, cure: str, status: int | None = None, date: str = "", setting: str = "") -> None:
        super().__init__(message, cure)
        self.status = status
        self.date = date
        self.setting = setting


class StoreError(AppError):
    """The store could not perform the operation."""


class StoreUnavailable(StoreError):
    """Down, full, read-only or locked; the same request may succeed later."""


class StoreUnusable(StoreError):
    """Corrupt, not a database, or with a newer schema."""


class HashKeyLost(StoreError):
    """Hashes of forgotten numbers match nobody: their key is missing or another one."""

    def __init__(self, table: str) -> None:
        message = f"the table {table} has hashes of forgotten numbers, but not the key that they were made with"
        cure = "restore the row #key of ncco_rows from a backup of this database: the key never changes"
        super().__init__(message, cure)


class AlreadyOpen(StoreError):
    """A call with this session ID already exists."""


class Conflict(StoreError):
    """Another webhook changed the session first."""


class RowTaken(Conflict):
    """A row that had to be new exists."""


class RowChanged(Conflict):
    """A row has changed since it was read. Nothing was written."""
