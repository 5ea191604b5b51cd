"""Digits, spelling, lists and time zones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.speaking import SPEAKERS, is_zone, known_zones

digits, spell, listed, in_zone = (SPEAKERS[name] for name in ("digits", "spell", "list", "in_zone"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("447700900123", "4 4, 7 7 0, 0 9 0, 0 1 2 3"),
        ("14155550123", "1, 4 1 5, 5 5 5, 0 1 2 3"),
        ("353861234567", "3 5 3, 8 6 1, 2 3 4, 5 6 7"),
        ("+447700900123", "plus 4 4, 7 7 0, 0 9 0, 0 1 2 3"),
        ("+44 20 7946 0000", "plus 4 4, 2 0, 7 9 4 6, 0 0 0 0"),
        ("(020) 7946-0000", "0 2 0, 7 9 4 6, 0 0 0 0"),
        ("12-34-56", "1 2, 3 4, 5 6"),
        ("1234", "1 2 3 4"),
        ("12345", "1 2 3 4 5"),
        ("123456", "1 2 3, 4 5 6"),
        ("1234567", "1 2 3, 4 5 6 7"),
        ("12345678", "1 2 3 4, 5 6 7 8"),
        ("07700900123", "0 7 7, 0 0 9 0, 0 1 2 3"),
        ("4111111111111111", "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1"),
        ("12*#", "1 2 star hash"),
        ("+", "plus"),
        ("+7", "plus 7"),
        ("+012", "plus 0 1 2"),
        ("", ""),
        (" - ", ""),
        (0, "0"),
        (40, "4 0"),
        (7.0, "7"),
        ("٣٤", "3 4"),
    ],
)
def test_digits_are_said_one_by_one_with_a_pause_between_groups(value: object, expected: str) -> None:
    assert expected == digits(value, "en-GB")


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        ("0612345678", 2, "0 6, 1 2, 3 4, 5 6, 7 8"),
        ("12-34-5", 3, "1 2 3, 4 5"),
        ("123", 1, "1, 2, 3"),
        ("+336", 2, "plus 3 3, 6"),
        ("", 2, ""),
    ],
)
def test_the_size_of_groups_can_be_said(value: str, size: int, expected: str) -> None:
    assert expected == digits(value, "fr-FR", size)


DIGITS = "digits are needed: a text of them, or a whole number from 0; for letters there is `spell`"


@pytest.mark.parametrize("value", ["T-17", -1, 0.5, True, None, ["1"], "½", float("inf")])
def test_what_has_no_digits_alone_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="digits are needed") as caught:
        digits(value, "en-GB")

    assert str(caught.value) == DIGITS


@pytest.mark.parametrize("size", [0, 10, True, 2.5, "2"])
def test_groups_have_one_to_nine_digits(size: object) -> None:
    with pytest.raises(ValueError, match="groups of 1 to 9 digits are needed"):
        digits("123", "en-GB", size)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-GB", "A, N, N, dot, L, underscore, 1, at, X, dash, Y, dot, C, O"),
        ("de-DE", "A, N, N, Punkt, L, Unterstrich, 1, at, X, Bindestrich, Y, Punkt, C, O"),
        ("fr-FR", "A, N, N, point, L, tiret bas, 1, arobase, X, tiret, Y, point, C, O"),
        ("es-ES", "A, N, N, punto, L, guion bajo, 1, arroba, X, guion, Y, punto, C, O"),
        ("it-IT", "A, N, N, punto, L, trattino basso, 1, chiocciola, X, trattino, Y, punto, C, O"),
        ("pt-BR", "A, N, N, ponto, L, underline, 1, arroba, X, hífen, Y, ponto, C, O"),
        ("pt-PT", "A, N, N, ponto, L, underscore, 1, arroba, X, hífen, Y, ponto, C, O"),
        ("nl-NL", "A, N, N, ., L, _, 1, @, X, -, Y, ., C, O"),
    ],
)
def test_an_address_is_spelt_with_the_signs_of_the_language(language: str, expected: str) -> None:
    assert expected == spell("ann.l_1@x-y.co", language)


@pytest.mark.parametrize(
    ("value", "language", "expected"),
    [
        ("Zoë Lee", "en-GB", "Z, O, Ë. L, E, E"),
        ("e\u0301", "fr-FR", "É"),
        ("ß", "de-DE", "ß"),
        ("i\u0131", "tr-TR", "İ, I"),
        ("#", "en-US", "pound"),
        ("#", "en-GB", "hash"),
        ("a\u0007b\n c", "en-GB", "A, B. C"),
        (17, "en-GB", "1, 7"),
        ("", "en-GB", ""),
    ],
)
def test_letters_are_said_as_capitals_and_words_parted_by_a_stop(value: object, language: str, expected: str) -> None:
    assert expected == spell(value, language)


@pytest.mark.parametrize("value", [True, None, 0.5, ["a"]])
def test_only_texts_and_whole_numbers_are_spelt(value: object) -> None:
    with pytest.raises(ValueError, match="a text is needed to spell it"):
        spell(value, "en-GB")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-GB", "a, b, c and d"),
        ("en-US", "a, b, c and d"),
        ("de-DE", "a, b, c und d"),
        ("fr-FR", "a, b, c et d"),
        ("es-ES", "a, b, c y d"),
        ("it-IT", "a, b, c e d"),
        ("pt-BR", "a, b, c e d"),
        ("ja-JP", "a、b、c、d"),
    ],
)
def test_a_list_is_counted_up(language: str, expected: str) -> None:
    assert expected == listed(["a", "b", "c", "d"], language)


@pytest.mark.parametrize(
    ("entries", "language", "word", "expected"),
    [
        ([], "en-GB", "and", ""),
        (["a"], "en-GB", "and", "a"),
        (["a", "b"], "en-GB", "and", "a and b"),
        (["a", "b", "c"], "en-US", "or", "a, b or c"),
        (["a", "b"], "de-DE", "or", "a oder b"),
        (["padre", "hijo"], "es-ES", "and", "padre e hijo"),
        (["pan", "leche", "Índices"], "es-ES", "and", "pan, leche e Índices"),
        (["agua", "hielo"], "es-ES", "and", "agua y hielo"),
        (["siete", "ocho"], "es-MX", "or", "siete u ocho"),
        ([7, 8], "es-MX", "or", "7 u 8"),
        ([10, 11], "es-MX", "or", "10 u 11"),
        ([10, 110], "es-MX", "or", "10 o 110"),
        (["uno", "dos"], "es-MX", "or", "uno o dos"),
        (["{0}", "{x}"], "en-GB", "and", "{0} and {x}"),
        ((1.5, "x"), "de-DE", "and", "1,5 und x"),
        ([datetime(2026, 3, 5, 9, 0, tzinfo=UTC)], "en-GB", "and", "Thursday 5 March at 9 AM"),
    ],
)
def test_lists_of_any_length(entries: object, language: str, word: str, expected: str) -> None:
    assert expected == listed(entries, language, word)


@pytest.mark.parametrize(
    ("value", "word", "sentence"),
    [
        ("a, b", "and", "a list is needed"),
        (["a"], "nor", 'a list is said with "and" or with "or"'),
        (["a"], 1, 'a list is said with "and" or with "or"'),
        ([["a"]], "and", "entries that are texts, numbers or points in time are needed"),
        ([True], "and", "entries that are texts, numbers or points in time are needed"),
        ([None], "and", "entries that are texts, numbers or points in time are needed"),
    ],
)
def test_what_is_no_list_of_texts_gets_a_sentence(value: object, word: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        listed(value, "en-GB", word)

    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "Europe/London", "2026-07-01T13:00:00+01:00"),
        (datetime(2026, 1, 1, 12, 0, tzinfo=UTC), "Europe/London", "2026-01-01T12:00:00+00:00"),
        ("2026-07-01T12:00:00Z", "America/New_York", "2026-07-01T08:00:00-04:00"),
        ("2026-07-01T12:00", "America/New_York", "2026-07-01T12:00:00-04:00"),
    ],
)
def test_a_point_in_time_is_moved_to_the_clocks_of_a_place(value: object, zone: str, expected: str) -> None:
    assert expected == in_zone(value, "en-GB", zone).isoformat()


@pytest.mark.parametrize(
    ("value", "zone", "needed"),
    [
        ("2026-07-01", "Europe/London", "a date and a time are needed"),
        (5, "Europe/London", "a number, a point in time"),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "from the year 1 to 9999"),
        ("2026-07-01T12:00", "Europe/Nowhere", "the name of a time zone is needed"),
        ("2026-07-01T12:00", "../../etc/passwd", "the name of a time zone is needed"),
        ("2026-07-01T12:00", "", "the name of a time zone is needed"),
        ("2026-07-01T12:00", "Europe", "the name of a time zone is needed"),
        ("2026-07-01T12:00", "a\x00b", "the name of a time zone is needed"),
        ("2026-07-01T12:00", 1, "the name of a time zone is needed"),
    ],
)
def test_what_has_no_clock_gets_a_sentence(value: object, zone: object, needed: str) -> None:
    with pytest.raises(ValueError, match=needed):
        in_zone(value, "en-GB", zone)


def test_zones_are_known_by_their_names() -> None:
    assert "Europe/London" in known_zones()
    assert is_zone("Europe/London")
    assert not is_zone("Europe/Londn")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["en-GB", "tr-TR", "xx", "pt-PT"]))
def test_every_text_can_be_spelt_in_one_line(text: str, language: str) -> None:
    assert spell(text, language).isprintable()


@settings(max_examples=150, deadline=None)
@given(st.text("0123456789+*# .-", max_size=30), st.none() | st.integers(1, 9))
def test_no_two_digits_are_said_as_one_number(text: str, size: int | None) -> None:
    told = digits(text, "en-GB", size)

    assert [sign for sign in text if sign.isdecimal()] == [sign for sign in told if sign.isdecimal()]
    assert all(len(word) == 1 or word.isalpha() for word in told.replace(",", " ").split())
