"""Fields that may differ from locale to locale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.flow.language.locales import Locale, split, stands_for_locales, within
from app.flow.model import Value
from app.flow.nodes import Map, Node, Place, Text
from app.flow.parts.shapes import Shape
from app.flow.parts.values import localised
from app.flow.reader import Reader


@dataclass(frozen=True, slots=True)
class PerLocale:
    """A field in whose place a map may stand, with one value for each locale."""

    inner: Shape

    def read(self, node: Node, reader: Reader, what: str) -> Value | None:
        """See `Shape`."""
        if isinstance(node, Map) and stands_for_locales(node, reader, ("template",)):
            return self._read_map(node, reader, what)
        return in_each_locale(node, reader, lambda local: self.inner.read(node, local, what))

    def _read_map(self, node: Map, reader: Reader, what: str) -> Value | None:
        found = split(node, what, reader)
        if found is None:
            return None
        locales: Mapping[str, Locale] = reader.locales
        values = {name: self.inner.read(each, within(reader, locales[name]), what) for name, each in found.items()}
        return _joined(values, node.place)


def in_each_locale(node: Node, reader: Reader, read: Callable[[Reader], Value | None]) -> Value | None:
    """What `read` makes of a node that is written once for all locales."""
    if not reader.locales or (isinstance(node, Text) and "{" not in node.value):
        return read(reader)
    return in_every_locale(node.place, reader, read)


def in_every_locale(place: Place, reader: Reader, read: Callable[[Reader], Value | None]) -> Value | None:
    """What `read` makes of the same in the language of each locale, since filters say it in that language.

    An issue that comes of it in several is reported once.
    """
    locales: Mapping[str, Locale] = reader.locales
    if len({locale.language for locale in locales.values()}) < 2:
        return read(next((within(reader, locale) for locale in locales.values()), reader))
    before = len(reader.issues)
    values = {name: read(within(reader, locale)) for name, locale in locales.items()}
    reader.issues[before:] = dict.fromkeys(reader.issues[before:])
    return _joined(values, place)


def _joined(values: Mapping[str, Value | None], place: Place) -> Value | None:
    """The values as one; None when one of them could not be read."""
    read = {name: value for name, value in values.items() if value is not None}
    return localised(read, place) if len(read) == len(values) else None
