from __future__ import annotations

from ncco_server.service.phone_numbers import digits_of, readable
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
        ("reception 1", "442079460000", "reception 1"),
        ("+", "442079460000", "+"),
        ("", "", ""),
    ],
)
def test_a_number_is_read_the_way_people_write_it(words: str, line: str, digits: str) -> None:
    assert digits == digits_of(words, line)
