"""The path to a value within a name, and how it is written: `customer.card`, `customer.cards[].number`.

A name without a path is a name of the flow. The others are sensitive fields of lookups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, TypeAlias

PathKey: TypeAlias = str | None
"""A field, or None: any entry of a list, and any entry whose key is computed."""

Path: TypeAlias = tuple[PathKey, ...]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = re.compile(r'\.(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<quoted>"(?:[^"\\]|\\.)*")?\]')
_WITHIN: Final = re.compile(r"[.\[]")


def written(name: str, path: Path) -> str:
    """A name with a path into it, as text."""
    return name + "".join(map(_key, path))


def _key(key: PathKey) -> str:
    if key is None:
        return "[]"
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key)}]"


def is_inner(name: str) -> bool:
    """Whether it names something within a name."""
    return _WITHIN.search(name) is not None


def root_of(name: str) -> str:
    """The name that it begins with."""
    return _WITHIN.split(name, maxsplit=1)[0]


@lru_cache(maxsize=4096)
def path_of(name: str) -> Path:
    """The path that `written` wrote."""
    return tuple(
        found["plain"] or (json.loads(found["quoted"]) if found["quoted"] else None) for found in _KEY.finditer(name)
    )


def meet(one: Path, other: Path) -> bool:
    """Whether one of two paths may lead to the other, or to something in it."""
    return all(left == right or left is None or right is None for left, right in zip(one, other, strict=False))


def by_first_key(paths: Collection[Path]) -> dict[PathKey, set[Path]]:
    """The paths by their first key, without it."""
    found: dict[PathKey, set[Path]] = {}
    for path in paths:
        if path:
            found.setdefault(path[0], set()).add(path[1:])
    return found
