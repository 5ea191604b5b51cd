"""`defaults`: what every step of a flow inherits, and says otherwise where it has to.

defaults:
  talk: {language: en-GB, style: 2}       # of every talk; connect, stream, ... likewise
  retry: {noinput: ["Sorry?"], then: reception}
  choices:
    operator: {dtmf: 0, speech: operator, goto: reception}      # added to every menu
  min_confidence: 0.4
  on: {error: sorry}                      # where the call goes when a value cannot be computed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from app.flow.actions.item import ACTIONS, check_defaults
from app.flow.grammar.forms import Notation
from app.flow.grammar.json_schema import ref
from app.flow.grammar.map_form import MapForm
from app.flow.grammar.reader import HINTS, Fields, Reader
from app.flow.grammar.resolver import Resolver
from app.flow.grammar.targets import Destination
from app.flow.language.choice import Choice, Confidence, Menu, read_menu
from app.flow.language.retry import RetryWords
from app.flow.nodes import Map, Node
from app.flow.runtime import Target


class ErrorLine(MapForm):
    """The `on` of `defaults`: only `error`."""

    example: ClassVar = "on: {error: step}"

    error: Destination | None = None
    """A value could not be computed."""


class DefaultWords(MapForm):
    """`defaults` as they are written: these fields, and a word for each NCCO action."""

    hints: ClassVar = HINTS["defaults"]
    others: ClassVar = ACTIONS

    retry: RetryWords | None = None
    """What every menu and data entry does when the caller says nothing that fits."""
    choices: Annotated[Menu | None, Notation(read_menu, ref("choices"))] = None
    """Choices that are added to every menu."""
    min_confidence: Confidence = 0.0
    """From 0 to 1: what the recogniser is less sure of does not count."""
    on: ErrorLine | None = None
    """error: where the call goes when a value cannot be computed."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every step inherits.

    Attributes:
        actions: the options of every action of a kind.
        error: where the call goes when a value cannot be computed.
    """

    actions: Mapping[str, Map] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    retry: RetryWords | None = None
    min_confidence: float = 0.0
    error: Target | None = None


def read_defaults(node: Node, reader: Resolver) -> Defaults:
    """The map under `defaults`."""
    found = reader.map(node, "`defaults`", "write e.g. `defaults: {talk: {language: en-GB}}`")
    if found is None:
        return Defaults()
    fields = DefaultWords.read_words(found, "`defaults`", reader)
    actions = _read_actions(fields, reader)
    reader = replace(reader, inherited=actions)
    words = DefaultWords.build(fields, reader)
    if words is None:
        return Defaults(actions)
    error = words.on.error if words.on else None
    return Defaults(actions, words.choices or {}, words.retry, words.min_confidence, error)


def _read_actions(fields: Fields, reader: Reader) -> dict[str, Map]:
    """The options of each action, which are checked whether or not a step plays one."""
    written = {name: fields.values[name] for name in ACTIONS if name in fields.values}
    found = {
        name: reader.map(node, f"`{name}`", f"write the options that every {name} has: `{name}: {{..}}`")
        for name, node in written.items()
    }
    actions = {name: action for name, action in found.items() if action is not None}
    check_defaults(actions, reader)
    return actions
