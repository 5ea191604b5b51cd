"""What a step says and what it listens for, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from app.flow.nodes import Place
from app.flow.templates.files import Located


@dataclass(frozen=True, slots=True)
class SpokenText:
    """One text that a caller hears.

    Attributes:
        text: it knows where each of its characters stands; braces and tags are part of it.
        language: the code of its voice, e.g. `en-GB`; "" when that is not known.
        is_inherited: it stands in the flow's defaults, so other menus say it too.
        is_retry: it is only heard after a failed try.
        is_default: nothing says a language, so that the platform takes its own.
    """

    text: Located
    language: str = ""
    is_inherited: bool = False
    is_retry: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One choice.

    Attributes:
        name: as written.
        keys: digits, `*` or `#`.
        phrases: what a caller may say, as written.
        place: of its name.
        target: the step that it leads to; "" for the end of the call.
        is_inherited: it is one of the flow's defaults, so that not every menu has to mention it.
    """

    name: str
    keys: tuple[str, ...]
    phrases: tuple[str, ...]
    place: Place
    target: str = ""
    is_inherited: bool = False


@dataclass(frozen=True, slots=True)
class DataEntry:
    """What a `collect` takes.

    Attributes:
        lengths: fewest and most digits; None when it takes none.
        ends_with_hash: whether the hash key ends the entry.
    """

    lengths: tuple[int, int] | None
    ends_with_hash: bool = False
