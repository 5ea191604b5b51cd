"""The values that a part is made of, for checks over a whole flow."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.model import Part, Value
from app.flow.parts.action import Action
from app.flow.parts.connect import Connect
from app.flow.parts.document import Document
from app.flow.parts.party import Party


def actions_of(part: Part) -> tuple[Action, ...]:
    """The actions that a part is known to be: none for a document, one for each party of a connect."""
    if isinstance(part, Connect):
        return part.targets
    return (part,) if isinstance(part, Action) else ()


def values_in(part: Part) -> Iterator[Value]:
    """What each call computes of a part."""
    if isinstance(part, Document):
        yield part.value
    for action in actions_of(part):
        yield from (value for value in action.fields.values() if not value.is_literal)
        if isinstance(action, Party):
            yield from _of_party(action)


def _of_party(party: Party) -> Iterator[Value]:
    if party.numbers is not None:
        yield party.numbers
    if party.heard is not None:
        yield from (given.value for given in party.heard.given)
