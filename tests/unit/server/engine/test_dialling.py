from __future__ import annotations

from textwrap import dedent

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import CallData
from ncco_server.engine.dialling import PREMIUM_PREFIXES, refusal
from ncco_server.engine.session import LookupAnswer
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.ncco.value_types import without_trunk_prefix
from tests.support.cases import each_case
from tests.unit.server.engine.scripted_call import ScriptedCall, load_flow

DESK = "sip:desk@pbx.example.com"


@each_case(
    ("number", "allowed", "why"),
    [
        ("447700900123", ["44"], ""),
        ("447700900123", [], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        ("nobody", ["44"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        ("449098790879", ["44"], "is a premium-rate number: NCCO_DIAL_ALLOW would have to list 449 itself"),
        ("449098790879", ["44", "449"], ""),
        ("44118500", ["44"], "is a premium-rate number: NCCO_DIAL_ALLOW would have to list 44118500 itself"),
        ("44118500", ["44", "44118"], "is a premium-rate number: NCCO_DIAL_ALLOW would have to list 44118500 itself"),
        ("44118500", ["44118500"], ""),
        *(
            (number, [number[:2]], f"is a premium-rate number: NCCO_DIAL_ALLOW would have to list {number} itself")
            for number in ("33118712", "4911833", "35311811", "3411818", "4201188", "43118877", "9011880")
        ),
        ("441189500000", ["44"], ""),
        ("35312345118", ["353"], ""),
        *(
            (number, ["44", "1", "49"], f"has a trunk prefix behind its country code: write {plain}")
            for number, plain in (
                ("4409098790000", "449098790000"),
                ("44070123456789", "4470123456789"),
                ("490900512345", "49900512345"),
                ("49000900512345", "49900512345"),
                ("119005551234", "19005551234"),
                ("4407700900123", "447700900123"),
            )
        ),
        ("390612345678", ["39"], ""),
        ("2250712345678", ["225"], ""),
        (DESK, ["44"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (DESK, ["sip:desk"], ""),
        (DESK, ["sips:desk"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (DESK, ["sip:@pbx.example.com"], ""),
        (DESK, ["", "1"], ""),
        ("sip:pbx.example.com", ["sip:desk"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (f"{DESK}:5070", ["sip:@pbx.example.com:5070"], ""),
        (f"{DESK}:5071", ["sip:@pbx.example.com:5070"], "has none of the prefixes in NCCO_DIAL_ALLOW"),
        (f"{DESK}@evil.example", ["sip:"], "is not a plain SIP address"),
    ],
)
def test_a_computed_number_is_dialled_when_a_prefix_allows_it(number: str, allowed: list[str], why: str) -> None:
    assert why == refusal(number, allowed)


def test_the_trace_shows_each_number_that_is_passed_over_once() -> None:
    flow = """
        flow: test
        default: true
        numbers: ["442079460000"]
        start: ring
        vars: {numbers: {type: list, default: ["882990000000", nobody, "447700900111"]}}
        defaults: {on: {error: sorry}}
        steps:
          ring: {do: [connect: "{{ numbers }}"], on: {completed: end, otherwise: sorry}}
          sorry: {do: [talk: Sorry.], goto: end}
        """
    call = ScriptedCall(load_flow(dedent(flow)), dial_allow=("44",))

    assert ["R101", "E392"] == [line.what for line in call.turn.trace if line.did == "refused"]


def test_the_trace_says_that_a_call_without_a_number_of_ours_needs_an_explicit_from() -> None:
    steps = '{ring: {do: [connect: "447700900111"], on: {completed: end, otherwise: end}}}'
    flow = load_flow(f"flow: test\ndefault: true\nstart: ring\nsteps: {steps}\n")
    call = ScriptedCall(flow, call=CallData("sip:a@b", "447700900123", uuid="leg"))

    assert "R105" in [line.what for line in call.turn.trace if line.did == "failed"]


@st.composite
def premium_numbers(draw: st.DrawFn) -> tuple[str, str, str]:
    """A premium-rate number with zeros after its country code, the plain number, and the country code."""
    codes = {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}
    prefix = draw(st.sampled_from([prefix for prefix in PREMIUM_PREFIXES if prefix not in codes]))
    code = next(prefix[:length] for length in (1, 2, 3) if prefix[:length] in codes)
    zeros = draw(st.integers(1, 3))
    longest = 15 - len(prefix) - zeros
    rest = draw(st.text("0123456789", min_size=min(5, longest), max_size=longest))
    national = prefix[len(code) :] + rest
    return f"{code}{'0' * zeros}{national}", f"{code}{national}", code


@given(premium_numbers())
def test_no_zeros_hide_a_premium_rate_number(numbers: tuple[str, str, str]) -> None:
    number, plain, code = numbers
    assert refusal(plain, [code])
    assert refusal(number, [code]) or code == "39", "the numbers of Italy may begin with 0"


@each_case("region", phonenumbers.SUPPORTED_REGIONS)
def test_the_typical_numbers_of_a_country_have_no_trunk_prefix(region: str) -> None:
    kinds = range(phonenumbers.PhoneNumberType.UNKNOWN)
    numbers = filter(None, (phonenumbers.example_number_for_type(region, kind) for kind in kinds))
    digits = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:] for number in numbers]

    assert digits == [without_trunk_prefix(number) for number in digits]


def test_requests_and_answers_show_no_values_in_the_repr() -> None:
    assert "<lookup by GET>" == repr(LookupRequest("GET", "https://crm.example.com/4711"))
    assert "<answer: there, in 3 ms>" == repr(LookupAnswer("4711", "", 3))
