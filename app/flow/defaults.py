"""`defaults` of a flow: what every step inherits.

defaults:
  talk: {language: en-GB, style: 2}       # of every talk; connect, stream, ... likewise
  retry: {noinput: ["Sorry?"], then: reception}
  choices:
    operator: {dtmf: 0, speech: operator, goto: reception}      # added to every menu
  min_confidence: 0.4
  on: {error: sorry}                      # where a value that cannot be computed leads
"""

from __future__ import annotations

from collections.abc import Mapping

from app.flow.confidence import min_confidence
from app.flow.fields import Fields, read_fields
from app.flow.inherited import Defaults
from app.flow.menu import read_menu
from app.flow.model import Target, Variable
from app.flow.nodes import Map, Node
from app.flow.parts.inheritance import check_defaults
from app.flow.played import ACTIONS
from app.flow.reader import Reader
from app.flow.retry import RetrySource, read_retry
from app.flow.targets import read_target

WORDS = (*ACTIONS, "retry", "choices", "min_confidence", "on")
_HINTS = {
    "language": "write it under its action: `talk: {language: en-GB}`",
    "style": "write it under its action: `talk: {style: 2}`",
    "premium": "write it under its action: `talk: {premium: true}`",
    "error": "write `on: {error: step}`",
}


def read_defaults(node: Node, variables: Mapping[str, Variable], reader: Reader) -> Defaults:
    """The map under `defaults`."""
    found = reader.map(node, "`defaults`", "write e.g. `defaults: {talk: {language: en-GB}}`")
    if found is None:
        return Defaults(retry=RetrySource(is_whole=False), is_whole=False)
    fields = read_fields(found, WORDS, "`defaults`", reader, hints=_HINTS)
    actions = {
        name: reader.map(fields.values[name], f"`{name}`", f"write the options that every {name} has: `{name}: {{..}}`")
        for name in ACTIONS
        if name in fields.values
    }
    kept = {name: action for name, action in actions.items() if action is not None}
    check_defaults(kept, reader)
    choices = read_menu(fields.values["choices"], variables, reader) if "choices" in fields.values else {}
    return Defaults(
        kept,
        choices or {},
        _read_retry(fields, kept, reader),
        min_confidence(fields, 0.0, reader),
        read_error(fields, reader),
        fields.is_whole and choices is not None,
    )


def _read_retry(fields: Fields, actions: Mapping[str, Map], reader: Reader) -> RetrySource:
    node = fields.get("retry")
    if node is None:
        return RetrySource(is_whole=fields.is_whole)
    return read_retry(node, reader, actions, fields.at("retry"))


def read_error(fields: Fields, reader: Reader) -> Target | None:
    """Where the `on` of `defaults` leads on an error; it holds nothing else."""
    node = fields.get("on")
    found = reader.map(node, "`on` of defaults", "write `on: {error: step}`") if node else None
    if found is None:
        return None
    lines = read_fields(found, ("error",), "`on` of defaults", reader)
    target = lines.get("error")
    return read_target(target, "`error`", reader) if target else None
