from __future__ import annotations

from app.engine.dialling import refusal
from app.engine.session import LookupAnswer
from app.flow.language.lookups import LookupRequest
from tests.support.cases import each_case

DESK = "sip:desk@pbx.example.com"


@each_case(
    ("number", "allowed", "why"),
    [
        ("447700900123", ["44"], ""),
        ("447700900123", [], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        ("449098790879", ["44"], "is a premium-rate number: NCCO_DIAL_ALLOW would have to list 449 itself"),
        (DESK, ["44"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (DESK, ["sip:desk"], ""),
        (DESK, ["sips:desk"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (DESK, ["sip:@pbx.example.com"], ""),
        (DESK, ["", "1"], ""),
        (f"{DESK}@evil.example", ["sip:"], "is not a plain SIP address"),
    ],
)
def test_a_computed_number_is_dialled_when_a_prefix_allows_it(number: str, allowed: list[str], why: str) -> None:
    assert why == refusal(number, allowed)


def test_what_is_asked_and_answered_shows_no_values() -> None:
    assert "<lookup by GET>" == repr(LookupRequest("GET", "https://crm.example.com/4711"))
    assert "<answer: there, in 3 ms>" == repr(LookupAnswer("4711", "", 3))
