"""Makes values of the texts of a flow: literal ones, ones with braces, and template files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.flow.expressions import LANGUAGE
from app.flow.expressions.check import Check, Located, described, kind_of
from app.flow.expressions.checker import type_of
from app.flow.expressions.compiled import used_env
from app.flow.expressions.evaluator import compiled as compiled_node
from app.flow.expressions.syntax import Node
from app.flow.expressions.touching import touched_names
from app.flow.issues import Issue
from app.flow.model import Value
from app.flow.nodes import Place, Text
from app.flow.rules import RULES
from app.flow.scope import ScopeTypes
from app.flow.templates import rewriting
from app.flow.templates.beginnings import check_beginning
from app.flow.templates.checking import Analyst
from app.flow.templates.includes import MAX_FILE, missing_file
from app.flow.templates.plan import Plan, Unit
from app.flow.templates.scanner import Data
from app.flow.templates.source import TemplateFile
from app.flow.templates.spots import SPOTS
from app.flow.templates.straight import Pieces, straight
from app.flow.templates.stray import stray_braces
from app.flow.templates.tree import Output, TreeReader
from app.flow.templates.values import Computed, Escape, Literal, Native
from app.flow.types import ValueType

_OPENER = re.compile(r"\{[{%#]")
_SPEAK = re.compile(r"<speak[\s>]")
_INCLUDED = re.compile(r"""\binclude\s+["']([^"']+)["']""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z_]\w*")
_SHOWN = 40
_TEXTUAL = frozenset({"text", "phone", "url", "words"})


@dataclass(frozen=True, slots=True)
class _Job:
    """One value to compile."""

    text: Located
    place: Place
    type: ValueType
    escape: Escape
    scope: ScopeTypes
    templates: Mapping[str, str]
    language: str
    files: tuple[str, ...] = ()
    what: str = "the value"


def compile_value(
    text: Text,
    type_: ValueType,
    escape: Escape,
    scope: ScopeTypes,
    templates: Mapping[str, str],
    *,
    what: str = "the value",
    language: str = LANGUAGE,
) -> tuple[Value | None, list[Issue]]:
    """The value of one field: what is written, cast to `type_`; with braces, what they make of each call.

    `what` names the field in messages, `language` is what its filters speak. Returns None for the value when an issue
    stands in its way; warnings come with a value.
    """
    return _compiled(_Job(text, text.place, type_, escape, scope, templates, language, what=what))


def compile_file(
    name: Text,
    type_: ValueType,
    escape: Escape,
    scope: ScopeTypes,
    templates: Mapping[str, str],
    *,
    language: str = LANGUAGE,
) -> tuple[Value | None, list[Issue]]:
    """The value that the template file `name` makes; its filters speak `language`.

    Issues within the file carry the file's own place.
    """
    if name.value not in templates:
        return None, [RULES["E323"].at(name.place, *missing_file(name.value, templates))]
    text = TemplateFile(name.value, templates[name.value])
    if len(text.value) > MAX_FILE:
        message = f"{name.value} has more than {MAX_FILE:,} characters"
        return None, [RULES["E311"].at(name.place, message)]
    return _compiled(_Job(text, name.place, type_, escape, scope, templates, language, (name.value,)))


def _compiled(job: _Job) -> tuple[Value | None, list[Issue]]:
    if not _OPENER.search(job.text.value):
        return _literal(job)
    if job.type.name not in _TEXTUAL and (node := _only_expression(job)):
        return _native(job, node)
    return _computed(job)


def _literal(job: _Job) -> tuple[Value | None, list[Issue]]:
    check = Check(job.text, job.scope, braces=True)
    text = job.text.value
    if "}" in text and job.escape != "json":
        stray_braces(check, Data(text, 0))
    if job.escape in ("talk", "ssml"):
        text = text.strip()
    try:
        if job.escape == "header" and _CONTROL.search(text):
            raise ValueError("a header without line ends and control characters is needed")
        value = job.type.cast(text)
    except ValueError as error:
        message, cure = _misfit(job, text, str(error))
        check.issues.append(RULES["E313"].at(_whole(job.text), message, cure))
    if any(issue.is_error for issue in check.issues):
        return None, check.issues
    return Literal(value, job.place, used_files=frozenset(job.files)), check.issues


