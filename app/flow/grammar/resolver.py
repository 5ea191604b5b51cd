"""Reads the parts of a flow that name something: values, conditions, targets, lookups and hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.flow.grammar.reader import Reader
from app.flow.issues import Fix
from app.flow.nodes import Entry, Map, Node, Place, Text
from app.flow.scope import ScopeTypes, Signature, Variable
from app.flow.templates.compiler import compile_expression, compile_value
from app.flow.templates.values import Expression, Value
from app.value_types import Escape, Kind


@dataclass(slots=True, kw_only=True)
class Resolver(Reader):
    """A reader that knows what its nodes may name: what the flow declares, and what the files around it declare.

    Attributes:
        scope: what names a value may use, with their types.
        templates: template file name → text.
        steps: the names of all steps of the flow, sorted, each with its place; empty outside of a flow.
        variables: of the flow, by name.
        flows: the signatures of the flows of the project, by name.
        locales: of the flow, by name; empty when it speaks one language.
        lookups, hooks: which the flow may use, by name.
        language: the language in which values are spoken (BCP 47).
        own: the signature of the flow that is being read; None if it is not a flow.
        inherited: the options that `defaults` gives to every action of a kind.
    """

    scope: ScopeTypes
    templates: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Place] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    flows: Mapping[str, Signature] = field(default_factory=dict)
    locales: Mapping[str, Any] = field(default_factory=dict)
    lookups: Mapping[str, Any] = field(default_factory=dict)
    hooks: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en-US"
    own: Signature | None = None
    inherited: Mapping[str, Map] = field(default_factory=dict)

    def value(self, node: Node, type_: Kind, escape: Escape, what: str) -> Value | None:
        """A literal or a text with braces, cast to `type_` and escaped for its place."""
        text = self.text(node, what)
        if text is None:
            return None
        value, issues = compile_value(
            text, type_, escape, self.scope, self.templates, what=what, language=self.language
        )
        self.issues.extend(issues)
        return value

    def warn_of_own_name(self, entry: Entry) -> None:
        """W305 for a text that repeats its key, as in `reason: reason`, if a variable has that name."""
        key, value = entry
        if isinstance(value, Text) and not value.quoted and value.value == key.value and key.value in self.variables:
            message = f'"{key.value}" is the text that is written here, not the value of {key.value}'
            braces = f"{{{{ {key.value} }}}}"
            self.report("W305", value.place, message, Fix(f'write "{braces}"', "word", braces), [key.value])

    def expression(self, node: Node, what: str) -> Expression | None:
        """A bare expression: the text of `if`, `until` and `check`."""
        text = self.text(node, what)
        if text is None:
            return None
        expression, issues = compile_expression(text, self.scope, language=self.language)
        self.issues.extend(issues)
        return expression
