"""One target of a `connect`: a party that is rung, or a computed list of numbers that are rung one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import RenderError
from app.flow.model import Draft, Frame, Runs, Value
from app.flow.parts.action import Action
from app.flow.parts.address import ADDRESS_FIELDS, address_of
from app.flow.parts.numbers import each_number
from app.flow.parts.values import Object, find


@dataclass(frozen=True, slots=True)
class Party(Action):
    """A `connect` action with one endpoint.

    Attributes:
        numbers: the list whose numbers are dialled; None for a single number or address.
        heard: the flow that the other party hears before it is joined.
    """

    numbers: Value | None = None
    heard: Runs | None = None

    @property
    def is_computed(self) -> bool:
        """Whether it takes a call to know which number or address is dialled.

        A websocket rings no phone, and its host is written in the flow (E332), so its path may be computed freely.
        """
        if find(self.fields["endpoint"], ("0", "type")).render({}) == "websocket":
            return False
        parts = (find(self.fields["endpoint"], ("0", name)) for name in ADDRESS_FIELDS)
        return any(not isinstance(part, Object) and not part.is_literal for part in parts)

    @property
    def differs(self) -> bool:
        """Whether it asks for more than its fields: an allowed number, or a webhook of the other party."""
        return self.heard is not None or self.is_computed

    def turns(self, frame: Frame) -> Iterator[Mapping[str, Any]]:
        """What is in scope each time that it is rung: once, or for every number of its list. Raises RenderError."""
        if self.numbers is None:
            yield frame.names
        else:
            yield from each_number(self.numbers, frame)

    def may_be_dialled(self, frame: Frame) -> bool:
        """Whether a computed address of a list may be dialled: it is allowed, and a value of its type.

        One that cannot be computed at all fails when its turn comes.
        """
        if not self.is_computed:
            return True
        try:
            address = address_of(self.fields["endpoint"].render(frame.names)[0])
        except RenderError as error:
            return error.code != "E392" or frame.may_dial("")
        return not address or frame.may_dial(address)

    def draft(self, names: Mapping[str, Any]) -> Draft:
        """Its action in this call. Raises RenderError."""
        (draft,) = self.render(Frame(names))
        if self.is_computed:
            draft.dials = address_of(draft.action["endpoint"][0])
        if self.heard is not None:
            given = {each.name: each.value.render(names) for each in self.heard.given}
            draft.heard = {"flow": self.heard.flow, "given": given}
        return draft
