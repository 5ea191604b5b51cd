"""`ncco`: a whole action list from a file of templates/, for what the flow language cannot say.

```yaml
do:
  - ncco: queue.json.j2
```

Values are JSON-escaped where they stand, so a caller's words cannot add an action or a field. The result is parsed and
checked like any other before it leaves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import RenderError
from app.flow.actions.action import observer
from app.flow.actions.endpoints import address_of
from app.flow.actions.fields import in_every_locale
from app.flow.actions.item import Item
from app.flow.model import Draft, Frame, Part, Value
from app.flow.nodes import Place, Text
from app.flow.reader import Reader
from app.flow.templates import compile_file
from app.flow.types import TYPES


@dataclass(frozen=True, slots=True)
class Document:
    """An action list from a file."""

    place: Place
    value: Value
    is_opening: bool = False
    source: str = ""
    """What its files say: an address that stands there written out is dialled in every call."""

    def render(self, frame: Frame) -> list[Draft]:
        """Its actions in this call. Raises RenderError (E413 when the template does not give a list of actions)."""
        if self.is_opening and frame.position:
            return []
        return self.drafts(self.value.render(frame.names))

    def drafts(self, text: str) -> list[Draft]:
        """The actions that a rendered template holds. Raises RenderError (E413)."""
        return [self._draft(action) for action in self._parse(text)]

    def _parse(self, text: str) -> list[dict[str, Any]]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._error(f"it is not JSON: {error}") from error
        if not isinstance(found, list):
            raise self._error("it is not a JSON array")
        if not all(isinstance(action, dict) for action in found):
            raise self._error("an entry of the array is not an action")
        return found

    def _error(self, message: str) -> RenderError:
        return RenderError("E413", f"the action list of `ncco` cannot be played: {message}", str(self.place))

    def _draft(self, action: dict[str, Any]) -> Draft:
        word = str(action.get("action"))
        has_url = "eventUrl" in action
        if word == "input" and not has_url and action.get("mode") != "asynchronous":
            raise self._error("its `input` has no `eventUrl`; write a menu with `choices` instead")
        callback = observer(
            word,
            has_url=has_url,
            records=action.get("record") is True,
            is_asynchronous=action.get("mode") == "asynchronous",
        )
        return Draft(action, callback, self._dials(action))

    def _dials(self, action: Mapping[str, Any]) -> str:
        """The number or address to be checked against the allow-list; "" for one that the author wrote out."""
        address = _address(action)
        return "" if self.value.is_literal or f'"{address}"' in self.source else address


def _address(action: Mapping[str, Any]) -> str:
    endpoint = action.get("endpoint")
    first = endpoint[0] if isinstance(endpoint, list) and endpoint else endpoint
    return address_of(first) if isinstance(first, dict) else ""


class DocumentKind:
    """How an `ncco` is read."""

    word = "ncco"

    def read(self, item: Item, reader: Reader) -> Part | None:
        """The action list of one item; None once its faults are reported."""
        name = item.main
        if not isinstance(name, Text):
            message = "`ncco` takes the name of a file in templates/"
            reader.report("E404", item.place, message, "write `ncco: queue.json.j2`")
            return None
        for entry in item.beside:
            reader.report("E202", entry.key.place, f'ncco has no "{entry.key.value}"', "it takes a file name only")
        value = in_every_locale(item.place, reader, lambda local: _read_file(name, local))
        if value is None:
            return None
        source = "\n".join(reader.templates.get(file, "") for file in sorted({name.value, *value.used_files}))
        return Document(item.place, value, source=source)


def _read_file(name: Text, reader: Reader) -> Value | None:
    value, issues = compile_file(name, TYPES["text"], "json", reader.scope, reader.templates, language=reader.language)
    reader.issues.extend(issues)
    return value
