from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.flow.phrases import find, fold


@pytest.mark.parametrize(
    ("said", "folded"),
    [
        ("Sales", "sales"),
        ("  Sales,  PLEASE! ", "sales please"),
        ("café", "cafe"),
        ("Müller", "muller"),
        ("Straße", "strasse"),
        ("don't", "dont"),
        ("don\u2019t", "dont"),
        ("e-mail", "e mail"),
        ("snake_case", "snake case"),
        ("24/7", "24 7"),
        ("ÉCOLE", "ecole"),
        ("ﬁnance", "finance"),
        ("продажи", "продажи"),
        ("...", ""),
        ("", ""),
    ],
)
def test_case_accents_and_punctuation_are_folded(said: str, folded: str) -> None:
    assert folded == fold(said)


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("sales", "sales", True),
        ("sales", "the sales team", True),
        ("sales", "wholesales", False),
        ("sales", "salesman", False),
        ("sales team", "the sales team", True),
        ("sales team", "sales and team", False),
        ("", "sales", False),
        ("sales", "", False),
    ],
)
def test_a_phrase_is_found_as_whole_words(phrase: str, text: str, found: bool) -> None:
    assert found is find(phrase, text)


@given(st.text() | st.text(alphabet="0 \u0e01\u0e31\u1000\u102d\u1780\u17b7\u304b\u3099"))
@example("0\u0e31")
def test_folding_twice_changes_nothing(said: str) -> None:
    assert fold(said) == fold(fold(said))


@given(st.text(alphabet="ab '-é"), st.text(alphabet="ab '-é"))
def test_a_phrase_is_found_in_a_sentence_that_holds_it(phrase: str, other: str) -> None:
    folded = fold(phrase)

    assert find(folded, fold(f"{other} {phrase} {other}")) is bool(folded)


@pytest.mark.parametrize(
    ("phrase", "said", "found"),
    [
        ("営業", "営業をお願いします", True),
        ("がき", "かき", False),
        ("サポート", "ｻﾎﾟｰﾄですか", True),
        ("销售", "我要找销售部", True),
        ("ขาย", "ฝ่ายขายครับ", True),
        ("영업", "영업 부탁합니다", True),
        ("영업", "영업부", False),
        ("काम", "यह काम है", True),
        ("काम", "कम", False),
        ("مبيعات", "قسم المَبِيعَات", False),
        ("المبيعات", "قسم المَبِيعَات", True),
        ("πωλήσεις", "ΠΩΛΗΣΕΙΣ παρακαλώ", True),
        ("l'accueil", "passez-moi l\u2019accueil", True),
        ("été", "cet ete", True),
    ],
)
def test_a_phrase_is_found_in_the_scripts_of_the_world(phrase: str, said: str, found: bool) -> None:
    assert found is find(fold(phrase), fold(said))


def test_a_mark_without_a_letter_is_no_word() -> None:
    assert "" == fold("☎\ufe0f")


def test_a_vowel_sign_behind_a_sign_of_another_script_is_nothing() -> None:
    assert "か" == fold("か\u07a6")
