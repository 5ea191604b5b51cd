"""Texts of a flow that compute a whole list: `"{{ oncall.numbers }}"`."""

from __future__ import annotations

from jinja2 import nodes

from app.flow.model import Value
from app.flow.nodes import Node, Text
from app.flow.reader import Reader
from app.flow.scope import Shape, item_of, kind_of
from app.flow.templates.check import Check
from app.flow.templates.checker import type_of
from app.flow.templates.syntax import read_template
from app.flow.templates.tree import Template
from app.flow.types import ValueType


def read_list(node: Node, type_: ValueType, reader: Reader, what: str) -> Value | None:
    """The list that a text computes. E331 for one that holds secrets: what is played is kept with the call."""
    value = reader.value(node, type_, "kept", what)
    for name in sorted(value.used_names & reader.scope.secrets) if value is not None else ():
        message = f"{name} would be sent and kept in the open; it is {reader.scope.unspoken[name]}"
        reader.report("E331", node.place, message)
    return value


def entries_in(node: Node | None, reader: Reader) -> ValueType | None:
    """The type of the entries of the list that a text computes; None when it is no list. Reports nothing."""
    shape = computed_type(node, reader)
    return item_of(shape) if shape is not None and kind_of(shape) == "list" else None


def computed_type(node: Node | None, reader: Reader) -> Shape | None:
    """What a text computes that is one pair of braces; None for any other, and when that is not known.

    Reports nothing: what is wrong with the text is told when it is compiled.
    """
    if not isinstance(node, Text) or not node.value.startswith("{{"):
        return None
    template = Template(node)
    template.body, faults = read_template(template, node)
    match template.body:
        case [nodes.Output(nodes=[computed])] if not faults and not isinstance(computed, nodes.TemplateData):
            return type_of(Check(template, reader.scope), computed)
    return None
