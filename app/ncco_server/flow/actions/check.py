"""Checks the NCCO that a step would play, with typical values where only a call has real ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.errors import RenderError
from ncco_server.flow.action import Action
from ncco_server.flow.actions.connect import ConnectPart
from ncco_server.flow.actions.do import Document
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Draft
from ncco_server.flow.issues import RULES, FlowIssue, FlowRule
from ncco_server.flow.nodes import Place
from ncco_server.flow.scope import ScopeTypes
from ncco_server.flow.templates.values import Computed, Literal, Value
from ncco_server.flow.values import Array, Object, find, in_locale, leaves
from ncco_server.issue import Issue as NccoIssue
from ncco_server.issue import keys_of
from ncco_server.ncco import check
from ncco_server.ncco.json_text import NOT_JSON, TEXT_RULES, JsonText, NotJsonError, TextSpan, read_json
from ncco_server.ncco.ssml import MAX_TALK_CHARACTERS
from ncco_server.ncco.value_types import SAMPLE, Sample
from ncco_server.ncco.value_types.scalars import as_number

_Sampling: TypeAlias = Callable[[Value, Mapping[str, Any]], Any]

_URL = ["https://example.com/webhooks"]
_FOLLOWING_INPUT = {"action": "input", "type": ["dtmf"], "eventUrl": _URL}
_LEFT_OUT = object()
"""A value that the samples cannot compute."""
_SPOKEN_RULES = ("N4", "N915", "N916")
_LOOP_RULES: Final = ("N303", "N912")
"""They are about what follows a prompt; the mistake is its `loop`."""
_QUESTION_RULES: Final = ("N924",)
"""They are about an `input` that surely follows."""
_SHORT_TEXT: Final = MAX_TALK_CHARACTERS // 2
"""Such a text hardly ever becomes too long by its values."""
_KEEP_ONE = "keep one of them"
_NO_TEXT: Final = JsonText("", None)


class _Tried(NamedTuple):
    """An action with typical values. `position` is its index in a document's JSON, `text`, made of `names`."""

    action: dict[str, Any]
    part: Action | Document
    text: JsonText = _NO_TEXT
    position: int = 0
    names: Mapping[str, Any] = {}


def check_step(parts: tuple[Part, ...], scope: ScopeTypes, *, goes_on: bool) -> list[FlowIssue]:
    """Report fields that make Vonage refuse an action (E401) or probably ignore it (W401).

    Computed fields are tried with typical values of their types. An issue is reported only if all values cause it; in
    the action list of a file, it is W401 if a value might be the reason.

    `parts` include the `input` of the exit, and have no errors. `goes_on`: whether actions of another step may follow
    these in the same NCCO.
    """
    found: dict[FlowIssue, None] = {}
    for local, names in _in_each_locale(parts, scope):
        for position in range(max([1, *(len(part.targets) for part in parts)])):
            for issue in _check_at(local, position, names, goes_on=goes_on):
                found[issue] = None
    return list(found)


def _in_each_locale(parts: tuple[Part, ...], scope: ScopeTypes) -> Iterator[tuple[tuple[Part, ...], Mapping[str, Any]]]:
    locale = scope.get("locale")
    names = locale.words if locale else ()
    if not names:
        yield parts, scope.samples
    for name in names:
        local = tuple(part.in_locale(name) if isinstance(part, Action) else part for part in parts)
        yield local, {**scope.samples, "locale": name}


def _check_at(
    parts: tuple[Part, ...], position: int, names: Mapping[str, Any], *, goes_on: bool
) -> Iterator[FlowIssue]:
    tried: list[_Tried] = []
    for part in parts:
        if isinstance(part, Document):
            actions, issues = _try_document(part, names)
            tried.extend(actions)
            yield from issues
        elif isinstance(part, ConnectPart):
            tried.append(_try(part.targets[min(position, len(part.targets) - 1)], names, _sample))
        elif isinstance(part, Action) and not (part.is_opening and position):
            tried.append(_try(part, names, _sample))
    ncco = [action.action for action in tried]
    if goes_on:
        ncco.append(_FOLLOWING_INPUT)
    for issue in check(ncco):
        if goes_on and issue.code in _QUESTION_RULES:
            continue
        yield from _translate(issue, tried, names)


def _try(part: Action, names: Mapping[str, Any], sample: _Sampling) -> _Tried:
    sampled = part.sample(lambda value: sample(value, names))
    action = {name: value for name, value in sampled.items() if value is not _LEFT_OUT}
    if part.callback is not None:
        action |= {"eventUrl": _URL, "eventMethod": "POST"}
    return _Tried(action, part)


def as_sent(part: Action, names: Mapping[str, Any]) -> dict[str, Any]:
    return _try(part, names, _computed).action


def _sample(value: Value, names: Mapping[str, Any]) -> Any:
    """`_LEFT_OUT` if none of the data tried can compute it.

    A short text without tags can be spoken with any values, so it is returned as written: compiling all texts of a
    large flow to render them once would take a third of its check.
    """
    if isinstance(value, Computed) and value.escape == "talk":
        source = value.template.source
        if "<" not in source and len(source) <= _SHORT_TEXT:
            return source
    found = _computed(value, names, _sample)
    tries = () if found is not _LEFT_OUT else others(names, value.used_names)
    return next((text for each in tries if (text := _computed(value, each, _sample)) is not _LEFT_OUT), found)


