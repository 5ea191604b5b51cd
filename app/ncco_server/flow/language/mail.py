"""The email that a hook sends.

hooks:
  voicemail_saved:
    mail: {to: "{{ env.OFFICE_MAIL }}", subject: "A message from {{ call.from }}", attach: recording}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Any, ClassVar, Final, Literal

from ncco_server.flow.grammar.fields import OrTemplate
from ncco_server.flow.grammar.forms import TEXT, Notation
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import Resolver
from ncco_server.flow.language.outgoing import plain_text
from ncco_server.flow.nodes import Node, Place, Text
from ncco_server.flow.templates.values import Value
from ncco_server.flow.values import leaves
from ncco_server.ncco.value_types import TYPES, PlainText

MOST_ADDRESSES: Final = 20
"""Our choice. To reach more people, use a mailing list on the mail server."""
_CURE: Final = (
    f"only email addresses are allowed, such as office@example.com, at most {MOST_ADDRESSES}, separated by commas"
)
_BRACES: Final = re.compile(r"\{\{.*?\}\}")


def addresses(text: str) -> tuple[str, ...]:
    """Split at commas.

    Raises ValueError, without the text, for no, too many, or invalid addresses.
    """
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 0 < len(found) <= MOST_ADDRESSES or not all(map(_is_address, found)):
        raise ValueError(_CURE)
    return found


def _is_address(text: str) -> bool:
    """One ASCII address without a name, with only letters, digits, dots and hyphens in its domain."""
    if not text.isascii() or len(text) > 254:  # Source: RFC 5321, 4.5.3.1.3
        return False
    try:
        found = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError):
        return False
    labels = found.domain.split(".")
    is_bare = bool(found.username) and not set(text) & set('" ()')  # quoted names and comments
    return is_bare and all(label.replace("-", "").isalnum() for label in labels)


class Addresses(PlainText):
    """Email addresses, separated by commas."""

    name = "addresses"
    sample = "office@example.com"

    def cast(self, value: object) -> str:
        return ",".join(addresses(str(value)))


def _read_to(node: Node, what: str, reader: Resolver) -> Value | None:
    """Report E585 if a caller or another server could choose who gets the email."""
    value = reader.value(node, Addresses(), "text", what)
    if value is not None and isinstance(node, Text) and "{%" not in node.value:
        for part, place in _parts_that_are_no_address(node):
            reader.report("E313", place, f'{what} cannot be "{part}"', _CURE)
            return None
    for leaf in leaves(value) if value is not None else ():
        for name in sorted(leaf.used_names):
            if name.partition(".")[0] != "env":
                reader.report("E585", leaf.place, f"{what} is computed from {name}")
                return None
    return value


def _parts_that_are_no_address(text: Text) -> Iterator[tuple[str, Place]]:
    for written, place in text.between_commas():
        computed = _BRACES.sub("x", written)
        is_possible = _is_address(written) if computed == written else not re.search(r"[\s;]", computed)
        if written and not is_possible:
            yield written, place


class MailDefinition(MapForm):
    """The map under `mail` of a hook."""

    cures: ClassVar = {
        "to": 'write `to: "{{ env.OFFICE_MAIL }}"`',
        "subject": 'write `subject: "A call from {{ call.from }}"`',
    }
    is_at_key: ClassVar = True
    example: ClassVar = 'mail: {to: "{{ env.OFFICE_MAIL }}", subject: "A call from {{ call.from }}"}'

    to: Annotated[Value, Notation(_read_to, TEXT)]
    """Email addresses, separated by commas, written here or in `env`."""
    subject: Annotated[Value, OrTemplate(TYPES["text"])]
    """The subject, on one line."""
    text: Annotated[Value | None, OrTemplate(TYPES["text"])] = None
    """The text of the email; by default the subject."""
    attach: Literal["recording"] | None = None
    """`recording` attaches the recording that the event reports."""

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(value for value in (self.to, self.subject, self.text) if value is not None)

    def render(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The email as JSON: `to`, `subject`, `text`, and with `attach` the ID of the recording.

        Raises RenderError, or ValueError without values from the call.
        """
        mail = {
            "to": list(addresses(self.to.render(names))),
            "subject": " ".join(plain_text(self.subject.render(names)).split()),
            "text": plain_text(self.text.render(names)) if self.text is not None else "",
        }
        return mail | ({"recording": names["event"]["recording_uuid"]} if self.attach else {})
