"""Functions used by flows of the tests."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from subprocess import run
from typing import Any

__all__ = ["offered"]

released = threading.Event()
not_callable = 3
offered: Any = partial(dict, name="Ann")
imported = run


@dataclass
class Customer:
    name: str
    since: datetime


def customer(number: str) -> dict[str, str]:
    return {"name": f"Ann {number}"}


def thing() -> Customer:
    return Customer("Ann", datetime(2026, 3, 4, tzinfo=UTC))


async def async_customer(number: str) -> dict[str, str]:
    await asyncio.sleep(0)
    return {"name": f"Ann {number}"}


def awaitable_customer(number: str) -> Any:
    return async_customer(number)


def raising() -> None:
    raise KeyError("unspoken words")


async def async_raising() -> None:
    raise KeyError("unspoken words")


def leaving() -> None:
    sys.exit("unspoken words")


async def async_leaving() -> None:
    sys.exit("unspoken words")


def stopping() -> None:
    raise StopIteration("unspoken words")


async def cancelling() -> None:
    raise asyncio.CancelledError("unspoken words")


def unprintable() -> object:
    return object()


def circular() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def large() -> str:
    return "x" * 70_000


def late() -> Awaitable[None]:
    time.sleep(0.3)
    return async_stuck()


def held() -> Awaitable[None]:
    released.wait(60)
    return async_stuck()


def stuck() -> None:
    released.wait(60)


async def async_stuck() -> None:
    await asyncio.sleep(60)


async def stubborn() -> None:
    while not released.is_set():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