def _computed(value: Value, names: Mapping[str, Any], inner: _Sampling | None = None) -> Any:
    """`_LEFT_OUT` if the value cannot be computed. `inner` computes its members and items.

    With `inner`, a text is as written, so that tags outside SSML are reported.
    """
    sample = inner or _computed
    if isinstance(value, Object):
        members = {name: sample(member, names) for name, member in value.members.items()}
        return {name: member for name, member in members.items() if member is not _LEFT_OUT}
    if isinstance(value, Array):
        return [item for item in (sample(each, names) for each in value.items) if item is not _LEFT_OUT]
    try:
        if inner is not None and isinstance(value, Literal | Computed):
            return value.as_written(names)
        return value.render(names)
    except RenderError:
        return _LEFT_OUT


def _try_document(part: Document, names: Mapping[str, Any]) -> tuple[list[_Tried], list[FlowIssue]]:
    for sampled in (names, *others(names, part.value.used_names)):
        text = _computed(part.value, sampled)
        if text is not _LEFT_OUT:
            break
    else:
        return [], []
    drafts: list[Draft] = []
    found = _NO_TEXT
    try:
        found = read_json(text)
        for action in part.parse(text):
            drafts.append(part.draft_of(action, sampled))
    except NotJsonError as error:
        at = min(error.offset, max(0, len(text.rstrip()) - 1))
        in_loop = "; in a loop, write {% if not loop.last %},{% endif %}" if text[at : at + 1] == "," else ""
        message = f"the action list is not JSON: {error.message}"
        rule, place = _rule_at(part, sampled, TextSpan(at, at + 1))
        return [], [rule.at(place, message, f"{error.cure or TEXT_RULES[NOT_JSON].fix}{in_loop}")]
    except RenderError as error:
        start = found.values.get(f"/{len(drafts)}", found.values[""]).start
        rule, place = _rule_at(part, sampled, TextSpan(start, start + 1))
        return [], [rule.at(place, error.message, error.cure or None)]
    for draft in drafts:
        if draft.callback is not None:
            draft.action.setdefault("eventUrl", _URL)
    repeated = [
        RULES["W401"].at(
            _rule_at(part, sampled, span)[1], "this name is written twice, and only the last one counts", _KEEP_ONE
        )
        for _, span in found.repeated
    ]
    return [_Tried(draft.action, part, found, number, sampled) for number, draft in enumerate(drafts)], repeated


def _rule_at(part: Document, names: Mapping[str, Any], span: TextSpan) -> tuple[FlowRule, Place]:
    """W401 if some of these characters are computed, so that others might be right."""
    value = in_locale(part.value, str(names.get("locale", "")))
    if not isinstance(value, Literal | Computed):
        return RULES["W401"], value.place
    place = value.place_of(names, span.start, span.end - span.start)
    if not value.used_names or place != value.place:
        return RULES["E401"], place
    return RULES["W401"], value.place_of(names, span.start, 1)


def _translate(issue: NccoIssue, tried: list[_Tried], names: Mapping[str, Any]) -> Iterator[FlowIssue]:
    """Leave out the issue if another value might not break the rule."""
    number, *path = keys_of(issue.path) or ("0",)
    if not tried:
        return
    if issue.code in _LOOP_RULES and (loop := _loop_before(int(number), tried)) is not None:
        yield _report(issue, loop.place)
        return
    if int(number) == len(tried):
        yield _report(issue, tried[-1].part.place, note=" (in the step that follows)")
        return
    one = tried[int(number)]
    part = one.part
    if isinstance(part, Document):
        span = one.text.span_of(replace(issue, path="/".join(["", str(one.position), *issue.path.split("/")[2:]])))
        rule, place = _rule_at(part, one.names, span)
        yield _report(issue, place, is_sure=rule.severity == "error")
        return
    value = find(Object(part.fields, part.place), path)
    if value.is_literal or _holds_anyway(issue, value, names):
        place = value.place
        if isinstance(value, Literal | Computed) and issue.span is not None:
            place = value.place_of(names, *issue.span)
        yield _report(issue, place)


def _loop_before(number: int, tried: Sequence[_Tried]) -> Value | None:
    """The last `loop: 0` before an action; None if it is computed, or in an action list from a file."""
    parts = (each.part for each in reversed(tried[:number]) if as_number(each.action.get("loop")) == 0)
    part = next(parts, None)
    loop = part.fields.get("loop") if isinstance(part, Action) else None
    return loop if loop is not None and loop.is_literal else None


def _holds_anyway(issue: NccoIssue, value: Value, names: Mapping[str, Any]) -> bool:
    """Whether every call breaks the rule, by the author's SSML or a gap in a map or list."""
    if isinstance(value, Object | Array):
        return all(_sample(leaf, names) is not _LEFT_OUT for leaf in leaves(value))
    return issue.code.startswith(_SPOKEN_RULES)


def _report(issue: NccoIssue, place: Place, *, is_sure: bool = True, note: str = "") -> FlowIssue:
    rule = RULES["E401" if issue.is_error and is_sure else "W401"]
    return replace(rule.at(place, f"{issue.message}{note}", issue.fix), ncco_code=issue.code)


# other typical texts, for filters that reject text made of letters


TEXTS: Final = ("2026-03-05", "12", "2026-03-05T09:30")
"""Every filter accepts one of these: a date in digits, a number, a point in time."""


def others(names: Mapping[str, Any], used: Collection[str]) -> Iterator[dict[str, Any]]:
    roots = {name.partition(".")[0] for name in used} & names.keys()
    for text in TEXTS:
        yield {**names, **{name: _with_text(names[name], text) for name in roots}}


def _with_text(sample: Any, text: str) -> Any:
    if isinstance(sample, Sample):
        return Sample(text) if sample.text == SAMPLE else sample
    if isinstance(sample, Mapping):
        return {name: _with_text(inner, text) for name, inner in sample.items()}
    if isinstance(sample, list | tuple):
        return type(sample)(_with_text(inner, text) for inner in sample)
    return text if sample == SAMPLE else sample
