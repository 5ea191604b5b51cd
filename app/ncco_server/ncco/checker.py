"""`check` finds every issue of an NCCO."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ncco_server.issue import Issue, fault, shown
from ncco_server.ncco.actions import SHAPES
from ncco_server.ncco.checks import check_order
from ncco_server.ncco.ssml import is_plain
from ncco_server.suggest import folded, near

_DISTINCTIVE_OPTIONS = {
    name: {option.name for option in shape.options.values() if option.required} - {"name", "type"}
    for name, shape in SHAPES.items()
}
"""Required options, which show what an object without a name means."""


def check(document: object) -> list[Issue]:
    """All issues of an NCCO document, ordered by place; [] if there are none.

    Args:
        document: anything that `json.loads` can return.

    Never raises. A document with an issue of severity "error" must not be sent; a document with only warnings may be.
    """
    if not isinstance(document, list):
        return [_not_an_array(document)]
    if not document:
        return [fault("N901", "The array is empty.")]
    issues = [issue.inside(index) for index, action in enumerate(document) for issue in _check_action(action)]
    return sorted([*issues, *check_order(document, SHAPES)], key=_place)


def options_are_clean(action: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether the options `names` have no issues, alone and together with the action's other options.

    The others must be valid on their own. The order of actions is not checked.
    """
    if list(names) == ["text"] and is_plain(action["text"]):  # of a talk
        return True
    return SHAPES[action["action"]].is_clean(action, names)


def order_is_clean(actions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the order of the actions has no issue. Their options are not checked."""
    return next(check_order(actions, SHAPES), None) is None


def _not_an_array(document: object) -> Issue:
    if isinstance(document, tuple):
        return fault("N101", "The document is a Python tuple, not a list.", "Send a list: list(document).")
    cure = None
    if isinstance(document, dict):
        inner = next((name for name in ("ncco", "NCCO", "actions") if isinstance(document.get(name), list)), None)
        if inner:
            cure = f'Send the array under "{inner}" itself.'
        elif "action" in document:
            cure = "Wrap the action in an array: [ ... ]."
    elif isinstance(document, str) and document.lstrip().startswith("["):
        cure = "Send the array itself, not text that contains it."
    return fault("N101", f"The document is {shown(document)}, not an array.", cure)


def _check_action(action: object) -> list[Issue]:
    cure = None
    if not isinstance(action, dict):
        if isinstance(action, list | tuple):
            cure = "Leave out the inner square brackets."
        elif action in SHAPES:
            cure = f'Write {{"action": "{action}", ...}}.'
        return [fault("N102", f"{shown(action)} is not an action.", cure)]
    name = action.get("action")
    if name is None:
        return [fault("N103", "The object does not say which action it is.", _name_cure(action))]
    if isinstance(name, str) and name in SHAPES:
        return SHAPES[name].check(action)
    meant = near(name, SHAPES)
    cure = f'Did you mean "{meant}"?' if meant else None
    return [fault("N104", f"{shown(name)} is not the name of an action.", cure, "/action")]


def _name_cure(action: dict[Any, Any]) -> str | None:
    keys = [str(key) for key in action]
    if any(key != "action" and folded(key) == "action" for key in keys):
        return 'Write "action" in lower case.'
    named = next((key for key in keys if key in SHAPES), None)
    if named:
        return f'Write {{"action": "{named}", ...}}.'
    named_value = next((value for value in action.values() if isinstance(value, str) and value in SHAPES), None)
    meant = named_value or next(
        (name for name, options in _DISTINCTIVE_OPTIONS.items() if options and options <= {*keys}), None
    )
    return f'Add "action": "{meant}".' if meant else None


def _place(issue: Issue) -> tuple[int, str, str]:
    return (int(issue.path.split("/")[1]), issue.path, issue.code)
