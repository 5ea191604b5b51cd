"""`hooks` of a flow or of a shared file: whom there is to tell.

```yaml
hooks:
  voicemail_saved: {post: "{{ env.CRM_URL }}/voicemails"}
  survey_done:
    post: "{{ env.CRM_URL }}/surveys"
    headers: {Authorization: "Bearer {{ env.CRM_TOKEN }}"}
    params: {reason: text}
    json: {caller: "{{ call.from }}", answers: "{{ answers }}", reason: "{{ reason }}"}
```

What stands under `json` is the whole body: a server that knows nothing of this one takes it as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from app.flow.drafts import Value
from app.flow.fields import Fields, read_fields
from app.flow.given import read_params
from app.flow.hooks.definition import OWN_NAMES, HookDefinition
from app.flow.hooks.event import EVENT
from app.flow.lookups.addresses import ADDRESS, without_urls
from app.flow.lookups.body import BODY
from app.flow.lookups.headers import read_headers
from app.flow.nodes import Entry, Map, Node, Text
from app.flow.parts.values import Object, leaves
from app.flow.reader import Reader
from app.flow.scope import ScopeTypes, variable_type
from app.flow.signature import Param
from app.flow.templates import Native
from app.flow.types import TYPES

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
WORDS: Final = ("post", "json", "headers", "params")
_POSTED: Final = "write `post`"
_HINTS: Final = {
    **dict.fromkeys(("url", "uri", "to", "address", "get", "put", "patch", "method"), _POSTED),
    **dict.fromkeys(("body", "data", "payload"), "write `json`"),
    "header": "write `headers`",
    "with": "write `params`",
    **dict.fromkeys(("tries", "retries", "retry"), "delete it: the setting NCCO_HOOK_TRIES says it for all hooks"),
    "timeout": "delete it: nobody waits for a hook, and every try has the same time",
    "secret": "delete it: the setting NCCO_HOOK_SECRET signs all hooks",
    "python": "write `post`; a hook tells another server",
}
_SIGNED: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"})
"""Headers that every hook has by itself. Source: Standard Webhooks, Webhook Metadata."""


def read_hooks(node: Node, reader: Reader) -> dict[str, HookDefinition]:
    """The map under `hooks`, by name; what is faulty is reported, and defined all the same.

    `reader` has the scope of the flow; for shared hooks, the names that every call has.
    """
    found = reader.map(node, "`hooks`", 'write `hooks: {name: {post: "https://.."}}`')
    read = [_read_hook(entry, reader) for entry in found.entries] if found else []
    return {hook.name: hook for hook in read}


def _read_hook(entry: Entry, reader: Reader) -> HookDefinition:
    name = entry.key.value
    what = f'the hook "{name}"'
    if not _NAME.fullmatch(name):
        reader.report("E205", entry.key.place, f'a hook cannot be named "{name}"', "use letters, digits, _, - and .")
    if not isinstance(entry.value, Map):
        shown = entry.value.value if isinstance(entry.value, Text) else "https://.."
        reader.report("E201", entry.value.place, f"{what} is not a map", f'write `{name}: {{post: "{shown}"}}`')
        return HookDefinition(name, entry.key.place)
    fields = read_fields(entry.value, WORDS, what, reader, place=entry.key.place, hints=_HINTS)
    params_node = fields.get("params")
    params = _without_own_names(read_params(params_node, reader), reader) if params_node else {}
    inner = replace(reader, scope=_scope(reader.scope, params))
    url = _read_url(fields, inner)
    json = _read_json(fields, inner)
    headers = _read_headers(fields, inner)
    for value in (url, json, headers):
        if value is not None:
            _check_hidden(value, reader)
    return HookDefinition(name, entry.key.place, url, json, headers, params)


def _without_own_names(params: Mapping[str, Param], reader: Reader) -> dict[str, Param]:
    for name in sorted(OWN_NAMES & params.keys()):
        reader.report("E206", params[name].variable.place, f'"{name}" is a name that every hook has already')
    return {name: param for name, param in params.items() if name not in OWN_NAMES}


def _scope(scope: ScopeTypes, params: Mapping[str, Param]) -> ScopeTypes:
    """What the values of a hook may use."""
    for name, param in params.items():
        scope = scope.having(name, variable_type(param.variable), "a sensitive param" * param.variable.sensitive)
    return scope.having("event", EVENT).having("flow", TYPES["text"]).having("step", TYPES["text"])


def _read_url(fields: Fields, reader: Reader) -> Value | None:
    node = fields.need("post", 'write `post: "https://.."`', reader)
    if isinstance(node, Map):
        cure = 'write `post: "https://.."`, with `json` and `headers` beside it'
        reader.report("E201", node.place, f"`post` of {fields.what} is a map", cure)
        return None
    if node is None:
        return None
    reader = replace(reader, scope=without_urls(reader.scope))
    return reader.value(node, ADDRESS, "url", f"`post` of {fields.what}")


def _read_json(fields: Fields, reader: Reader) -> Value | None:
    node = fields.get("json")
    json = BODY.read(node, reader, f"`json` of {fields.what}") if node else None
    for leaf in leaves(json) if json else ():
        _check_may_be_told(leaf, reader)
    return json


def _check_may_be_told(leaf: Value, reader: Reader) -> None:
    """Whether it may leave the server and be kept until it does: E331 for secrets of callers, E583 for all of ours."""
    for name in sorted(leaf.used_names & reader.scope.secrets):
        message = f"{name} would be sent and kept until then; it is {reader.scope.unspoken[name]}"
        reader.report("E331", leaf.place, message)
    if isinstance(leaf, Native) and "env" in leaf.used_names and not leaf.used_env:
        reader.report("E583", leaf.place, "`env` as a whole would be sent: every setting, with its secrets")


def _read_headers(fields: Fields, reader: Reader) -> Object | None:
    node = fields.get("headers")
    if isinstance(node, Map):
        node = node._replace(entries=tuple(entry for entry in node.entries if _is_free(entry.key, reader)))
    return read_headers(node, fields.what, reader) if node else None


def _is_free(key: Text, reader: Reader) -> bool:
    if key.value.lower() not in _SIGNED:
        return True
    reader.report("E581", key.place, f'every hook has a header "{key.value.lower()}" by itself')
    return False


def _check_hidden(value: Value, reader: Reader) -> None:
    """E582 where a name means something of the hook's, and the flow has a variable that is called the same."""
    names = OWN_NAMES & reader.variables.keys()
    hidden = {(leaf.place, name) for leaf in leaves(value) for name in names & leaf.used_names}
    for place, name in sorted(hidden):
        message = f'in a hook "{name}" is not the variable of that name'
        reader.report("E582", place, message, f'give the variable "{name}" another name')
