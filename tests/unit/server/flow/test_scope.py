from __future__ import annotations

from ncco_server.flow.scope import RESERVED, header, is_name, scope_types
from ncco_server.ncco.value_types import ANY, TYPES
from tests.support.cases import each_case
from tests.unit.server.flow.templates.cases import SCOPE, VARIABLES, rendered


def test_a_scope_has_the_call_and_the_variables() -> None:
    assert {"call", "input", "env", "now", "locale", *VARIABLES} == set(SCOPE)
    assert SCOPE.get("tries") == TYPES["int"]
    assert SCOPE.get("nobody") is None


def test_settings_and_sensitive_variables_may_not_be_spoken() -> None:
    assert {"env": "a server setting", "pin": "a sensitive variable"} == SCOPE.unspoken


def test_an_added_name_may_be_unspeakable_too() -> None:
    added = SCOPE.with_name("code", ANY, "a secret").with_name("pin", ANY)

    assert {"env": "a server setting", "code": "a secret"} == added.unspoken
    assert SCOPE.get("code") is None


def test_no_variable_may_hide_a_name_that_every_call_has() -> None:
    shadowed = scope_types({"call": VARIABLES["tries"]})

    assert SCOPE.get("call") == shadowed.get("call")


@each_case("name", ["ticket", "_x", "Ticket2"])
def test_a_name_consists_of_letters_digits_and_underscores(name: str) -> None:
    assert is_name(name)


@each_case("name", ["", "2x", "a-b", "a b", "é", "x\n", *sorted(RESERVED)])
def test_other_texts_and_reserved_words_are_not_names(name: str) -> None:
    assert not is_name(name)


@each_case(("name", "expected"), [("X-Tenant", "blue"), ("x-tenant", "blue"), ("X-Other", ""), ("User-to-User", "")])
def test_a_header_is_found_in_any_case_and_empty_when_not_sent(name: str, expected: str) -> None:
    assert expected == header({"X-Tenant": "blue"}, name)


def test_every_name_has_a_sample_value() -> None:
    samples = SCOPE.samples

    assert set(SCOPE) == set(samples)
    assert ("447700900123 sample sample 1") == rendered(
        '{{ call.from }} {{ call.sip["X-A"] }} {{ call.custom_data.any }} {{ tries }}', known=samples
    )
    assert "https://example.com/x.mp3" == rendered("{{ env.ANY }}/x.mp3", "url", samples, TYPES["url"])
