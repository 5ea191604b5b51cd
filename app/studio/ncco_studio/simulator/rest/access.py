"""Limits who may call the API, how often, and with how much data. Source: Outbound REST, Auth and errors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from secrets import token_hex
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from jwt.types import Options
from starlette.exceptions import HTTPException


class ProblemError(HTTPException):
    """A request is refused; `invalid` has the reasons by parameter, such as `to[0].number`."""

    def __init__(self, status: HTTPStatus, detail: str, invalid: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.invalid = invalid or {}


async def refused(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RequestValidationError):
        error = _of_parameters(error)
    if not isinstance(error, HTTPException):
        raise error
    invalid = error.invalid if isinstance(error, ProblemError) else {}
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "detail": error.detail,
        "instance": token_hex(16),
    }
    if invalid:
        document |= {"invalid_parameters": [{"name": name, "reason": reason} for name, reason in invalid.items()]}
    return JSONResponse(document, error.status_code, media_type="application/problem+json")


def _of_parameters(error: RequestValidationError) -> ProblemError:
    invalid = {_name(each["loc"]): str(each.get("ctx", {}).get("error", each["msg"])) for each in error.errors()}
    return ProblemError(HTTPStatus.BAD_REQUEST, "Some parameters are wrong.", invalid)


def _name(place: Sequence[str | int]) -> str:
    """For `("body", "to", 0, "number")`, `to[0].number`."""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place[1:])
    return text.removeprefix(".") or "body"


NEW_CALLS_PER_SECOND: Final = 3
OTHERS_PER_SECOND: Final = 15
_OPTIONS: Final[Options] = {
    "require": ["application_id", "iat", "jti"],
    "verify_exp": False,  # `Access` itself compares the times, with its own clock
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}
_DRIFT_S: Final = 300
"""The maximum clock difference. Our choice."""
MAX_BODY_BYTES: Final = 1_048_576
"""Our choice: NCCOs are much smaller."""
TOO_LARGE: Final = f"The body has more than {MAX_BODY_BYTES} bytes."


class Access:
    """Verifies an application's tokens at the time that `now` returns."""

    def __init__(self, application_id: str, key: RSAPublicKey, now: Callable[[], datetime]) -> None:
        self._application_id = application_id
        self._key = key
        self._now = now

    def require(self, authorization: str) -> None:
        """Raise ProblemError without a valid token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized("The request has no bearer token: sign a JWT with the application's private key.")
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"], options=_OPTIONS)
            issued = float(claims["iat"])
            ends = float(claims.get("exp", "inf"))
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
            raise _unauthorized(f"The token is not valid: {error}") from error
        if claims["application_id"] != self._application_id:
            raise _unauthorized(f"The token is for an application other than {self._application_id}.")
        now = self._now().timestamp()
        if not issued - _DRIFT_S <= now < ends:
            raise _unauthorized("The token has expired, or begins later.")


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail)


class RateLimit:
    """In requests per second of virtual time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: deque[int] = deque()

    def count(self, ms: int) -> None:
        """Raise ProblemError if there are too many requests. `ms` is a time of the clock."""
        while self._times and self._times[0] <= ms - 1000:
            self._times.popleft()
        if len(self._times) >= self._most:
            detail = f"More than {self._most} requests of this kind in a second."
            raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail)
        self._times.append(ms)
