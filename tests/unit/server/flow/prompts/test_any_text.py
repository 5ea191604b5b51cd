"""Reading a prompt never fails, whatever its text, and the issues point into the text."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.checks.prompt_text import LONGEST_PROMPT, read_prompt
from ncco_server.flow.checks.prompts import MenuEntry, SpokenPrompt, check_entry, check_menu
from ncco_server.flow.nodes import Place, Text
from tests.support.cases import each_case
from tests.support.examples import examples

WORDS = """
press say enter select key keys star pound hash # * 1 2 3 12 4711 one two or and to for if between from 9:30
5.50 $ % 1st a.m. , . ! ? : ; - ( ) / digits digit {{x}} {% <break/> &amp; sales support drücken Sie die Taste
mit der Eins Zwei für wählen vierstellige Ziffern Raute sagen tapez le un dièse pour étoile chiffres dites
pulse el uno para almohadilla dígitos diga prema tasto per cancelletto cifre dica prima tecla cardinal jogo
velha \u2013 \n followed by each letter any
"""
PIECES = WORDS.split()
MENU = (
    MenuEntry("sales", ("1", "*"), ("sales",), Place("flows/a.yaml", 1, 1)),
    MenuEntry("support_desk", (), ("support", "help"), Place("flows/a.yaml", 2, 1)),
    MenuEntry("de", ("22",), (), Place("flows/a.yaml", 3, 1)),
)
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=25).map(" ".join)
LANGUAGES = st.sampled_from(["", "en-GB", "de-DE", "fr-FR", "es-MX", "it-IT", "pt-BR", "nl-NL"])


@each_case("words", ["key the the the", "1,", "press the", "for a press 1", "- 1", "{{x}}", "one or"])
def test_a_text_of_repeated_words_is_read_quickly(words: str) -> None:
    begun = time.process_time()
    read_prompt(f"{words} " * (LONGEST_PROMPT // len(words)), "en-GB")

    assert time.process_time() - begun < 10


@examples(200)
@given(text=TEXTS, language=LANGUAGES, lengths=st.sampled_from([None, (4, 4), (1, 1), (2, 8)]), is_hash=st.booleans())
def test_any_text_is_read_and_its_issues_point_into_it(
    text: str, language: str, lengths: tuple[int, int] | None, is_hash: bool
) -> None:
    prompt = SpokenPrompt(Text(text, Place("flows/b.yaml", 1, 1)), read_prompt(text, language))

    found = [*check_menu([prompt], MENU, is_complete=True, other_keys=frozenset())]
    found += check_entry(prompt, lengths, ends_with_hash=is_hash)

    marked = [issue.place for issue in found if issue.place.file == "flows/b.yaml"]
    assert all(1 <= place.column and place.column - 1 + place.length <= len(text) for place in marked)
