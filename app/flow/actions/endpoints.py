"""Where a `connect` leads: which endpoint is meant, and which number or address is dialled."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from app.flow.actions.checkpoint import DIAL_FAILURES
from app.flow.fields import read_fields
from app.flow.language.targets import read_run
from app.flow.model import Runs
from app.flow.nodes import Entry, Map, Place, Text
from app.flow.reader import Reader
from app.ncco.hints import ENDPOINT_NAMES

_NUMBER = re.compile(r"[+\d(][\d\s().\-/]*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_BY_SCHEME = {"sip:": "sip", "sips:": "sip", "ws:": "websocket", "wss:": "websocket"}
BY_FIELDS = (
    ("phone", {"number"}),
    ("vbc", {"extension"}),
    ("sip", {"user", "domain"}),
    ("sip", {"domain"}),
    ("app", {"user"}),
)

_MEANT = {
    **dict.fromkeys(("phone", "to", "tel", "pstn", "phonenumber", "phone_number"), "number"),
    **dict.fromkeys(("sip", "websocket", "url", "address"), "uri"),
    **dict.fromkeys(("app", "username", "name"), "user"),
    **dict.fromkeys(("vbc", "ext"), "extension"),
}

ADDRESS_FIELDS = ("number", "uri", "user", "domain")
"""The fields of an endpoint that say what is dialled."""


def endpoint_of(text: Text, reader: Reader) -> tuple[str, Map] | None:
    """The endpoint's type and fields that a text under `connect` stands for; None after E405."""
    kind = _by_scheme(text.value)
    if kind is None and ("{{" in text.value or "{%" in text.value or _NUMBER.fullmatch(text.value)):
        return "phone", _field("number", text)
    if kind is not None:
        return kind, _field("uri", text)
    reader.report("E405", text.place, f'"{text.value}" is neither a number nor an address', _cure(text.value, reader))
    return None


def _cure(text: str, reader: Reader) -> str | None:
    lowered = text.lower()
    if (name := _NAME.match(text)) and name[0] in reader.scope:
        return f'to compute it, write "{{{{ {text} }}}}"'
    if "@" in text and ":" not in text:
        return f'write "sip:{text}"'
    if lowered.startswith("tel:"):
        return "write the number without `tel:`"
    if lowered.startswith(("http://", "https://")):
        return 'write the address of a websocket, which begins with "wss://"'
    return None


def _field(name: str, text: Text) -> Map:
    return Map((Entry(Text(name, text.place), text),), text.place)


def _by_scheme(text: str) -> str | None:
    lowered = text.strip().lower()
    return next((kind for scheme, kind in _BY_SCHEME.items() if lowered.startswith(scheme)), None)


def type_of(target: Map, known: Collection[str], reader: Reader) -> str | None:
    """The type of an endpoint that is written as a map: its `type`, else by its fields; None after E405."""
    written = target.get("type")
    if written is None:
        return _inferred(target, reader)
    text = reader.text(written, "type")
    if text is None:
        return None
    if text.value not in known:
        meant = ENDPOINT_NAMES.get(text.value.lower())
        reader.unknown("E405", text._replace(value=meant or text.value), known, f'there is no endpoint "{text.value}"')
        return None
    return text.value


def _inferred(target: Map, reader: Reader) -> str | None:
    names = set(target.keys())
    uri = target.get("uri")
    kind = _by_scheme(uri.value) if isinstance(uri, Text) else None
    kind = kind or next((kind for kind, fields in BY_FIELDS if fields <= names), None)
    if kind is None:
        named = next((key for key in target.keys() if key.lower() in _MEANT), None)  # noqa: SIM118 - a Map is no dict
        cure = f"write `{_MEANT[named.lower()]}` instead of `{named}`" if named else None
        reader.report("E405", target.place, "this target does not say what it connects to", cure)
    return kind


def address_of(endpoint: Mapping[str, Any]) -> str:
    """The number or URI that an endpoint of an NCCO dials; "" for one inside the account (app, vbc)."""
    if "number" in endpoint:
        return str(endpoint["number"])
    if "uri" in endpoint:
        return str(endpoint["uri"])
    if "domain" in endpoint:
        return f"sip:{endpoint.get('user', '')}@{endpoint['domain']}"
    return ""


