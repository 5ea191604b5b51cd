"""Error responses of the API, as in RFC 7807. Source: Voice API specification, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from secrets import token_hex

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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
    invalid = {_name(each["loc"]): str(each["msg"]).removeprefix("Value error, ") for each in error.errors()}
    return ProblemError(HTTPStatus.BAD_REQUEST, "Some parameters are wrong.", invalid)


def _name(place: Sequence[str | int]) -> str:
    """For `("body", "to", 0, "number")`, `to[0].number`."""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place[1:])
    return text.removeprefix(".") or "body"
