"""What is said in each language that is written with care, and in some of the others."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.flow.speaking import FORMS, SPEAKERS, is_currency

spoken = SPEAKERS["spoken"]

MORNING = datetime(2026, 3, 5, 9, 0, tzinfo=ZoneInfo("Europe/London"))
EVENING = datetime(2026, 3, 1, 17, 30, tzinfo=ZoneInfo("Europe/London"))
LANGUAGES = ("en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "es-MX", "it-IT", "pt-BR", "pt-PT")


@pytest.mark.parametrize(
    ("language", "morning", "evening"),
    [
        ("en-US", "Thursday, March 5 at 9 AM", "Sunday, March 1 at 5:30 PM"),
        ("en-GB", "Thursday 5 March at 9 AM", "Sunday 1 March at 5:30 PM"),
        ("de-DE", "Donnerstag, 5. März, um 9 Uhr", "Sonntag, 1. März, um 17 Uhr 30"),
        ("fr-FR", "jeudi 5 mars à 9 heures", "dimanche premier mars à 17 heures 30"),
        ("es-ES", "jueves, 5 de marzo, a las 9 horas", "domingo, 1 de marzo, a las 17:30 horas"),
        ("es-MX", "jueves, 5 de marzo, a las 9 de la mañana", "domingo, 1 de marzo, a las 5:30 de la tarde"),
        ("it-IT", "giovedì 5 marzo alle ore 9", "domenica primo marzo alle ore 17 e 30"),
        (
            "pt-BR",
            "quinta-feira, 5 de março, às 9 horas",
            "domingo, primeiro de março, às 17 horas e 30 minutos",
        ),
        ("pt-PT", "quinta-feira, 5 de março, às 9 horas", "domingo, 1 de março, às 17 horas e 30 minutos"),
        ("nl-NL", "donderdag 5 maart, 09:00", "zondag 1 maart, 17:30"),
        ("pl-PL", "czwartek, 5 marca, 09:00", "niedziela, 1 marca, 17:30"),
        ("ja-JP", "3月5日(木曜日) 9:00", "3月1日(日曜日) 17:30"),
        ("cmn-CN", "3月5日星期四 09:00", "3月1日星期日 17:30"),
        ("no-NO", "torsdag 5. mars, 09:00", "søndag 1. mars, 17:30"),
    ],
)
def test_a_point_in_time_is_weekday_day_month_and_time(language: str, morning: str, evening: str) -> None:
    assert morning == spoken(MORNING, language)
    assert evening == spoken(EVENING, language)


@pytest.mark.parametrize(
    ("language", "date", "day", "weekday"),
    [
        ("en-US", "March 5, 2026", "Thursday, March 5", "Thursday"),
        ("en-GB", "5 March 2026", "Thursday 5 March", "Thursday"),
        ("de-DE", "5. März 2026", "Donnerstag, 5. März", "Donnerstag"),
        ("fr-FR", "5 mars 2026", "jeudi 5 mars", "jeudi"),
        ("es-ES", "5 de marzo de 2026", "jueves, 5 de marzo", "jueves"),
        ("it-IT", "5 marzo 2026", "giovedì 5 marzo", "giovedì"),
        ("pt-BR", "5 de março de 2026", "quinta-feira, 5 de março", "quinta-feira"),
    ],
)
def test_parts_of_a_point_in_time_are_said_alone(language: str, date: str, day: str, weekday: str) -> None:
    assert date == spoken(MORNING, language, "date")
    assert day == spoken(MORNING, language, "day")
    assert weekday == spoken(MORNING, language, "weekday")


@pytest.mark.parametrize(
    ("language", "date"),
    [
        ("fr-FR", "premier mars 2026"),
        ("it-IT", "primo marzo 2026"),
        ("pt-BR", "primeiro de março de 2026"),
        ("pt-PT", "1 de março de 2026"),
        ("de-DE", "1. März 2026"),
    ],
)
def test_the_first_of_a_month_has_its_own_word_where_people_say_one(language: str, date: str) -> None:
    assert date == spoken(EVENING, language, "date")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-GB", ["12 midnight", "1 AM", "12 noon", "1:05 PM", "9 PM"]),
        ("de-DE", ["0 Uhr", "1 Uhr", "12 Uhr", "13 Uhr 5", "21 Uhr"]),
        ("fr-FR", ["minuit", "1 heure", "midi", "13 heures 5", "21 heures"]),
        ("es-ES", ["0 horas", "1 de la mañana", "12 horas", "13:05 horas", "21 horas"]),
        ("es-US", ["12 de la noche", "1 de la mañana", "12 del mediodía", "1:05 de la tarde", "9 de la noche"]),
        ("it-IT", ["ore 0", "ore 1", "ore 12", "ore 13 e 5", "ore 21"]),
        ("pt-BR", ["meia-noite", "1 hora", "meio-dia", "13 horas e 5 minutos", "21 horas"]),
        ("nl-NL", ["00:00", "01:00", "12:00", "13:05", "21:00"]),
        ("hi-IN", ["12:00 am", "1:00 am", "12:00 pm", "1:05 pm", "9:00 pm"]),
    ],
)
def test_times_of_day(language: str, expected: list[str]) -> None:
    times = ("00:00", "1:00", "12:00:00", "13:05", "2026-03-05T21:00:00Z")

    assert expected == [spoken(time, language, "time") for time in times]


@pytest.mark.parametrize(
    ("language", "hour", "expected"),
    [
        ("es-ES", 1, "jueves, 5 de marzo, a la 1 de la mañana"),
        ("es-ES", 13, "jueves, 5 de marzo, a las 13 horas"),
        ("es-MX", 13, "jueves, 5 de marzo, a la 1 de la tarde"),
        ("es-MX", 0, "jueves, 5 de marzo, a las 12 de la noche"),
        ("pt-BR", 0, "quinta-feira, 5 de março, à meia-noite"),
        ("pt-BR", 1, "quinta-feira, 5 de março, à 1 hora"),
        ("pt-BR", 12, "quinta-feira, 5 de março, ao meio-dia"),
        ("fr-CA", 0, "jeudi 5 mars à minuit"),
        ("vi-VN", 13, "13:00 Thứ Năm, 5 tháng 3"),
    ],
)
def test_the_word_before_the_time_agrees_with_it(language: str, hour: int, expected: str) -> None:
    assert expected == spoken(datetime(2026, 3, 5, hour, tzinfo=ZoneInfo("UTC")), language)


def test_minutes_agree_with_their_word() -> None:
    assert spoken("13:01", "pt-PT") == "13 horas e 1 minuto"
    assert spoken("00:30", "pt-PT") == "0 hora e 30 minutos"
    assert spoken("00:30", "fr-FR") == "0 heure 30"


def test_a_point_in_time_is_said_by_its_own_clock() -> None:
    tokyo = datetime(2026, 3, 5, 23, 30, tzinfo=timezone(timedelta(hours=9)))

    assert spoken(tokyo, "en-US") == "Thursday, March 5 at 11:30 PM"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-03-05", "5 March 2026"),
        ("2026-03-05T09:00", "Thursday 5 March at 9 AM"),
        (" 2026-03-05 17:30:59.123+01:00 ", "Thursday 5 March at 5:30 PM"),
        ("9:05", "9:05 AM"),
        ("1984", "1,984"),
        ("-0.50", "minus 0.5"),
        ("+12", "12"),
    ],
)
def test_the_text_of_a_value_is_said_like_the_value(written: str, expected: str) -> None:
    assert expected == spoken(written, "en-GB")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-US", ["0", "7", "1,984", "minus 1,234,567.892", "0.5"]),
        ("de-DE", ["0", "7", "1.984", "minus 1.234.567,892", "0,5"]),
        ("de-CH", ["0", "7", "1\u2019984", "minus 1\u2019234\u2019567.892", "0.5"]),
        ("fr-FR", ["0", "7", "1984", "moins 1234567,892", "0,5"]),
        ("es-ES", ["0", "7", "1.984", "menos 1.234.567,892", "0,5"]),
        ("it-IT", ["0", "7", "1.984", "meno 1.234.567,892", "0,5"]),
        ("pt-BR", ["0", "7", "1.984", "menos 1.234.567,892", "0,5"]),
        ("pl-PL", ["0", "7", "1984", "-1234567,892", "0,5"]),
        ("he-IL", ["0", "7", "1,984", "-1,234,567.892", "0.5"]),
    ],
)
def test_numbers_have_the_marks_of_their_language_and_no_blanks(language: str, expected: list[str]) -> None:
    assert expected == [spoken(value, language) for value in (0, 7, 1984, -1234567.8915, 0.5)]


def test_a_number_that_rounds_to_nothing_has_no_sign() -> None:
    assert spoken(-0.0001, "en-GB") == "0"
    assert spoken(-0.001, "en-GB", "GBP") == "0 pounds"


@pytest.mark.parametrize(
    ("language", "pounds", "euros", "dollars"),
    [
        ("en-GB", "12 pounds and 50 pence", "1 euro", "minus 1,234 US dollars and 1 cent"),
        ("en-US", "12 pounds and 50 pence", "1 euro", "minus 1,234 dollars and 1 cent"),
        ("de-DE", "12 Pfund und 50 Pence", "1 Euro", "minus 1.234 US-Dollar und 1 Cent"),
        ("fr-FR", "12 livres et 50 pence", "1 euro", "moins 1234 dollars et 1 cent"),
        ("es-ES", "12 libras con 50 peniques", "1 euro", "menos 1.234 dólares con 1 centavo"),
        ("it-IT", "12 sterline e 50 pence", "1 euro", "meno 1.234 dollari e 1 centesimo"),
        ("pt-BR", "12 libras e 50 pence", "1 euro", "menos 1.234 dólares e 1 centavo"),
        ("nl-NL", "12,50 Britse pond", "1 euro", "-1.234,01 Amerikaanse dollar"),
        ("pl-PL", "12,50 funta szterlinga", "1 euro", "-1234,01 dolara amerykańskiego"),
    ],
)
def test_amounts_of_money(language: str, pounds: str, euros: str, dollars: str) -> None:
    assert pounds == spoken(12.5, language, "GBP")
    assert euros == spoken("1.00", language, "eur")
    assert dollars == spoken(-1234.01, language, "USD")


@pytest.mark.parametrize(
    ("value", "language", "currency", "expected"),
    [
        (0.5, "en-GB", "GBP", "50 pence"),
        (0.01, "en-GB", "GBP", "1 penny"),
        (0, "fr-FR", "EUR", "0 euro"),
        (0, "en-GB", "GBP", "0 pounds"),
        (0.995, "en-GB", "GBP", "1 pound"),
        (1500, "en-GB", "JPY", "1,500 Japanese yen"),
        (1500.5, "ja-JP", "JPY", "1,501円"),
        (12.5, "en-GB", "NOK", "12.50 Norwegian kroner"),
        (12, "en-GB", "NOK", "12 Norwegian kroner"),
        (1.2345, "en-GB", "KWD", "1.235 Kuwaiti dinars"),
        (2, "pt-BR", "BRL", "2 reais"),
        (12.5, "pt-BR", "NOK", "12,50 coroas norueguesas"),
        (3.05, "de-CH", "CHF", "3 Franken und 5 Rappen"),
        (3.05, "de-DE", "CHF", "3 Schweizer Franken und 5 Rappen"),
        (5, "en-CA", "CAD", "5 dollars"),
        (5, "en-CA", "USD", "5 US dollars"),
        (1_000_000, "fr-FR", "EUR", "1000000 d'euros"),
        (1_000_000, "fr-FR", "USD", "1000000 de dollars"),
        (2_000_000, "es-ES", "EUR", "2.000.000 de euros"),
        (2_000_000, "it-IT", "EUR", "2.000.000 di euro"),
        (1_000_000, "en-GB", "EUR", "1,000,000 euros"),
        (999_999_999_999_999_999, "de-DE", "EUR", "999.999.999.999.999.999 Euro"),
    ],
)
def test_amounts_that_are_told_otherwise(value: float, language: str, currency: str, expected: str) -> None:
    assert expected == spoken(value, language, currency)


@pytest.mark.parametrize("language", ["", "xx-YY", "tlh", "../../etc/passwd", "x" * 300, "-", "é"])
def test_an_unknown_language_is_american_english(language: str) -> None:
    assert spoken(MORNING, language) == "Thursday, March 5 at 9 AM"


@pytest.mark.parametrize(
    ("language", "expected"),
    [("en-GB-WLS", "5 March 2026"), ("EN_gb", "5 March 2026"), ("de-XX", "5. März 2026"), ("ar", "5 مارس 2026")],
)
def test_a_language_is_taken_as_near_as_it_is_known(language: str, expected: str) -> None:
    assert expected == spoken(MORNING, language, "date")


NEEDED = "a number, a point in time, or the text of one such as 2026-03-05T09:30 is needed"


@pytest.mark.parametrize(
    ("value", "form", "sentence"),
    [
        ("next week", "", NEEDED),
        ("", "", NEEDED),
        ("2026-02-30", "", NEEDED),
        ("2026-13-01T09:00", "", NEEDED),
        ("25:00", "", NEEDED),
        ("1" * 19, "", NEEDED),
        (True, "", NEEDED),
        (None, "", NEEDED),
        ([1], "", NEEDED),
        (float("nan"), "", NEEDED),
        (float("inf"), "", NEEDED),
        (10**18, "", NEEDED),
        (5, "time", "a number is said as it is or as an amount of money"),
        (5, "ABC", "a number is said as it is or as an amount of money"),
        (MORNING, "GBP", "a point in time is said as date, day, time, weekday"),
        (MORNING, 5, "the way of speaking is a text"),
        ("09:30", "weekday", "a time alone has no day"),
        ("2026-03-05", "time", "a date alone has no time"),
    ],
)
def test_what_cannot_be_said_gets_a_sentence_without_the_value(value: object, form: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        spoken(value, "en-GB", form)

    assert sentence == str(caught.value)


def test_currencies_are_known_in_any_case() -> None:
    assert is_currency("GBP")
    assert is_currency("gbp")
    assert not is_currency("GPB")


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(timezones=st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu")])),
    st.sampled_from((*LANGUAGES, "ja-JP", "ar", "th-TH", "hu-HU", "eu-ES", "fil-PH", "cy-GB")),
    st.sampled_from(("", *FORMS)),
)
def test_every_point_in_time_can_be_said_in_one_line(moment: datetime, language: str, form: str) -> None:
    told = spoken(moment, language, form)

    assert told.strip() == told != ""
    assert told.isprintable()


@settings(max_examples=150, deadline=None)
@given(
    st.floats(-1e17, 1e17) | st.integers(-(10**17), 10**17),
    st.sampled_from((*LANGUAGES, "ja-JP", "ar", "sv-SE", "fa-IR")),
    st.sampled_from(("", "EUR", "JPY", "KWD", "XAU")),
)
def test_every_number_can_be_said_in_one_line(value: float, language: str, form: str) -> None:
    told = spoken(value, language, form)

    assert told.strip() == told != ""
    assert told.isprintable()