ON_ANSWER = "onAnswer"
_TONES = ("ringbackTone", "ringback")
_NAMED = "https://example.com/webhooks"
"""Stands for our URL until a call writes the true one."""

_ALIASES = {
    **dict.fromkeys(("flow", "goto", "ncco", "answer"), "run"),
    **dict.fromkeys(("params", "args", "set"), "with"),
}
_HINTS = {"on": "the flow says by `return` what came of it: see `onAnswer` in the documentation"}
_REFUSING = frozenset({"declined", "decline", "refused", "refuse", "reject", "denied", "unavailable", "no", "not_now"})
"""Outcomes that sound as if nobody were joined, and are no failure of a dial."""

_OURS = frozenset({"run", "with", "flow", "goto"})


def read_answering(endpoint: Map, reader: Reader) -> tuple[Map, Runs | None]:
    """The endpoint as an NCCO has it, and the flow that its `onAnswer` names; None when it names none."""
    entry = next((entry for entry in endpoint.entries if entry.key.value == ON_ANSWER), None)
    if entry is None:
        return endpoint, None
    if isinstance(entry.value, Text):
        _report_text(entry.value, reader)
        return _without(endpoint, entry), None
    if not isinstance(entry.value, Map) or not _OURS & set(entry.value.keys()):
        return endpoint, None
    runs = _read_runs(entry.value, entry, reader)
    url = Entry(Text("url", entry.key.place), Text(_NAMED, entry.key.place))
    tones = tuple(each for each in entry.value.entries if each.key.value in _TONES)
    wire = Entry(entry.key, Map((url, *tones), entry.value.place))
    return Map(tuple(wire if each is entry else each for each in endpoint.entries), endpoint.place), runs


def _without(endpoint: Map, entry: Entry) -> Map:
    return Map(tuple(each for each in endpoint.entries if each is not entry), endpoint.place)


def _report_text(text: Text, reader: Reader) -> None:
    form = "run" if text.value in reader.flows or "/" not in text.value else "url"
    reader.runs.update({text.value} & reader.flows.keys())
    cure = f"write `onAnswer: {{{form}: {text.value}}}`"
    reader.report("E201", text.place, "`onAnswer` is a text", cure)


def _read_runs(node: Map, entry: Entry, reader: Reader) -> Runs | None:
    url = next((each for each in node.entries if each.key.value == "url"), None)
    if url is not None:
        message = "`onAnswer` names a flow and another server, and the other party hears one of them"
        reader.report("E285", url.key.place, message, "keep `run` or `url`")
    kept = Map(tuple(each for each in node.entries if each is not url), node.place)
    words = ("run", "with", *_TONES)
    fields = read_fields(kept, words, "`onAnswer`", reader, place=entry.key.place, hints=_HINTS, aliases=_ALIASES)
    name = fields.need("run", "add `run: flow`", reader)
    runs = read_run(name, fields.get("with"), reader) if name else None
    if runs is not None and name is not None:
        _check_secrecy(runs, reader)
        _check_outcomes(runs, name.place, reader)
    return runs


def _check_outcomes(runs: Runs, place: Place, reader: Reader) -> None:
    """W286 for an outcome by whose name nobody is to be joined, when it joins them."""
    signature = reader.flows.get(runs.flow)
    for outcome in signature.outcomes if signature else ():
        if outcome.lower() in _REFUSING:
            message = f'"{outcome}" of the flow "{runs.flow}" joins the parties'
            cure = f"call it `rejected`: only {', '.join(DIAL_FAILURES)} keep the parties apart"
            reader.report("W286", place, message, cure)


def _check_secrecy(runs: Runs, reader: Reader) -> None:
    """E286 for a sensitive param: what it is given would have to be kept in the open until the other party answers."""
    signature = reader.flows.get(runs.flow)
    for given in runs.given:
        param = signature.params.get(given.name) if signature else None
        if param is not None and param.variable.sensitive:
            message = f'"{given.name}" of the flow "{runs.flow}" is sensitive, and would be kept until somebody answers'
            reader.report("E286", given.place, message)
