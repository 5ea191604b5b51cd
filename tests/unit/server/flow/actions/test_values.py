from __future__ import annotations

import pytest

from ncco_server.errors import RenderError
from ncco_server.flow.nodes import Place
from ncco_server.flow.values import OUR_NUMBERS, OurNumber
from tests.support.cases import each_case

HERE = Place("flows/a.yaml", 1, 1)


@each_case(("direction", "number"), [("inbound", "442079460000"), ("", "442079460000"), ("outbound", "447700900111")])
def test_a_connect_shows_our_side_of_the_call(direction: str, number: str) -> None:
    call = {"to": "+442079460000", "from": "447700900111", "direction": direction}

    assert number == OurNumber(HERE).render({"call": call})


@each_case("to", ["", "support", "sip:a@b"])
def test_a_call_to_an_endpoint_without_a_number_shows_the_first_number_of_the_flow(to: str) -> None:
    names = {"call": {"to": to, "from": "", "direction": "inbound"}, OUR_NUMBERS: ("442079460001", "442079460002")}

    assert "442079460001" == OurNumber(HERE).render(names)


def test_a_call_to_an_endpoint_without_a_number_needs_an_explicit_from() -> None:
    with pytest.raises(RenderError) as raised:
        OurNumber(HERE).render({"call": {"to": "sip:a@b", "from": "", "direction": "inbound"}})

    assert "R105" == raised.value.code
