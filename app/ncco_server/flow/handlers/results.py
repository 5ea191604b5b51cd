"""The functions that handlers call: their idempotency keys, and their results as JSON and back."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache, reduce
from operator import or_
from types import UnionType
from typing import Any, NotRequired

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

running_key: ContextVar[str] = ContextVar("running_key")


def idempotency_key() -> str:
    """The key of the function that `call.run` or a lookup calls now, for requests that must not count twice.

    A function that runs again, because the server was killed or another host got the repeated webhook, has the same
    key. Every other call of a function has another one. It can be the value of an HTTP header, and has at most 255
    characters.

    Raises:
        RuntimeError: no such function runs here, for example in the handler itself.
    """
    try:
        return running_key.get()
    except LookupError:
        raise RuntimeError("only a function that `call.run` or a lookup calls has an idempotency key") from None


def adapter_of(function: Callable[..., Any]) -> TypeAdapter[Any]:
    """Of its return type; of any value if that is unknown."""
    try:
        return _adapter_of(function)
    except TypeError:  # an object that has no hash, such as a dataclass with `__call__`
        return _adapter_of(type(function).__call__)


@lru_cache(maxsize=1000)
def _adapter_of(function: Callable[..., Any]) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(_portable(typing.get_type_hints(function, include_extras=True).get("return", Any)))
    except (Exception, SystemExit):  # noqa: BLE001 - an annotation may be any expression
        return TypeAdapter(Any)


def _portable(hint: Any) -> Any:
    """Pydantic does not read the `TypedDict` of `typing` before Python 3.12."""
    if sys.version_info >= (3, 12):
        return hint
    if typing.is_typeddict(hint):
        fields = typing.get_type_hints(hint, include_extras=True).items()
        optional = hint.__optional_keys__
        known = {name: NotRequired[_portable(each)] if name in optional else _portable(each) for name, each in fields}
        return TypedDict(hint.__name__, known)  # type: ignore[operator]  # its fields are not written
    inner = typing.get_args(hint)
    if not any(map(typing.is_typeddict, inner)):
        return hint
    parts = tuple(map(_portable, inner))
    return reduce(or_, parts) if typing.get_origin(hint) in (UnionType, typing.Union) else hint.__origin__[parts]


def as_json(function: Callable[..., Any], result: Any) -> Any:
    """Raises ValueError if the result cannot be a JSON value.

    What does not fit the return type stays as it is, without pydantic's warning, which quotes it.
    """
    return adapter_of(function).dump_python(result, mode="json", warnings=False)


def misfits(function: Callable[..., Any], stored: Any) -> dict[str, str]:
    """Why a result does not fit the return type of a function, by the path of each wrong field; "" is all of it."""
    try:
        restored(function, stored)
    except ValidationError as error:
        return {
            ".".join(map(str, each["loc"])): "is missing" if each["type"] == "missing" else each["msg"]
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        }
    except Exception as error:  # noqa: BLE001 - validators of the author may raise anything
        return {"": str(error) or type(error).__name__}
    return {}


def restored(function: Callable[..., Any], stored: Any) -> Any:
    """Raises ValueError."""
    return adapter_of(function).validate_python(stored)
