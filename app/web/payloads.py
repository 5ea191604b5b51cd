"""From the bytes of a webhook to its fields. What cannot be read is said in a sentence; nothing is raised."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

DEPTH_LIMIT: Final = 64
"""Levels of nesting. Our choice: real webhooks have four, and deeper ones are made to exhaust a stack."""
FIELD_LIMIT: Final = 1000
"""Fields of a form or a query."""
LONGEST_NUMBER: Final = 100
"""Digits of a whole number. Our choice; Python itself reads no more than 4,300."""

_FORM: Final = re.compile(rb"[\w.+%~*\[\]-]+=")

Read = tuple[dict[str, Any], str]
"""The fields, and why there are none ("" when they could be read)."""


def read_query(query: bytes) -> Read:
    """The fields of a query string: percent-decoded, blanks kept; of a doubled name the last counts.

    The last, since Vonage appends its own behind what a configured URL already had.
    """
    try:
        text = query.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=FIELD_LIMIT)), ""
    except ValueError:
        return {}, f"the query has more than {FIELD_LIMIT} fields"


def read_fields(body: bytes, content_type: bytes) -> Read:
    """The fields of a body: a JSON object or a form, whatever the content type calls it.

    The content type only settles what is neither: a body that does not begin like a form is read as JSON.
    """
    if not body or body.isspace():
        return {}, "the body is empty"
    if content_type.startswith(b"multipart/"):
        return {}, "the body is multipart, where JSON or a form is expected"
    is_form = b"json" not in content_type and _FORM.match(body) is not None
    return _read_form(body) if is_form else _read_json(body)


def _read_form(body: bytes) -> Read:
    fields, problem = read_query(body.strip())
    return fields, problem.replace("query", "form")


def _read_json(body: bytes) -> Read:
    if body.count(b"[") + body.count(b"{") > DEPTH_LIMIT and _is_deep(body):
        return {}, f"the body is nested deeper than {DEPTH_LIMIT} levels"
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        value = _repaired(body)
        if value is None:
            return {}, f"the body is not JSON: {fault.msg} at byte {fault.pos}"
    if not isinstance(value, dict):
        return {}, f"the body is a JSON {_NAMES[type(value)]}, where an object is expected"
    return value, ""


_NAMES: Final = {list: "array", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}


def _is_deep(body: bytes) -> bool:
    """Whether brackets outside of texts are open deeper than allowed; linear, without recursion."""
    depth = 0
    for bracket in re.finditer(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', body, re.DOTALL):
        match bracket[0]:
            case b"[" | b"{":
                depth += 1
                if depth > DEPTH_LIMIT:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False


def _repaired(body: bytes) -> Any:
    """What a lenient reader makes of JSON that a strict one refuses: a call must not be lost to one bad letter.

    Bytes that are no UTF-8 and halves of surrogate pairs become replacement characters; NaN, Infinity and numbers that
    are too large become null; a byte order mark is skipped. None when it is no JSON at all.
    """
    try:
        text = body.decode("utf-8-sig", "replace")
        value = json.loads(text, parse_constant=lambda _: None, parse_float=_finite, parse_int=_short, strict=False)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _short(text: str) -> int | None:
    return int(text) if len(text) <= LONGEST_NUMBER else None
