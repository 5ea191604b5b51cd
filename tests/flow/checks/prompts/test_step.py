"""Which texts of a step are looked at, in which language, and where their words stand."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from tests.flow.checks.prompts.menu_files import issues_of, marked

TWO = "choices: {sales: {dtmf: 1, goto: end}, support: {dtmf: 2, goto: end}}"


def flow(step: str, head: str = "") -> str:
    lines = indent(dedent(step).strip(), "    ")
    return f"flow: test\ndefault: true\nstart: hello\n{dedent(head)}steps:\n  hello:\n{lines}\n"


def menu(do: str, retry: str = "{then: end}", head: str = "", choices: str = TWO) -> str:
    return flow(f"do:\n{indent(dedent(do).strip(), '  ')}\n{choices}\nretry: {retry}\n", head)


@pytest.mark.parametrize(
    "talk",
    [
        '- talk: "For sales press 1, for support press 3."',
        '- talk: {text: "For sales press 1, for support press 3.", style: 2}',
        '- {action: talk, text: "For sales press 1, for support press 3."}',
        "- talk: |\n    For sales press 1,\n    for support\n    press 3.",
        "- talk: >\n    For sales press 1,\n    for support press 3.\n",
        '- talk: "For sales press 1, \\u0066or support press 3."',
        "- talk: For sales press 1, for support press 3.",
        '- talk: "For sales press 1, for {{ call.from }} press 3."',
        '- talk: "<speak>For sales press 1,<break/> for &amp; support press 3.</speak>"',
        '- talk: "For sales press 1{# comment #}, for support press 3."',
    ],
)
def test_a_wrong_key_is_marked_however_the_text_is_written(talk: str) -> None:
    assert ["W600 press 3"] == marked(menu(talk))


def test_words_that_go_over_a_line_are_marked_to_its_end() -> None:
    assert ["W600 press"] == marked(menu("- talk: |\n    For sales press 1, for support press\n    3."))


def test_a_file_of_templates_is_marked_itself() -> None:
    templates = {"menu.j2": "Hello.\nFor sales press 1,\nfor support press 3."}

    assert ["W600 press 3"] == marked(menu("- talk: {template: menu.j2}"), templates)
    assert ["W600 press 3"] == marked(menu("- {action: talk, template: menu.j2}"), templates)
    assert ["W600 press 3"] == marked(menu('- talk: {template: menu.j2}\n  language: "en-GB"'), templates)


def test_files_that_a_text_includes_are_heard_too() -> None:
    templates = {"outer.j2": 'Hello. {% include "inner.j2" %}', "inner.j2": "For sales press 1, for support press 2."}

    assert [] == marked(
        menu('- talk: "For sales press 1. {% include "inner.j2" %}"'.replace('"inner.j2"', "'inner.j2'")), templates
    )
    assert [] == marked(menu("- talk: {template: outer.j2}"), templates)


@pytest.mark.parametrize(
    "do",
    [
        "- stream: https://example.com/menu.mp3\n- talk: For sales press 1.",
        '- talk: "For sales press 1. {{ call.from }}"',
        '- talk: "For sales press 1. For {{ call.from }} press {{ call.to }}."',
        '- talk: "{% for digit in call.from %}Press 1.{% endfor %}"',
        "- talk: Hello.",
        "- stream: https://example.com/menu.mp3",
        "- talk: Press any key.",
    ],
)
def test_no_choice_is_missed_where_not_all_is_known(do: str) -> None:
    assert [] == [code for code in marked(menu(do)) if code.startswith("W6")]


def test_a_choice_may_be_mentioned_in_a_retry_prompt_alone() -> None:
    do = "- talk: For sales press 1."

    assert [] == marked(menu(do, '{noinput: "For support press 2.", then: end}'))
    assert [] == marked(menu(do, '{nomatch: [{stream: "https://example.com/a.mp3"}], then: end}'))
    assert ["W601 support"] == marked(menu(do, "{nomatch: [Sorry?], then: end}"))


def test_an_inherited_choice_needs_no_mention() -> None:
    head = "defaults:\n  choices: {operator: {dtmf: 0, goto: end}}\n"

    assert [] == marked(menu("- talk: For sales press 1, for support press 2.", head=head))
    assert [] == marked(menu("- talk: For sales press 1, for support press 2, at any time press 0.", head=head))


def test_an_inherited_prompt_is_marked_once_for_all_menus() -> None:
    head = "defaults:\n  retry: {noinput: [Please press 1 or 7.], then: end}\n"
    step = menu("- talk: For sales press 1, for support press 2.", "{tries: 2}", head)
    two = step + step[step.index("  hello:") :].replace("hello:", "again:")

    issues = [issue for issue in issues_of(two) if issue.code == "W600"]

    assert ["not every menu that says so has the key 7"] == [issue.message.partition(", and ")[2] for issue in issues]


def test_own_prompts_stand_in_place_of_inherited_ones() -> None:
    head = "defaults:\n  retry: {noinput: [Please press 7.], nomatch: [Please press 8.], then: end}\n"

    found = marked(menu("- talk: For sales press 1, for support press 2.", "{noinput: [Sorry?]}", head))

    assert ["W600 press 8"] == found


def test_an_inherited_prompt_in_a_data_entry_is_marked_for_all_steps() -> None:
    head = 'vars: {pin: {type: text, default: ""}}\ndefaults: {retry: {noinput: [Press 0 for help.], then: end}}\n'
    step = 'do:\n  - talk: "Your PIN, please."\ncollect: {into: pin, digits: 4}\ngoto: end\n'

    assert ["not every step that says so takes 4 digits"] == [
        issue.message.partition(", and ")[2] for issue in issues_of(flow(step, head))
    ]


def test_the_keys_that_end_a_recording_are_no_keys_of_the_menu() -> None:
    do = "- talk: Leave a message and press hash. To cancel press 1, to wait press 2.\n- record: {endOnKey: '#'}"

    assert [] == [code for code in marked(menu(do)) if code.startswith("W6")]


GERMAN = "Guten Tag und willkommen. Für den Vertrieb drücken Sie die 1, für den Support die 2."


@pytest.mark.parametrize(
    ("talk", "head", "is_found"),
    [
        (f'- talk: "{GERMAN}"\n  language: en-GB', "", True),
        (f'- talk: {{text: "{GERMAN}", language: en-GB}}', "", True),
        (f'- talk: "{GERMAN}"', "defaults: {talk: {language: en-GB}}\n", True),
        (f'- talk: "{GERMAN}"\n  language: de-DE', "defaults: {talk: {language: en-GB}}\n", False),
        (f'- talk: "{GERMAN}"', "", True),
        (f'- talk: "{GERMAN}"\n  language: nl-NL', "", False),
        (
            f'- talk: "{GERMAN}"\n  language: "{{{{ tongue }}}}"',
            "vars: {tongue: {type: text, default: en-GB}}\n",
            False,
        ),
        (f"- talk: \"<speak><lang xml:lang='de-DE'>{GERMAN}</lang></speak>\"\n  language: en-GB", "", False),
        (f'- talk: "{GERMAN}"', "locales: {en: {language: en-GB}}\n", True),
        (f'- talk: {{en: "For sales press 1, for support press 2.", de: "{GERMAN}"}}', "LOCALES", False),
        (f'- talk: {{de: "For sales press 1, for support press 2.", en: "{GERMAN}"}}', "LOCALES", True),
    ],
)
def test_a_text_is_compared_with_the_language_of_its_voice(talk: str, head: str, is_found: bool) -> None:
    head = head.replace("LOCALES", "locales: {en: {language: en-GB}, de: {language: de-DE}}\n")

    assert is_found == any(code.startswith("W604") for code in marked(menu(talk, head=head)))


def test_texts_without_a_language_are_told_once_with_the_voice_that_speaks_them() -> None:
    issues = issues_of(menu(f'- talk: "{GERMAN}"\n- talk: "{GERMAN}"'))
    (issue,) = [issue for issue in issues if issue.code == "W604"]

    assert "a voice for English (en-US) speaks it, since nothing says its language" in issue.message
    assert "write `defaults: {talk: {language: de-DE}}` in the flow" == issue.cure


def test_a_text_of_a_step_that_asks_nothing_is_compared_as_well() -> None:
    step = 'do:\n  - talk: "Auf Wiederhören, und vielen Dank für Ihren Anruf."\n    language: en-GB\ngoto: end\n'

    assert ["W604 Auf Wiederhören, und vielen Dank für Ihren Anruf."] == marked(flow(step))


def test_each_locale_is_checked_with_its_own_texts_and_phrases() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: fr-FR}}\n"
    talk = '- talk: {en: "Press 1 or say sales.", fr: "Tapez 1 ou dites ventes."}'
    right = "choices: {sales: {dtmf: 1, speech: {en: [sales], fr: [ventes]}, goto: end}}"
    wrong = "choices: {sales: {dtmf: 1, speech: {en: [sales], fr: [commercial]}, goto: end}}"

    assert [] == marked(menu(talk, head=head, choices=right))
    assert ["W603 ventes"] == marked(menu(talk, head=head, choices=wrong))


def test_the_hash_key_is_right_where_it_is_written_to_end_the_entry() -> None:
    head = 'vars: {pin: {type: text, default: ""}}\n'
    step = """
    do:
      - talk: "Enter your 4 digits and press hash."
      - input: {dtmf: {submitOnHash: true}}
    collect: {into: pin, digits: 4}
    goto: end
    retry: {then: end}
    """

    assert [] == marked(flow(step, head))
    assert ["W607 hash"] == marked(flow(step.replace("true", "false"), head))


@pytest.mark.parametrize(
    ("digits", "cure"),
    [
        (6, "leave the hash key out of the prompt, or take fewer digits too, which it then ends: `digits: 5..6`"),
        (1, "leave the hash key out of the prompt"),
    ],
)
def test_the_cure_of_a_hash_key_is_made_of_the_digits_that_are_taken(digits: int, cure: str) -> None:
    step = f"""
    do: [talk: "Enter your number, followed by hash."]
    collect: {{into: pin, digits: {digits}}}
    goto: end
    retry: {{then: end}}
    """
    issues = issues_of(flow(step, 'vars: {pin: {type: text, default: ""}}\n'))

    assert [("W607", cure)] == [(issue.code, issue.cure) for issue in issues if issue.code.startswith("W6")]


def test_a_step_with_an_error_gets_no_warning_about_its_words() -> None:
    assert ["E214 nowhere"] == marked(menu("- talk: Press 7.", choices="choices: {sales: {dtmf: 1, goto: nowhere}}"))


def test_a_retry_in_a_faulty_shape_is_reported_once() -> None:
    assert ["E201 menu"] == marked(menu("- talk: Press 1 or 2.", "menu"))


def test_a_choice_named_by_its_key_is_known_by_where_it_leads() -> None:
    choices = "choices: {one: {dtmf: 1, goto: garden}, option_2: {dtmf: 2, goto: kitchen}}"
    rest = "garden: {do: [{talk: Roses.}], goto: end}\n  kitchen: {do: [{talk: Pans.}], goto: end}\n"
    right = menu("- talk: For the garden press 1, for the kitchen press 2.", choices=choices) + f"  {rest}"
    wrong = menu("- talk: For the garden press 2, for the kitchen press 1.", choices=choices) + f"  {rest}"

    assert [] == marked(right)
    assert ["W602 press 2", "W602 press 1"] == marked(wrong)


def test_a_text_that_is_too_long_for_a_prompt_is_not_looked_at() -> None:
    templates = {"long.j2": "{# " + 10_000 * "x" + " #}Press 3 for {{ call.from }}."}

    assert [] == marked(menu("- talk: {template: long.j2}\n- talk: For sales press 1."), templates)


def test_a_text_that_every_locale_says_is_one_issue() -> None:
    head = "locales: {en: {language: en-GB}, fr: {language: fr-FR}}\n"

    assert ["W565"] == [
        code[:4] for code in marked(menu('- talk: "For sales press 1, for support press 2."', head=head))
    ]
