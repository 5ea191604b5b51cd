"""Two people change one file: what does not touch stays, and what does is shown to both."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx

from tests.unit.studio.console.test_change import save, text_of, write

FLOW = """\
flow: shop
numbers: ["442079460000"]
hours: {desk: {timezone: Europe/London, week: {mon-fri: "09:00-17:00"}}}
start: hello
steps:
  hello:
    do: [{talk: "Hello."}]
    goto: door   # always
  door:
    branch:
      - if: hours.desk.open
        goto: menu
      - else: 'bye'
  menu:
    do: [{talk: "Press 1."}]
    choices:
      front_desk: {dtmf: 1, goto: hello}
    retry: {then: bye}
  bye:
    do: [{talk: "Goodbye."}]
    goto: end
"""
PAGE = "/change/flows/shop.yaml"


async def opened(owner: httpx.AsyncClient) -> dict[str, str]:
    """The form as it is filled in when it is opened."""
    return form_in((await owner.get(PAGE)).text)


def form_in(page: str) -> dict[str, str]:
    fields = re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>([^<]*)</textarea>', page)
    digest = re.search(r'name="digest" value="([^"]+)"', page)
    assert digest
    return {**{name: html.unescape(value) for name, value in fields}, "digest": digest[1]}


def said(form: dict[str, str], old: str, new: str) -> dict[str, str]:
    """The form with another text for a prompt."""
    assert old in form.values()
    return {name: new if value == old else value for name, value in form.items()}


async def test_two_people_change_two_prompts_of_a_file(owner: httpx.AsyncClient, flow: Path) -> None:
    first, second = await opened(owner), await opened(owner)
    await save(owner, await owner.post(PAGE, data=said(first, "Hello.", "Good morning.")))

    review = await owner.post(PAGE, data=said(second, "Goodbye.", "Bye."))

    assert 200 == review.status_code
    assert "has saved other changes meanwhile. They stay." in review.text
    await save(owner, review)
    assert FLOW.replace("Hello.", "Good morning.").replace("Goodbye.", "Bye.") == text_of(flow)


async def test_a_review_that_is_out_of_date_is_shown_again_with_both_changes(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    review = await owner.post(PAGE, data=said(await opened(owner), "Goodbye.", "Bye."))
    await save(owner, await owner.post(PAGE, data=said(await opened(owner), "Hello.", "Good morning.")))

    again = await save(owner, review)

    assert (200, "They stay." in again.text) == (again.status_code, True)
    await save(owner, again)
    assert FLOW.replace("Hello.", "Good morning.").replace("Goodbye.", "Bye.") == text_of(flow)


async def test_of_two_texts_for_one_prompt_both_are_shown(owner: httpx.AsyncClient, flow: Path) -> None:
    first, second = await opened(owner), await opened(owner)
    await save(owner, await owner.post(PAGE, data=said(first, "Hello.", "Their morning.")))

    conflict = await owner.post(PAGE, data=said(said(second, "Hello.", "My morning."), "Goodbye.", "Bye."))

    assert 422 == conflict.status_code
    assert "Somebody else has saved: “Their morning.”" in conflict.text
    assert "Their morning." in text_of(flow)
    await save(owner, await owner.post(PAGE, data=form_in(conflict.text)))
    assert FLOW.replace("Hello.", "My morning.").replace("Goodbye.", "Bye.") == text_of(flow)


async def test_lines_that_somebody_else_added_are_not_mixed_up(owner: httpx.AsyncClient, flow: Path) -> None:
    form = await opened(owner)
    write(flow, FLOW.replace('do: [{talk: "Hello."}]', 'do: [{talk: "New."}, {talk: "Hello."}]'))

    reply = await owner.post(PAGE, data=said(form, "Hello.", "Hi."))

    assert 422 == reply.status_code
    assert "has changed on disk since you opened the form" in reply.text


SHARED = """\
shared: true
tables: {people: {key: {number: phone}, columns: {name: text}}}
lookups: {person: {table: people, number: "{{ call.person }}"}}
"""
CLOSED = "  bye:\n    do: [{talk: \"{{ person.name | default('Hello', true) }}, we are closed.\"}]"


async def test_the_form_says_what_a_caller_hears_each_day_whom_no_table_knows(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    write(flow.with_name("shared.yaml"), SHARED)
    text = FLOW.replace("  door:\n", "  door:\n    lookup: person\n")
    write(flow, text.replace('  bye:\n    do: [{talk: "Goodbye."}]', CLOSED))
    page = html.unescape((await owner.get(PAGE)).text)

    assert [
        "Monday to Friday at 12:00: “Hello. Press 1.”",
        "Saturday, Sunday at 12:00: “Hello. Hello, we are closed.”",
    ] == re.findall('<li class="hint heard">(.*?)</li>', page)


async def test_a_text_that_somebody_else_saved_with_a_new_number_stays(owner: httpx.AsyncClient, flow: Path) -> None:
    first, second = await opened(owner), await opened(owner)
    theirs = said(first, "Goodbye.", "Their bye.") | {"value:/numbers": "020 7946 0001"}
    await save(owner, await owner.post(PAGE, data=theirs))
    saved = text_of(flow)

    again = await owner.post(PAGE, data=said(second, "Hello.", "My morning."))
    assert (422, True) == (again.status_code, "has changed on disk since you opened the form" in again.text)
    await save(owner, await owner.post(PAGE, data=form_in(again.text)))

    assert saved.replace("Hello.", "My morning.") == text_of(flow)
    assert "Their bye." in saved
    assert "442079460001" in saved


async def test_a_date_whose_hours_somebody_else_changed_is_only_removed_on_purpose(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    week = 'week: {mon-fri: "09:00-17:00"}'
    write(flow, FLOW.replace(week, f'{week}, override: {{"2030-12-24": "10:00-12:00", "2030-12-31": closed}}'))
    form = await opened(owner)
    line = "/hours/desk/override/2030-12-24"
    await save(owner, await owner.post(PAGE, data=form | {line: "10:00 to 15:00"}))

    conflict = await owner.post(PAGE, data=form | {f"remove:{line}": "on"})
    assert (422, True) == (conflict.status_code, "has saved: “10:00 to 15:00”" in conflict.text)
    assert "15:00" in text_of(flow)
    await save(owner, await owner.post(PAGE, data=form_in(conflict.text) | {f"remove:{line}": "on"}))

    assert "15:00" not in text_of(flow)
    assert "2030-12-31" in text_of(flow)


async def test_what_a_file_had_before_is_asked_if_it_is_unknown(owner: httpx.AsyncClient, flow: Path) -> None:
    form = await opened(owner)
    write(flow, FLOW.replace("Goodbye.", "Their bye."))

    reply = await owner.post(PAGE, data=said(form, "Hello.", "Hi."))

    assert 422 == reply.status_code
    assert "Somebody else has saved: “Their bye.”" in reply.text