def _whole(text: Located) -> Place:
    """The place of all that is written, its quotes too."""
    return text.place if isinstance(text, Text) else text.at(0, max(1, len(text.value.split("\n")[0])))


def _misfit(job: _Job, text: str, needed: str) -> tuple[str, str]:
    """Message and cure for a text that is not of the type; one that begins with a name was meant to be computed."""
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    name = _NAME.match(text)
    cure = f'{needed}; to compute it, write "{{{{ {shown} }}}}"' if name and name[0] in job.scope else needed
    return f'{job.what} cannot be "{shown}"', cure


def _only_expression(job: _Job) -> Node | None:
    """The expression, when the text is one pair of braces and nothing else."""
    reader = TreeReader(job.text.value.strip())
    parts = reader.read()
    if reader.faults or len(parts) != 1 or not isinstance(parts[0], Output):
        return None
    return parts[0].node if job.text.value == job.text.value.strip() else None


def _native(job: _Job, node: Node) -> tuple[Value | None, list[Issue]]:
    check = Check(job.text, job.scope, braces=True)
    _check_type(check, node, job.type)
    if any(issue.is_error for issue in check.issues):
        return None, check.issues
    run, names, env = compiled_node(node, job.language), touched_names(node, job.scope.unspoken), used_env(node)
    unit = Unit(job.text, (Output(node, node.start, node.end),))
    value = Native(job.place, job.type, run, check.shown(node), unit, names, env, frozenset(job.files))
    return value, check.issues


_FITTING = {
    "int": ("number", "text"),
    "number": ("number", "text"),
    "bool": ("bool", "text"),
    "list": ("list",),
    "map": ("map",),
    "any": ("text", "number", "bool", "list", "map", "datetime"),
}


def _check_type(check: Check, node: Node, wanted: ValueType) -> None:
    """Report what can never become the wanted type."""
    shape = type_of(check, node)
    if shape is None or kind_of(shape) in ("any", *_FITTING.get(wanted.name, (wanted.kind,))):
        return
    message = f"{check.shown(node)} is {described(shape)}; {wanted.described} is needed"
    check.report("E313", node, message, f"compute {wanted.described}")


def _computed(job: _Job) -> tuple[Value | None, list[Issue]]:
    escape: Escape = "ssml" if job.escape == "talk" and _is_ssml(job.text.value, job.templates) else job.escape
    plan = Plan(Unit(job.text), job.language, used_files=set(job.files))
    analyst = Analyst(
        job.templates,
        SPOTS[escape],
        is_json=escape == "json",
        scope=job.scope,
        plan=plan,
        files=job.files,
        given=frozenset(job.scope),
    )
    analyst.unit(plan.unit)
    if escape == "url":
        check_beginning(Check(job.text, job.scope, braces=True, issues=analyst.issues), job.type, job.what)
    if any(issue.is_error for issue in analyst.issues):
        return None, analyst.issues
    pieces = straight(plan)
    if pieces is None:
        try:
            pieces = rewriting.compiled(plan)
        except rewriting.Differs as differs:
            return None, [*analyst.issues, RULES["E320"].at(job.text.at(0, 1), f"Jinja2 cannot read this: {differs}")]
    return _value(job, escape, plan, pieces), analyst.issues


def _is_ssml(source: str, templates: Mapping[str, str], depth: int = 0) -> bool:
    """Whether the text, or a file that it includes, has a `<speak` tag."""
    if _SPEAK.search(source):
        return True
    names = _INCLUDED.findall(source) if depth < 10 else []
    return any(_is_ssml(templates.get(name, ""), templates, depth + 1) for name in names)


def _value(job: _Job, escape: Escape, plan: Plan, pieces: Pieces) -> Computed:
    return Computed(
        job.place,
        job.type,
        escape,
        pieces,
        tuple(plan.values),
        plan.unit,
        frozenset(plan.used_names),
        frozenset(plan.used_env),
        frozenset(plan.used_files),
    )
