"""Compiles the texts of a flow to values and conditions."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final, NamedTuple

from jinja2 import nodes

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.scope import ScopeTypes
from ncco_server.flow.templates.analysis import Analysis, check_braces
from ncco_server.flow.templates.checker import Checker
from ncco_server.flow.templates.escaping import CONTEXTS, without_tags
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.references import operand_of
from ncco_server.flow.templates.syntax import SyntaxFault, read_expression
from ncco_server.flow.templates.tree import MAX_FILE, Located, Template, TemplateFile, missing_file, shorten
from ncco_server.flow.templates.values import Computed, Expression, Literal, Native, Value, with_plus
from ncco_server.ncco.value_types import POINTS, TYPES, Escape, Kind

MAX_LENGTH: Final = 1_000
"""Characters of a condition; our choice."""

_OPENER = re.compile(r"\{[{%#]")
_SPEAK = re.compile(r"<speak[\s>]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSPOKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, which YAML escapes can produce, become spaces, as in values from callers."""
_PATH = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\s*\|\s*\w+(?:\([^()]*\))?)*")
_BEGINNING = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://[^{]*")
_PORT = re.compile(r"://[^/?#]*:[0-9]*$")
_TEXTUAL: Final = frozenset({"text", "phone", "url", "words"})
_CASTABLE_KINDS: Final = {
    "int": ("number", "text"),
    "number": ("number", "text"),
    "bool": ("bool", "text"),
    "list": ("list",),
    "map": ("map",),
    "date": ("date", "text"),
    "time": ("time", "text"),
    "datetime": ("datetime", "text"),
    "moment": ("datetime", "text"),
    "any": ("text", "number", "bool", "list", "map", *POINTS),
}
"""Other types only take values of their own kind."""


class _CompilationUnit(NamedTuple):
    """One value to compile."""

    text: Located
    place: Place
    type: Kind
    escape: Escape
    scope: ScopeTypes
    templates: Templates
    language: str
    what: str = "the value"


def compile_value(
    text: Text,
    type_: Kind,
    escape: Escape,
    scope: ScopeTypes,
    templates: Templates,
    *,
    what: str = "the value",
    language: str = LANGUAGE,
) -> tuple[Value | None, list[FlowIssue]]:
    """Compile one field: a literal, cast to `type_`, or text with braces, computed in each call.

    `what` names the field in messages; `language` is that of localised filters. The value is None after an error.
    """
    if escape in ("talk", "ssml") and _UNSPOKEN.search(text.value):
        text = text._replace(value=_UNSPOKEN.sub(" ", text.value))
    return _compile(_CompilationUnit(text, text.place, type_, escape, scope, templates, language, what=what))


def compile_file(
    name: Text,
    type_: Kind,
    escape: Escape,
    scope: ScopeTypes,
    templates: Templates,
    *,
    language: str = LANGUAGE,
) -> tuple[Value | None, list[FlowIssue]]:
    """Issues are at their places in the file, not in the flow. The value is None as in `compile_value`."""
    if name.value not in templates:
        return None, [RULES["E323"].at(name.place, *missing_file(name.value, templates))]
    text = TemplateFile(name.value, templates[name.value])
    if len(text.value) > MAX_FILE:
        message = f"{name.value} has more than {MAX_FILE:,} characters"
        return None, [RULES["E311"].at(name.place, message)]
    return _compile(_CompilationUnit(text, name.place, type_, escape, scope, templates, language))


def compile_expression(
    text: Text, scope: ScopeTypes, *, language: str = LANGUAGE
) -> tuple[Expression | None, list[FlowIssue]]:
    """The expression is None if an issue is an error."""
    template = Template(text, scope.zone)
    check = Checker(template, scope, is_bare=True)
    if len(text.value) > MAX_LENGTH:
        message = f"an expression of more than {MAX_LENGTH:,} characters"
        return None, [RULES["E311"].at(text.at(0), message)]
    try:
        node = read_expression(template, text)
    except SyntaxFault as error:
        check.report(error.code, error.at, error.message, error.cure)
        return None, check.issues
    check.check_test(node)
    if check.has_errors:
        return None, check.issues
    return Expression(text.place, TYPES["bool"], text.value, template, language, *check.used(node)), check.issues


def _compile(unit: _CompilationUnit) -> tuple[Value | None, list[FlowIssue]]:
    if not _OPENER.search(unit.text.value):
        return _compile_literal(unit)
    template, faults, _ = unit.templates.read(unit.text, unit.scope.zone)
    if unit.type.name not in _TEXTUAL and not faults:
        match template.body:
            case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
                if unit.text.value == unit.text.value.strip():
                    return _compile_native(unit, template, node)
    return _compile_computed(unit, template, [*faults])


