"""A constant of a handler is a sample of the fields that it is compared with, and of all if that is not certain."""

from __future__ import annotations

from textwrap import indent
from typing import Final

from ncco_server.flow.handlers.inspection import HandlerCode
from tests.support.cases import each_case

CASES: Final = {
    "an attribute": ('if order.status == "paid": pass', {"status"}),
    "an entry": ('if row["status"] == "paid": pass', {"status"}),
    "an entry that may be missing": ('if row.get("status") != "paid": pass', {"status"}),
    "one of several": ('if order.status in ("paid", "sent"): pass', {"status"}),
    "a part of a list": ('if "paid" in order.states: pass', {"states"}),
    "in other letters": ('if order.status.strip().lower() == "paid": pass', {"status"}),
    "by a name": ('status = order.status\nif status == "paid": pass', {"status"}),
    "one of two fields": ('found = one.status\nfound = two.kind\nif found == "paid": pass', {"status", "kind"}),
    "each of a list": ('for each in order.states:\n    if each == "paid": pass', {"states"}),
    "the result of a function": ('status = await call.run(find)\nif status == "paid": pass', None),
    "an argument": ('if given == "paid": pass', None),
    "a key of a map": ('PRICES = {"paid": 1}\nif order.status == "paid": pass', None),
    "also said": ('await call.talk("paid")\nif order.status == "paid": pass', None),
    "a sum of two": ('if one.status + two.kind == "paid": pass', None),
}


@each_case(("body", "fields"), CASES.values(), ids=CASES.keys())
def test_a_constant_belongs_to_the_fields_that_it_is_compared_with(body: str, fields: set[str] | None) -> None:
    text = f"async def shop(call, given):\n{indent(body, '    ')}\n"
    code = HandlerCode(text, "flows/shop.py", "shop")

    found = {name for name in ("status", "kind", "states", "other", "") if "paid" in code.tested_of(name)}

    assert found == (fields or {"status", "kind", "states", "other", ""})
