from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ncco_server.flow.phrases import find_phrases, fold
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table


@each_case(("said", "folded"), table(__file__, "test_case_accents_and_punctuation_are_folded"))
def test_case_accents_and_punctuation_are_folded(said: str, folded: str) -> None:
    assert folded == fold(said)


@each_case(("phrase", "text", "found"), table(__file__, "test_a_phrase_is_found_as_whole_words"))
def test_a_phrase_is_found_as_whole_words(phrase: str, text: str, found: bool) -> None:
    assert found is bool(find_phrases([phrase], text))


@given(st.text() | st.text(alphabet="0 \u0e01\u0e31\u1000\u102d\u1780\u17b7\u304b\u3099"))
@example("0\u0e31")
def test_folding_twice_changes_nothing(said: str) -> None:
    assert fold(said) == fold(fold(said))


@given(st.text(alphabet="ab '-é"), st.text(alphabet="ab '-é"))
def test_a_phrase_is_found_in_a_sentence_that_holds_it(phrase: str, other: str) -> None:
    folded = fold(phrase)

    assert bool(find_phrases([folded], f"{other} {phrase} {other}")) is bool(folded)


@each_case(("phrase", "said", "found"), table(__file__, "test_a_phrase_is_found_in_the_scripts_of_the_world"))
def test_a_phrase_is_found_in_the_scripts_of_the_world(phrase: str, said: str, found: bool) -> None:
    assert found is bool(find_phrases([fold(phrase)], said))


def test_a_mark_without_a_letter_is_not_a_word() -> None:
    assert "" == fold("☎\ufe0f")


def test_a_vowel_sign_after_a_letter_of_another_script_is_ignored() -> None:
    assert "か" == fold("か\u07a6")
