from __future__ import annotations

from collections.abc import Callable

from ncco_server.ncco.value_types import is_withheld, number_of_caller
from ncco_server.service.phone_numbers import (
    dialable,
    digits_of,
    read_called,
    read_caller,
    read_party,
    readable,
    sought_digits,
)
from tests.support.cases import each_case


@each_case(
    ("number", "line", "shown"),
    [
        ("447700900123", "", "+44 7700 900123"),
        ("447700900123", "442079460000", "07700 900123"),
        ("447700900123", "12025550100", "+44 7700 900123"),
        ("12025550123", "12025550100", "(202) 555-0123"),
        ("390612345678", "390661234567", "06 1234 5678"),
        ("447700900123", "reception", "+44 7700 900123"),
        ("123456", "442079460000", "123456"),
        ("07700900123", "442079460000", "07700900123"),
        ("999999999999", "", "999999999999"),
        ("alice", "442079460000", "alice"),
        ("", "", ""),
    ],
)
def test_a_number_is_formatted_the_way_people_write_it(number: str, line: str, shown: str) -> None:
    assert shown == readable(number, line)


@each_case(
    ("words", "line", "digits"),
    [
        ("+44 (0)7700 900123", "", "447700900123"),
        ("07700 900123", "442079460000", "447700900123"),
        ("07700 900123", "", "07700 900123"),
        ("(202) 555-0123", "12025550100", "12025550123"),
        ("447700900123", "12025550100", "447700900123"),
        ("12345", "442079460000", "12345"),
        ("07700 900123", "4420794600", "447700900123"),
        ("202-555-0123", "12025550100", "12025550123"),
        ("2025550123", "12025550100", "2025550123"),
        ("011 44 7700 900123", "12025550100", "447700900123"),
        ("44 7700 900123", "12025550100", "447700900123"),
        ("44 7700 900123", "4930123456", "447700900123"),
        ("030 123456", "4930987654", "4930123456"),
        ("06 1234 5678", "390661234567", "390612345678"),
        ("15550100123", "12025550100", "15550100123"),
        ("07700", "442079460000", "07700"),
        ("0770 090", "442079460000", "0770 090"),
        ("7946 0000", "442079460000", "7946 0000"),
        ("555-0123", "12025550100", "555-0123"),
        ("reception 1", "442079460000", "reception 1"),
        ("+", "442079460000", "+"),
        ("", "", ""),
    ],
)
def test_a_number_is_read_the_way_people_write_it(words: str, line: str, digits: str) -> None:
    assert digits == digits_of(words, line)


@each_case(
    ("caller", "number", "is_nobody"),
    [
        ("447700900123", "447700900123", False),
        ("+44 7700 900123", "447700900123", False),
        ("00447700900123", "447700900123", False),
        ("sip:447700900123@pbx.example.com", "447700900123", False),
        ("SIPS:+44-7700-900123@198.51.100.1:5061;user=phone", "447700900123", False),
        ('"Ada" <sip:%2B447700900123@pbx.example.com>;tag=1', "447700900123", False),
        ("sip:447700900123:secret@pbx.example.com", "447700900123", False),
        ("sip:anonymous:@anonymous.invalid", "", True),
        ("tel:+447700900123", "447700900123", False),
        ("07700 900123", "447700900123", False),
        ("sip:desk@pbx.example.com", "", False),
        ("wss://example.com/447700900123", "", False),
        ("ada", "", False),
        ("", "", True),
        ("Anonymous", "", True),
        (" RESTRICTED ", "", True),
        ("unavailable", "", True),
        ("sip:anonymous@anonymous.invalid", "", True),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>', "", True),
        ("sip:+266696687@198.51.100.1", "", True),
        ("266696687", "", True),
        ("+266696687", "", True),
        ("00266696687", "", True),
        ("sip:00266696687@198.51.100.1", "", True),
        ("8656696", "", True),
    ],
)
def test_the_number_of_a_caller_is_read_in_every_form(caller: str, number: str, is_nobody: bool) -> None:
    assert (number, is_nobody) == (number_of_caller(caller, "442079460000"), is_withheld(caller))


@each_case(
    ("text", "digits"),
    [
        ("0123", "123"),
        ("07700 900", "7700900"),
        ("+44 (0)7700 900123", "447700900123"),
        ("447700900123.0", "447700900123"),
        ("+44\u00a07700", "447700"),
        ("12", ""),
        ("Ada 12345", ""),
    ],
)
def test_a_search_for_a_part_of_a_number_uses_its_digits(text: str, digits: str) -> None:
    assert digits == sought_digits(text)


@each_case(
    ("read", "words", "number"),
    [
        (read_party, "07700 900123", "447700900123"),
        (read_party, "999", "999"),
        (read_party, "770090", "770090"),
        (read_called, "020 7946 0000", "442079460000"),
        (read_called, "tel:+44 20 7946 0000", "442079460000"),
        (read_called, "Ada_1", "Ada_1"),
        (read_called, "", ""),
        (read_caller, "07700 900123", "447700900123"),
        (read_caller, "SIP:desk@example.com", "SIP:desk@example.com"),
        (read_caller, "Anonymous", "Anonymous"),
        (lambda number, _: dialable(number), "447700900123", "+447700900123"),
        (lambda number, _: dialable(number), "anonymous", ""),
        (lambda number, _: dialable(number), "\u0664\u0664", ""),
    ],
)
def test_somebody_is_named_by_a_number_or_without_one(read: Callable[[str, str], str], words: str, number: str) -> None:
    assert number == read(words, "442079460000")
