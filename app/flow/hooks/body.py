"""The body of a hook that writes none of its own: what happened, in the shape of the Standard Webhooks.

{"type": "voicemail_saved", "timestamp": "2026-03-04T09:15:27+00:00", "data": {"call": {..}, "flow": "voicemail",
"step": "message", "event": {..}, "params": {..}, "variables": {..}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.flow.lookups.plain import plain_json

_CALL: Final = ("to", "from", "from_user", "uuid", "conversation_uuid")


def default_body(name: str, names: Mapping[str, Any], params: Iterable[str], variables: Iterable[str]) -> Any:
    """The body of hook `name`.

    Args:
        name: of the hook.
        names: everything in its scope.
        params: the names of its params. Sensitive ones are not among them.
        variables: the names of the flow's variables that may be told. Sensitive ones are not among them.

    Raises:
        ValueError: a value is nothing that JSON has.
    """
    event = {field: text for field, text in names["event"].items() if text}
    data = {
        "call": {field: names["call"][field] for field in _CALL if names["call"][field]},
        "flow": names["flow"],
        "step": names["step"],
        "event": event,
        "params": {param: names[param] for param in params},
        "variables": {variable: names[variable] for variable in variables if variable in names},
    }
    told = {field: value for field, value in data.items() if value != {}}
    return plain_json({"type": name, "timestamp": names["now"], "data": told})