def _compile_literal(unit: _CompilationUnit) -> tuple[Value | None, list[FlowIssue]]:
    template = Template(unit.text)
    text = unit.text.value
    template.add(unit.text)
    check = Checker(template, unit.scope)
    if unit.escape != "json":
        check_braces(check, text)
    if unit.escape in ("talk", "ssml"):
        text = text.strip()
    try:
        if unit.escape == "header" and _CONTROL.search(text):
            raise ValueError("a header without line breaks and control characters is needed")
        is_plain = unit.escape == "talk" and not _SPEAK.search(text)
        value = unit.type.cast(without_tags(text).strip() if is_plain else text)
    except ValueError as error:
        is_name = re.split(r"\W", text, maxsplit=1)[0] in unit.scope.types
        cure: str = f'{error}; to compute it, write "{{{{ {shorten(text)} }}}}"' if is_name else str(error)
        computed = as_computed(text, unit.type, unit.scope, is_unfit=True)
        cure = computed or cure
        check.issues.append(RULES["E313"].at(_whole_place(unit.text), f'{unit.what} cannot be "{shorten(text)}"', cure))
    if check.has_errors:
        return None, check.issues
    if fix := as_computed(text, unit.type, unit.scope):
        message = f'"{text}" is plain text here, not the value of {text.partition("|")[0].strip()}'
        check.issues.append(RULES["W305"].at(_whole_place(unit.text), message, fix, [text.partition(".")[0]]))
    return Literal(with_plus(value) if unit.escape == "url" else value, unit.place, unit.text), check.issues


def as_computed(text: str, wanted: Kind, scope: ScopeTypes, *, is_unfit: bool = False) -> str | None:
    """The fix of what was probably meant to be computed: `member.name`. None for other texts.

    A name alone may be meant if the text does not fit its type.
    """
    path = _PATH.fullmatch(text)
    named = scope.types.get(text) if is_unfit else None
    is_meant = named is not None and named.family in ("any", *_CASTABLE_KINDS.get(wanted.name, (wanted.family,)))
    if not is_meant and (path is None or scope.type_at(path[1].split(".")) is None):
        return None
    return f'write "{{{{ {text} }}}}"'


def _may_be(wanted: Kind, kind: Kind) -> bool:
    """Whether a value can be of the wanted type; of words, whether at least one can."""
    if kind.family not in ("any", *_CASTABLE_KINDS.get(wanted.name, (wanted.family,))):
        return False
    for word in kind.words:
        with suppress(ValueError):
            wanted.cast(word)
            return True
    return not kind.words


def _whole_place(text: Located) -> Place:
    return text.place if isinstance(text, Text) else text.at(0, max(1, len(text.value.split("\n")[0])))


def _compile_native(
    unit: _CompilationUnit, template: Template, node: nodes.Expr
) -> tuple[Value | None, list[FlowIssue]]:
    check = Checker(template, unit.scope)
    kind = check.type_of(node)
    wanted = unit.type
    _refuse_spoken(check, node, wanted)
    if kind is not None and not check.has_errors and not _may_be(wanted, kind):
        message = f"{check.shown(node)} is {kind.described}; {wanted.described} is needed"
        converted = None if kind.words else check.converted(node, wanted.family)
        cure = converted or f"compute {wanted.described}"
        check.report("E313", node, message, cure)
    if check.has_errors:
        return None, check.issues
    about = (unit.place, wanted, check.shown(node), template, unit.language)
    return Native(*about, *check.used(node)), check.issues


def _refuse_spoken(check: Checker, node: nodes.Expr, wanted: Kind) -> None:
    """Report E313 for text for callers, such as a date in words, which is no date or number to dial."""
    if not isinstance(node, nodes.Filter) or check.has_errors or not (wanted.is_timed or wanted.name == "phone"):
        return
    if not FILTERS[node.name].is_localised:
        return
    kept = check.template.written_as(operand_of(node)).text
    fix = f"leave out `| {node.name}`: write {kept}"
    check.report("E313", node, f"`{node.name}` gives text for callers; {wanted.described} is needed", fix)


def _compile_computed(
    unit: _CompilationUnit, template: Template, faults: list[FlowIssue]
) -> tuple[Value | None, list[FlowIssue]]:
    escape: Escape = "ssml" if unit.escape == "talk" and _SPEAK.search(template.source) else unit.escape
    check = Checker(template, unit.scope, issues=faults)
    analysis = Analysis(check, CONTEXTS[escape], is_json=escape == "json")
    analysis.block(template.body)
    if escape == "url":
        _check_beginning(unit, check)
    match template.body:
        case [nodes.Output(nodes=[nodes.Filter() as node])]:
            _refuse_spoken(check, node, unit.type)
    if check.has_errors:
        return None, check.issues
    about = (unit.place, unit.type, unit.text.value, template, unit.language)
    used = (frozenset(analysis.used_names), frozenset(analysis.used_env))
    return Computed(*about, *used, escape, analysis.escapers), check.issues


def _check_beginning(unit: _CompilationUnit, check: Checker) -> None:
    found = _BEGINNING.match(unit.text.value)
    if found is None or found[0].endswith("["):  # the braces may compute an IPv6 address in brackets
        return
    written = found[0]
    try:
        unit.type.cast(written + ("1" if _PORT.search(written) else "x"))
    except ValueError as error:
        beginning = check.template.between(len(written) - len(written.lstrip()), len(written))
        check.report("E313", beginning, f'{unit.what} cannot begin with "{written.strip()}"', str(error))
