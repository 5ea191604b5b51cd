"""Paths to values inside a variable or lookup, and their notation: `customer.card`, `customer.cards[].number`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, TypeAlias

PathKey: TypeAlias = str | None
"""None: any list entry, or one with a computed key."""

Path: TypeAlias = tuple[PathKey, ...]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY: Final = re.compile(r'\.(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<quoted>"(?:[^"\\]|\\.)*")?\]')
_WITHIN: Final = re.compile(r"[.\[]")


def written(name: str, path: Path) -> str:
    return name + "".join(map(_key, path))


def _key(key: PathKey) -> str:
    if key is None:
        return "[]"
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{json.dumps(key)}]"


def has_path(name: str) -> bool:
    return _WITHIN.search(name) is not None


def root_of(name: str) -> str:
    return _WITHIN.split(name, maxsplit=1)[0]


@lru_cache(maxsize=4096)
def path_of(name: str) -> Path:
    """Parse what `written` returned; () for a name without a path."""
    return tuple(
        found["plain"] or (json.loads(found["quoted"]) if found["quoted"] else None) for found in _KEY.finditer(name)
    )


def may_overlap(one: Path, other: Path) -> bool:
    """Whether values at two paths may be the same, or one contain the other."""
    return all(left == right or left is None or right is None for left, right in zip(one, other, strict=False))


def by_first_key(paths: Collection[Path]) -> dict[PathKey, set[Path]]:
    found: dict[PathKey, set[Path]] = {}
    for path in paths:
        if path:
            found.setdefault(path[0], set()).add(path[1:])
    return found
