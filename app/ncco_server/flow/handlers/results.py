"""The results of functions that handlers call, as JSON and back."""

from __future__ import annotations

import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pydantic import PydanticSchemaGenerationError, TypeAdapter


@lru_cache(maxsize=1000)
def _adapter(function: Callable[..., Any]) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(typing.get_type_hints(function).get("return", Any))
    except (NameError, TypeError, PydanticSchemaGenerationError):
        return TypeAdapter(Any)


def as_json(function: Callable[..., Any], result: Any) -> Any:
    """A function's result as a JSON value. Raises ValueError if it cannot be one."""
    return _adapter(function).dump_python(result, mode="json")


def restored(function: Callable[..., Any], stored: Any) -> Any:
    """A function's result from its JSON value, by the function's return type. Raises ValueError."""
    return _adapter(function).validate_python(stored)
