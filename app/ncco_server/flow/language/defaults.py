"""`defaults`: what every step of a flow inherits, unless it overrides it.

defaults:
  talk: {language: en-GB, style: 2}       # of every talk; connect, stream, ... likewise
  choices: {operator: {dtmf: 0, speech: operator, goto: reception}}    # added to every menu
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar

from ncco_server.flow.actions.item import ACTIONS, check_defaults
from ncco_server.flow.frame import Target
from ncco_server.flow.grammar.map_form import MapForm, SetByCode
from ncco_server.flow.grammar.reader import UNWRITTEN, Fields, Reader, Resolver
from ncco_server.flow.grammar.targets import Destination
from ncco_server.flow.language.choice import Confidence, Menu
from ncco_server.flow.language.retry import RetryWords
from ncco_server.flow.nodes import Map, Node


class ErrorLine(MapForm):
    """The `on` of `defaults`, which only has `error`."""

    example: ClassVar = "on: {error: end}"

    error: Destination | None = None
    """Where the call goes if a value could not be computed."""


class Defaults(MapForm):
    """The words that every step inherits: these, and one for each NCCO action."""

    others: ClassVar = ACTIONS

    written: SetByCode[Fields] = UNWRITTEN
    actions: SetByCode[Mapping[str, Map]] = field(default_factory=dict)
    """The options that all actions of one kind inherit."""
    retry: RetryWords | None = None
    """What menus and data entry do if the caller's input is invalid or missing."""
    choices: Menu = field(default_factory=dict)
    """Choices that are added to every menu."""
    min_confidence: Confidence = 0.0
    """From 0 to 1: results with a lower confidence do not count."""
    on: ErrorLine | None = None
    """error: where the call goes if a value cannot be computed."""

    @property
    def error(self) -> Target | None:
        return self.on.error if self.on else None


def read_defaults(node: Node, reader: Resolver) -> Defaults:
    found = reader.map(node, "`defaults`", "write e.g. `defaults: {talk: {language: en-GB}}`")
    if found is None:
        return Defaults()
    fields = Defaults.read_words(found, "`defaults`", reader)
    actions = _read_actions(fields, reader)
    return Defaults.build(fields, replace(reader, inherited=actions), actions=actions) or Defaults(actions=actions)


def _read_actions(fields: Fields, reader: Reader) -> dict[str, Map]:
    written = {name: fields.values[name] for name in ACTIONS if name in fields.values}
    found = {
        name: reader.map(node, f"`{name}`", f"write the options for every {name}: `{name}: {{..}}`")
        for name, node in written.items()
    }
    actions = {name: action for name, action in found.items() if action is not None}
    check_defaults(actions, reader)
    return actions
