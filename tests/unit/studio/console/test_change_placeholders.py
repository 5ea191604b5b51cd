"""Values of a text are names in brackets in the form, its review and the history, and are put back when it is saved."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.source import read_yaml
from ncco_studio.console.change.fields import fields_in
from ncco_studio.console.change.form import changed
from ncco_studio.console.change.placeholders import in_brackets, put_back
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.studio.console.test_change import PAGE, review, save, text_of, write

FLOW = """\
flow: shop
numbers: ["442079460000"]
start: closed
vars: {team: {type: text, default: sales}, due: {type: date}, who: {type: text}}
hours: {shop: {timezone: Europe/London, week: {mon-sun: 09:00-17:00}}}
steps:
  closed:
    do:
      - talk: "[hm] Open {{ hours.shop.next_open | spoken('time') }}, {{who}}. Ask {{ team }} by {{ due | spoken }}" # a
      - talk: "{% if who %}Hello, {{ who }}.{% endif %} Bye."
    goto: end
"""
TALK, CODE = "/steps/closed/do/0/talk", "/steps/closed/do/1/talk"
SHOWN = "[hm] Open [next opening time], [who]. Ask [team] by [due]"


@each_case(
    ("text", "shown"),
    [
        ("{{ hours.main.next_open | spoken }}", "[next opening]"),
        ('{{ hours.main.next_close | spoken("time") }}', "[next closing time]"),
        ("{{ starts | spoken('day') }} at {{ starts | spoken('time') }}", "[starts day] at [starts time]"),
        ("{{ customer.manager.name }}, {{customer.name}}", "[manager name], [customer name]"),
        ("{{ code | spell }} or {{ code | spell }} or {{ code }}", "[code] or [code] or [code 2]"),
        ("[code] {{ code }}", "[code] [code 2]"),
        ("{{ rows[number].ask }}", "[rows ask]"),
        ('{{ "02079460110" | digits }}', "[02079460110]"),
        ('{{ "}}" }}', "[value]"),
        ("{{- (who) -}}!", "[who]!"),
    ],
)  # fmt: skip
def test_a_value_has_a_name_that_is_unique_in_its_text(text: str, shown: str) -> None:
    assert shown == in_brackets(text)[0]


PIECES = st.sampled_from(
    [
        *("{{ who }}", "{{who}}", "{{ hours.shop.next_open | spoken }}", "{{- team|upper -}}", "{{ a[1] }}"),
        '{{ "]}}[" }}',
        *("[laughs]", "[who]", "[", "]", "[]", "who", " ", "  ", "\n", "{", "}", "é", "<b>", "[next opening]"),
    ]
)  # fmt: skip


@examples(300)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_a_text_that_nobody_edits_comes_back_byte_for_byte(text: str) -> None:
    shown, sources = in_brackets(text)
    if sources is not None:
        assert not any(source in shown for source in sources.values())
        assert text == put_back(shown, shown, sources)


def test_a_value_may_be_moved_repeated_and_deleted() -> None:
    typed = "[hm] [team], [team]! We open [next opening time]."
    new = changed(FLOW, list(fields_in(read_yaml("flows/shop.yaml", FLOW)[0])), {TALK: typed})

    said = "[hm] {{ team }}, {{ team }}! We open {{ hours.shop.next_open | spoken('time') }}."
    assert f'- talk: "{said}" # a\n' in new
    assert FLOW.splitlines()[9:] == new.splitlines()[9:]


async def test_the_form_the_review_and_the_history_show_names_and_examples(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    page = html.unescape((await owner.get(PAGE)).text)
    assert SHOWN in page
    assert "[next opening time], such as “9 AM”; [who]; [team], such as “sales”; [due], such as “March 5, 2026”" in page

    reviewed = await review(owner, **{TALK: SHOWN.replace("Open", "We'll open")})
    shown = html.unescape(reviewed.text)
    await save(owner, reviewed)

    assert "“[hm] We'll open 9 AM, [who]. Ask sales by March 5, 2026”" in shown
    assert f"<del>{SHOWN}</del>" in shown
    assert FLOW.replace("Open", "We'll open") == text_of(flow)
    assert FLOW.count("{{") == text_of(flow).count("{{")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("We open [opening].", "[opening] has no value in this text: use [next opening time], [who], [team], [due]"),
        ("We open [Team].", "[Team] has no value in this text"),
        ("[hm] Ask [team or [who].", "[ has no value in this text"),
        ("[hm] Ask team].", "] has no value in this text"),
    ],
)
async def test_a_name_that_the_text_does_not_have_is_refused(
    owner: httpx.AsyncClient, flow: Path, typed: str, says: str
) -> None:
    reply = await review(owner, **{TALK: typed})

    assert 422 == reply.status_code
    assert says in reply.text
    assert f">{typed}</textarea>" in reply.text
    assert FLOW == text_of(flow)


async def test_a_text_without_values_takes_no_name(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, FLOW.replace("{% if who %}Hello, {{ who }}.{% endif %} ", ""))

    assert "write it without brackets" in (await review(owner, **{CODE: "Bye, [who]."})).text


async def test_a_text_that_decides_is_left_to_the_code(owner: httpx.AsyncClient, flow: Path) -> None:
    page = (await owner.get(PAGE)).text
    assert re.search(r'<textarea id="[^"]*" rows="1" readonly>…Hello, …\.… Bye\.</textarea>', page)
    assert 'What this text says depends on the call. <a href="/phone?file=flows/shop.yaml&amp;line=10">' in page

    reply = await review(owner, **{CODE: "Goodbye."})
    assert "Nothing was changed" in reply.text
    assert FLOW == text_of(flow)
