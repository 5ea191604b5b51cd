"""What values read as `call` and `input`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ncco_server.engine.session import CallData
from ncco_server.flow.runtime import Outcome
from ncco_server.ncco.value_types import E164, number_of_caller

NOTHING_HEARD: Mapping[str, Any] = {"digits": "", "text": "", "confidence": 0.0}
_FIELDS: Final = tuple("from" if name == "from_number" else name for name in CallData._fields)


def _number(caller: str, line: str) -> str:
    return caller if E164.fullmatch(caller) else number_of_caller(caller, line)


def person_of(call: CallData) -> str:
    """The digits of the number of the person on the line; "" for a withheld number or another name."""
    return _number(call.to, call.from_number) if call.direction == "outbound" else _number(call.caller, call.to)


def call_record(call: CallData) -> dict[str, Any]:
    person = person_of(call)
    caller = person if call.direction != "outbound" else _number(call.from_number, call.to)
    record: dict[str, Any] = dict(zip(_FIELDS, call, strict=True))
    record["person"] = person
    record["is_hidden"] = not caller
    return record


def heard_record(outcome: Outcome, *, sensitive: bool) -> dict[str, Any]:
    """A sensitive value is only in its variable."""
    confidence = {"confidence": outcome.confidence or 0.0}
    return confidence if sensitive else {"digits": outcome.digits, "text": outcome.text, **confidence}
