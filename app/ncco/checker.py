"""`check`: every issue of an NCCO document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import SchemaValidator, core_schema

from app.ncco.issue import Issue, member
from app.ncco.kinds.shape import one_of
from app.ncco.models.actions import SHAPES
from app.ncco.models.calls import ENDPOINT
from app.ncco.rules.advice import EMPTY_DOCUMENT
from app.ncco.rules.shape import ACTION_MISSING, NOT_AN_ACTION, NOT_AN_ARRAY, UNKNOWN_ACTION
from app.ncco.sequence import look_at_order
from app.ncco.shown import shown
from app.ncco.spelling import ACTIONS, folded, meant_action

_CLEAN = SchemaValidator(core_schema.list_schema(one_of(SHAPES, "action"), min_length=1, strict=True))
_ACTION_RULES = {name: shape.rules for name, shape in SHAPES.items()}
_NEEDS = {
    name: {option.name for option in shape.options.values() if option.required} - {"name", "type"}
    for name, shape in SHAPES.items()
}
"""What tells an action that is not named: its own required options; many objects have a name or a type."""
_ENDPOINT_RULES = {name: shape.rules for name, shape in ENDPOINT.shapes.items()}


def check(document: object) -> list[Issue]:
    """Every issue of an NCCO document, in the order of their places; [] when there is none.

    Args:
        document: anything that `json.loads` can give.

    Never raises. A document with an issue of severity "error" must not be sent; one with warnings may be.
    """
    return [] if is_clean(document) else sorted(explain(document), key=_place)


def is_clean(document: Any) -> bool:
    """Whether there is nothing to say, found the quick way. False decides nothing."""
    return _are_clean(document) and not any(True for _ in look_at_order(document))


def each_is_clean(actions: list[dict[str, Any]]) -> bool:
    """Whether there is nothing to say of any action by itself; how they follow one another is not looked at.

    For whoever knows their order to be right already. False decides nothing.
    """
    return not actions or _are_clean(actions)


def _are_clean(actions: Any) -> bool:
    if not _CLEAN.isinstance_python(actions):
        return False
    return not any(True for action in actions for _ in _between_options(action))


def _between_options(action: dict[str, Any]) -> Iterator[Issue]:
    for rule in _ACTION_RULES[action["action"]]:
        yield from rule(action, "")
    if action["action"] == "connect":
        endpoint = action["endpoint"][0]
        for rule in _ENDPOINT_RULES[endpoint["type"]]:
            yield from rule(endpoint, "")


def explain(document: object) -> Iterator[Issue]:
    """Every issue of the document, found the thorough way, in no particular order."""
    if isinstance(document, tuple):
        yield NOT_AN_ARRAY.at("", "The document is a tuple of Python, not a list.", "Send a list: list(document).")
        return
    if not isinstance(document, list):
        yield NOT_AN_ARRAY.at("", f"The document is {shown(document)}, not an array.", _array_cure(document))
        return
    if not document:
        yield EMPTY_DOCUMENT.at("", "The array is empty.")
    for index, action in enumerate(document):
        yield from _look_at_action(action, member("", index))
    yield from look_at_order(document)


def _array_cure(document: object) -> str | None:
    if isinstance(document, dict):
        inner = next((name for name in ("ncco", "NCCO", "actions") if isinstance(document.get(name), list)), None)
        if inner:
            return f'Send the array under "{inner}" itself.'
        if "action" in document:
            return "Wrap the action in an array: [ ... ]."
    if isinstance(document, str) and document.lstrip().startswith("["):
        return "Send the array itself, not text that holds it."
    return None


def _look_at_action(action: object, path: str) -> Iterator[Issue]:
    if not isinstance(action, dict):
        yield NOT_AN_ACTION.at(path, f"{shown(action)} is not an action.", _action_cure(action))
    elif action.get("action") is None:
        yield ACTION_MISSING.at(path, "The object does not say which action it is.", _name_cure(action))
    elif isinstance(action["action"], str) and action["action"] in SHAPES:
        yield from SHAPES[action["action"]].look(action, path)
    else:
        yield _unknown_action(action["action"], member(path, "action"))


def _unknown_action(name: object, path: str) -> Issue:
    cure = meant_action(name) if isinstance(name, str) else None
    return UNKNOWN_ACTION.at(path, f"There is no action {shown(name)}.", cure)


def _action_cure(action: object) -> str | None:
    if isinstance(action, list):
        return "Leave out the inner square brackets."
    return f'Write {{"action": "{action}", ...}}.' if isinstance(action, str) and action in ACTIONS else None


def _name_cure(action: dict[Any, Any]) -> str | None:
    keys = [str(key) for key in action]
    near = next((key for key in keys if key != "action" and folded(key) == "action"), None)
    if near:
        return 'Write "action" in lower case.'
    named = next((key for key in keys if key in ACTIONS), None)
    if named:
        return f'Write {{"action": "{named}", ...}}.'
    said = next((value for value in action.values() if isinstance(value, str) and value in ACTIONS), None)
    told = said or next((name for name, needs in _NEEDS.items() if needs and needs <= {*keys}), None)
    return f'Add "action": "{told}".' if told else None


def _place(issue: Issue) -> tuple[int, str, str]:
    first = issue.path.split("/")[1] if issue.path else "-1"
    return (int(first), issue.path, issue.code)
