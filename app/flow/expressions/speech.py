"""The filters that speak: the late import of what they speak with, and the checks of their brackets (E340 to E342)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from types import UnionType
from typing import Any, Protocol, cast

from app.flow.expressions.check import Check, described, kind_of
from app.flow.expressions.syntax import Const, Filtered
from app.flow.scope import Shape
from app.ncco.suggest import nearest

LANGUAGE = "en-US"
"""What is spoken where no language is known: what a talk without one speaks.

Source: NCCO reference, Talk (`language`, default en-US).
"""


class _Speaking(Protocol):
    """`app.flow.speaking`."""

    SPEAKERS: Mapping[str, Callable[..., object]]
    FORMS: Collection[str]
    WORDS: Collection[str]
    MAX_GROUP: int

    def is_currency(self, code: str) -> bool:
        """See there."""

    def is_zone(self, name: str) -> bool:
        """See there."""

    def known_zones(self) -> Collection[str]:
        """See there."""


def _speaking() -> _Speaking:
    """The package that speaks; it brings Babel with it, which most flows do without, so it is imported late."""
    return cast("_Speaking", importlib.import_module("app.flow.speaking"))


def speakers() -> Mapping[str, Callable[..., object]]:
    """What says a value, by the name of the filter: value, language and arguments → what is said, or ValueError."""
    return _speaking().SPEAKERS


def check_speech(check: Check, node: Filtered, shape: Shape) -> bool:
    """Check what is written in the brackets of a filter that speaks; what is computed shows in the call.

    What it speaks with is imported in any case, so that no call waits for it.
    """
    speakers()
    if not node.args or not isinstance(node.args[0], Const) or node.name not in _CHECKS:
        return True
    written = node.args[0]
    takes, find = _CHECKS[node.name]
    found = find(written.value, check.shown(node.of), shape) if isinstance(written.value, takes) else None
    if found is not None:
        check.report(found[0], written, *found[1:])
    return found is None


Found = tuple[str, str, str]
"""Code, message and cure."""


def _form(form: str, shown: str, shape: Shape) -> Found | None:
    speaking = _speaking()
    is_form = form in speaking.FORMS
    if not is_form and not speaking.is_currency(form):
        near = nearest(form, speaking.FORMS)
        ways = f'write one of {", ".join(speaking.FORMS)}, or a currency such as "GBP"'
        return "E340", f'spoken knows no "{form}"', f'did you mean "{near}"?' if near else ways
    if is_form and kind_of(shape) == "number":
        cure = 'write | spoken alone, or a currency such as | spoken("GBP")'
        return "E341", f"{shown} is {described(shape)} and has no {form}", cure
    if not is_form and kind_of(shape) == "datetime":
        return "E341", f"{shown} is {described(shape)}, no amount of money", f"write one of {', '.join(speaking.FORMS)}"
    return None


def _word(word: str, shown: str, shape: Shape) -> Found | None:
    words = _speaking().WORDS
    cure = "write " + " or ".join(f'| list("{known}")' for known in words)
    return None if word in words else ("E340", f'list knows no "{word}"', cure)


def _group(size: float, shown: str, shape: Shape) -> Found | None:
    most = _speaking().MAX_GROUP
    if isinstance(size, int) and 1 <= size <= most:
        return None
    return "E340", f"digits makes no groups of {size}", f"write how many digits stand together: 1 to {most}"


def _zone(name: str, shown: str, shape: Shape) -> Found | None:
    speaking = _speaking()
    if speaking.is_zone(name):
        return None
    zones = speaking.known_zones()
    near = nearest(name, zones) or next((zone for zone in sorted(zones) if zone.endswith(f"/{name}")), None)
    cure = f'did you mean "{near}"?' if near else 'write continent and city, such as "Europe/London"'
    return "E342", f'there is no time zone "{name}"', cure


_CHECKS: Mapping[str, tuple[type | UnionType, Callable[[Any, str, Shape], Found | None]]] = {
    "digits": (int | float, _group),
    "in_zone": (str, _zone),
    "list": (str, _word),
    "spoken": (str, _form),
}
"""Of what is written there: its type, and what finds fault with it."""
