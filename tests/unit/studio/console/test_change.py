"""The form for prompts, hours and numbers: its changes to a file, and its refusals."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from ncco_studio.console.app import create_console
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import logged_in, make_console, settings_for, with_worker_here

FLOW = """\
# our line
flow: shop
numbers: ["442079460000"]   # the shop
start: menu
hours:
  office:
    timezone: Europe/London
    week: {mon-fri: 09:00-17:30}   # never on Sundays
steps:
  menu:
    branch:
      - if: hours.office.open
        goto: open
      - else: closed
  open:
    do:
      - talk: "For sales, hold on."   # soon recorded
      - connect: "447700900111"
    on: {completed: end, otherwise: closed}
  closed:
    do:
      - talk: >-
          We are closed.
          Please call again.
    goto: end
"""
FILE = "flows/shop.yaml"
PAGE = f"/change/{FILE}"


def text_of(flow: Path) -> str:
    return flow.read_text(encoding="utf-8")


def write(flow: Path, text: str) -> None:
    flow.write_text(text, encoding="utf-8")


async def digest(owner: httpx.AsyncClient) -> str:
    return hidden((await owner.get(PAGE)).text, "digest")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def week(hours: str) -> dict[str, str]:
    """The form's fields from Monday to Friday."""
    return {f"/hours/office/week/{day}": hours for day in ("mon", "tue", "wed", "thu", "fri")}


async def review(owner: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await owner.post(PAGE, data={"digest": await digest(owner), **form})


def form_of(reviewed: httpx.Response) -> dict[str, str]:
    """What each button of the review page sends."""
    text = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', reviewed.text, re.DOTALL)
    assert text is not None
    inputs = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', reviewed.text)
    form = {name: html.unescape(value) for name, value in inputs if name != "csrf_token"}
    return form | {"text": html.unescape(text[1])}


def fault_of(page: str, value: str) -> str:
    """The text beside the input with this value."""
    marked = re.search(rf'value="{re.escape(value)}"[^>]* aria-invalid="true" aria-describedby="([^"]*)"', page)
    assert marked is not None, page
    found = re.search(rf'<p class="error-text" id="{marked[1]}">(.*?)</p>', page)
    assert found is not None
    return found[1]


def issues_in(page: str) -> str:
    """The issues above the form."""
    return page.partition('<ul class="issues"')[2].partition("</ul>")[0]


async def save(owner: httpx.AsyncClient, reviewed: httpx.Response) -> httpx.Response:
    return await owner.post("/change-save", data=form_of(reviewed))


async def test_form_shows_numbers_hours_and_prompts(owner: httpx.AsyncClient) -> None:
    listed = (await owner.get("/change")).text
    assert f'href="{PAGE}"' in listed
    assert "Calls to 020 7946 0000" in listed
    page = (await owner.get(PAGE)).text
    for value in ("020 7946 0000", "09:00", "17:30", "For sales, hold on.", "07700 900111"):
        assert f">{value}<" in page or f'value="{value}"' in page
    assert "We are closed. Please call again." in page


async def test_change_is_reviewed_then_saved_and_nothing_else_changes(owner: httpx.AsyncClient, flow: Path) -> None:
    changes = {
        "/steps/open/do/0/talk": "For sales, hold the line.",
        "/steps/closed/do/0/talk": "We are closed today.",
        "/steps/open/do/1/connect": "+44 7700 900112",
        **week("08:30-17:30"),
        "key:/hours/office/override": "2030-12-24",
        "value:/hours/office/override": "09:00-12:00",
        "name:/hours/office/override": "A: b",
        "value:/numbers": "+44 20 7946 0001",
    }

    reviewed = await review(owner, **changes)
    assert FLOW == text_of(flow)
    assert "For sales, hold the line." in reviewed.text
    saved = await save(owner, reviewed)

    assert 303 == saved.status_code
    expected = (
        FLOW.replace("hold on.", "hold the line.")
        .replace("          We are closed.\n          Please call again.", "          We are closed today.")
        .replace("447700900111", "447700900112")
        .replace(
            "week: {mon-fri: 09:00-17:30}   # never on Sundays",
            "week: {mon-fri: 08:30-17:30}   # never on Sundays\n"
            '    override: {2030-12-24: {hours: 09:00-12:00, name: "A: b"}}',
        )
        .replace('"442079460000"]', '"442079460000", "442079460001"]')
    )
    assert expected == text_of(flow)
    assert "Tue 24 December 2030, A: b" in (await owner.get(PAGE)).text


@pytest.mark.parametrize("kept", [0, 20])
async def test_saved_change_can_be_undone(owner: httpx.AsyncClient, flow: Path, kept: int) -> None:
    """Even if there are versions from a time when the clock was ahead."""
    (flow.parent / ".history").mkdir()
    for number in range(kept):
        (flow.parent / f".history/{flow.name}.20990101T0000000000{number:02}").write_text("flow: other")
    await save(owner, await review(owner, **{"/steps/open/do/0/talk": "Hello."}))
    page = (await owner.get(f"{PAGE}?saved=open")).text
    version = re.search(r'name="version" value="([^"]+)">Undo<', page)
    assert version is not None
    assert ">Undo<" not in (await owner.get(PAGE)).text

    await save(owner, await review(owner, version=version[1]))

    assert FLOW == text_of(flow)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"/steps/open/do/1/connect": "07700"}, "country code"),
        ({"/hours/office/week/mon": "9am to noonish"}, "write opening and closing times"),
        ({"/hours/office/week/mon": "9am"}, "9am: write opening and closing times, such as 9am to 5:30pm, or closed"),
        ({"/steps/open/do/0/talk": "  "}, "write something"),
        ({"key:/hours/office/override": "Christmas", "value:/hours/office/override": "closed"}, "is not a date"),
        ({"until:/hours/office/override": "2026-12-24", "value:/hours/office/override": "closed"}, "first day, too"),
        ({"/hours/office/week/mon": ""}, "write when you open, or tick Closed"),
        ({"key:/hours/office/week": "sun", "value:/hours/office/week": "closed"}, "can only add numbers and dates"),
        ({"/hours/office/holidays/country": "Atlantis"}, "write a country, such as Germany"),
        ({"key:/steps": "x", "value:/steps": "y"}, "can only add numbers and dates"),
        ({}, "Nothing was changed"),
        ({"/hours/office/week/mon": "9 to 5:30pm", "/hours/office/week/sun": "Closed"}, "Nothing was changed"),
    ],
)
async def test_the_form_says_which_values_it_cannot_change(
    owner: httpx.AsyncClient, flow: Path, changes: dict[str, str], says: str
) -> None:
    reply = await review(owner, **changes)

    assert 422 == reply.status_code
    assert says in reply.text
    assert FLOW == text_of(flow)


async def test_an_error_is_shown_beside_its_field_and_the_form_keeps_the_input_unsaved(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    typed = {
        "/steps/open/do/0/talk": 'Say "hello" & wait.\nThen go.',
        "/hours/office/week/mon": "nine",
        "/hours/office/week/sun": "10:00-12:00",
        "/steps/open/do/1/connect": "07700",
        "key:/hours/office/override": "2026-02-30",
        "value:/hours/office/override": "closed",
        "remove:/numbers/0": "on",
    }
    reviewed = await review(owner, **typed)

    page = html.unescape(reviewed.text)
    assert 422 == reviewed.status_code
    assert "write opening and closing times" in fault_of(page, "nine")
    assert "country code" in fault_of(page, "07700")
    assert '"2026-02-30" is not a date' in issues_in(page)
    assert 'name="/hours/office/week/sun" value="10:00"' in page
    assert 'Say "hello" & wait.\nThen go.' in page.replace("\r", "")
    assert 'name="remove:/numbers/0" checked' in page

    bad = FLOW.replace("09:00-17:30", "9 to 5")
    saved = await owner.post("/change-save", data={"file": FILE, "text": bad, "digest": await digest(owner)})
    assert 422 == saved.status_code
    assert "write 24-hour times" in issues_in(saved.text)
    assert FLOW == text_of(flow)


async def test_error_in_another_file_is_shown_above_the_form(owner: httpx.AsyncClient, flow: Path) -> None:
    other = FLOW.replace("flow: shop", "flow: other").replace("442079460000", "442079460001")
    (flow.parent / "zoo.yaml").write_text(other, encoding="utf-8")

    page = (await review(owner, **{"value:/numbers": "+44 20 7946 0001"})).text

    assert 'line=3">flows/zoo.yaml line 3</a>, E210</p>' in page
    assert "aria-invalid" not in page


async def test_a_warning_stays_above_the_form_while_editing_continues(owner: httpx.AsyncClient) -> None:
    reviewed = await review(owner, **week("17:30-09:00"), **{"value:/numbers": "+44 20 7946 0001"})
    assert "continues until 09:00 the next day" in reviewed.text
    assert "Keep editing" in reviewed.text

    again = await owner.post(PAGE, data=form_of(reviewed) | {"edit": "1"})

    assert 200 == again.status_code
    assert "continues until 09:00 the next day" in issues_in(again.text)
    assert 'value="+44 20 7946 0001"' in again.text
    assert "data-unsaved" in again.text


@each_case(
    ("before", "changes", "after"),
    [
        ("{mon-fri: 09:00-17:30}", {"wed": "9 to noon"}, '{"mon,tue,thu,fri": 09:00-17:30, wed: 09:00-12:00}'),
        ("{mon-fri: 09:00-17:30}", {"sat": "10am-2pm"}, "{mon-fri: 09:00-17:30, sat: 10:00-14:00}"),
        ("{Sat-Mon: 9:00-17:00}", {"sun": "9-12"}, '{"mon,sat": 9:00-17:00, sun: 09:00-12:00}'),
        ('{"mon,tue": closed, wed: 10:00-12:00}', {"tue": "9-12"}, "{mon: closed, wed: 10:00-12:00, tue: 09:00-12:00}"),
        ("{mon-wed: 09:00-12:00}", {"mon": "1-2", "tue": "3-4", "wed": "3-4"},
         '{mon: 01:00-02:00, "tue,wed": 03:00-04:00}'),
        ("{mon: [09:00-12:00, 13:00-17:00]}", {"mon": "9-12 and 1-6"}, "{mon: [09:00-12:00, 13:00-18:00]}"),
        ("{mon: [09:00-12:00, 13:00-17:00]}", {"mon": "9-12"}, "{mon: [09:00-12:00]}"),
        ("{mon: [09:00-12:00, 13:00-17:00]}", {"mon": "closed"}, "{mon: [closed]}"),
        ("\n      mon-thu: 09:00-17:00 # long\n      fri: 09:00-12:00 # short", {"thu": "9 to 12"},
         "\n      mon-wed: 09:00-17:00 # long\n      \"thu,fri\": 09:00-12:00 # short"),
        ("\n      mon:\n        - 09:00-12:00 # early\n        - 13:00-17:00 # late", {"mon": "9-12, 2pm to 6pm"},
         "\n      mon:\n        - 09:00-12:00 # early\n        - 14:00-18:00 # late"),
    ],
)  # fmt: skip
async def test_a_line_of_the_week_changes_only_where_its_days_do(
    owner: httpx.AsyncClient, flow: Path, before: str, changes: dict[str, str], after: str
) -> None:
    write(flow, FLOW.replace("{mon-fri: 09:00-17:30} ", before + " "))

    saved = await save(owner, await review(owner, **{f"/hours/office/week/{day}": to for day, to in changes.items()}))

    assert 303 == saved.status_code
    assert FLOW.replace("{mon-fri: 09:00-17:30} ", after + " ") == text_of(flow)


@pytest.mark.parametrize(
    ("typed", "key", "shown"),
    [
        ("24 December 2030", "2030-12-24", "Tue 24 December 2030"),
        ("24.12.2030", "2030-12-24", "Tue 24 December 2030"),
        ("28 Dec 2030 to 2 January 2031", "2030-12-28..2031-01-02", "Sat 28 December 2030 to Thu 2 January 2031"),
    ],
)
async def test_dates_and_hours_are_shown_the_way_people_write_them(
    owner: httpx.AsyncClient, flow: Path, typed: str, key: str, shown: str
) -> None:
    added = {"key:/hours/office/override": typed, "value:/hours/office/override": "9am to noon, 9-12.30, 2pm-4pm"}

    refused = await review(owner, **added)
    added["value:/hours/office/override"] = "9-12.30, 2pm-4pm"
    saved = await save(owner, await review(owner, **added, **week("9 to 5")))

    assert 422 == refused.status_code
    assert 303 == saved.status_code
    read = yaml.load(text_of(flow), yaml.BaseLoader)["hours"]["office"]  # noqa: S506 - it makes texts only
    assert {key: "09:00-12:30, 14:00-16:00"} == read["override"]
    assert {"mon-fri": "09:00-17:00"} == read["week"]
    assert f">{shown}</label>" in (await owner.get(PAGE)).text


@pytest.mark.parametrize(
    ("typed", "hours"),
    [
        ("9am to 9:30 pm", "09:00-21:30"),
        ("9am to noon, 1pm to 5", "09:00-12:00, 13:00-17:00"),
        ("9am to 2pm and 3pm to 6pm", "09:00-14:00, 15:00-18:00"),
        ("11am to 3am", "11:00-03:00"),
    ],
)
async def test_hours_may_be_written_the_way_people_say_them(
    owner: httpx.AsyncClient, flow: Path, typed: str, hours: str
) -> None:
    saved = await save(owner, await review(owner, **week(typed)))

    assert 303 == saved.status_code
    assert {"mon-fri": hours} == yaml.load(text_of(flow), yaml.BaseLoader)["hours"]["office"]["week"]  # noqa: S506 - it makes texts only


@pytest.mark.parametrize("typed", ["07700 900112", "+44 7700 900112", "0044 (0)7700 900112"])
async def test_a_number_may_be_written_as_in_its_country(owner: httpx.AsyncClient, flow: Path, typed: str) -> None:
    saved = await save(owner, await review(owner, **{"/steps/open/do/1/connect": typed}))

    assert 303 == saved.status_code
    assert 'connect: "447700900112"' in text_of(flow)
    assert 'value="07700 900112"' in (await owner.get(PAGE)).text


async def test_a_number_without_a_country_needs_its_code(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, FLOW.replace('numbers: ["442079460000"]', "default: true"))

    assert "country code" in (await review(owner, **{"/steps/open/do/1/connect": "07700 900112"})).text
    assert 'value="+44 7700 900111"' in (await owner.get(PAGE)).text


async def test_an_issue_is_shown_without_backticks(owner: httpx.AsyncClient) -> None:
    page = (await review(owner, **{"/steps/open/do/0/talk": "Hello {{ nobody }}"})).text

    assert "nobody" in page
    assert "`" not in page


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        ("", {}, [{"2030-12-27": "Founders' Day"}]),
        ("{country: GB}", {"/country": "Germany"}, [{"country": "DE"}, {"2030-12-27": "Founders' Day"}]),
        ("\n      country: GB # ours\n      subdivision: ENG", {"/subdivision": "Scotland"},
         [{"country": "GB", "subdivision": "SCT"}, {"2030-12-27": "Founders' Day"}]),
        ("[2030-08-14, {2030-08-15: Fair}]", {"/0": "2030-08-13", "/1/2030-08-15": "Our fair"},
         ["2030-08-13", {"2030-08-15": "Our fair"}, {"2030-12-27": "Founders' Day"}]),
        ("{2030-08-15: Fair}", {}, [{"2030-08-15": "Fair", "2030-12-27": "Founders' Day"}]),
    ],
)  # fmt: skip
async def test_holidays_change_like_other_exceptions(
    owner: httpx.AsyncClient, flow: Path, before: str, changes: dict[str, str], after: list[Any]
) -> None:
    write(flow, FLOW.replace("    week:", f"    holidays: {before}\n    week:" if before else "    week:"))
    holidays = "/hours/office/holidays"
    form = {f"{holidays}{name}": value for name, value in changes.items()}

    reviewed = await review(owner, **form, **{f"key:{holidays}": "2030-12-27", f"value:{holidays}": "Founders' Day"})
    saved = await save(owner, reviewed)

    assert 303 == saved.status_code
    read = yaml.load(text_of(flow), yaml.BaseLoader)  # noqa: S506 - it makes texts only
    found = read["hours"]["office"]["holidays"]
    assert after == (found if isinstance(found, list) else [found])
    assert ("# ours" in before) == ("# ours" in text_of(flow))
    page = (await owner.get(PAGE)).text
    label = re.search(r'<label class="grow" for="([^"]*)">Holiday on Fri 27 December 2030</label>', page)
    assert label is not None
    assert f'id="{label[1]}" name="{holidays}' in page


async def test_the_form_lists_the_public_holidays_and_can_remove_them(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, FLOW.replace("    week:", "    holidays: [{country: GB, subdivision: ENG}, 2030-08-14]\n    week:"))
    page = (await owner.get(PAGE)).text
    assert re.search(r"25 December 20\d\d: Christmas Day", page)
    assert 'value="Wed 14 August 2030"' in page
    assert "Nothing was changed" in (await review(owner, **{"/hours/office/holidays/1": "2030-08-14"})).text
    removed = {"/hours/office/holidays/0/country": "", "remove:/hours/office/holidays/1": "on"}

    reviewed = await review(owner, **removed)
    await save(owner, reviewed)

    assert "Public holidays of:</strong> removed: <del>United Kingdom</del>" in re.sub(r"\s+", " ", reviewed.text)
    assert FLOW == text_of(flow)


async def test_the_review_starts_with_the_changes_in_words(owner: httpx.AsyncClient) -> None:
    changes = {
        **week("09:00-18:00"),
        "/steps/closed/do/0/talk": "We are <closed>.",
        "value:/numbers": "+44 20 7946 0001",
    }

    page = re.sub(r"\s+", " ", (await review(owner, **changes)).text)

    assert "office, Monday to Friday:</strong> <del>09:00 to 17:30</del> → <ins>09:00 to 18:00</ins>" in page
    assert "Closed:</strong> <del>We are closed. Please call again.</del> → <ins>We are &lt;closed&gt;.</ins>" in page
    assert "Numbers of this line, Calls to:</strong> new: <ins>020 7946 0001</ins>" in page
    assert "<details> <summary>Lines of the file" in page


async def test_saved_step_is_played_on_the_phone(tmp_path: Path, flow: Path) -> None:
    write(flow, FLOW.replace('"442079460000"]   # the shop', '"442079460000"]'))
    async with await logged_in(with_worker_here(make_console(tmp_path))) as owner:
        saved = await save(owner, await review(owner, **{"/steps/closed/do/0/talk": "We are away."}))
        page = (await owner.get(saved.headers["location"])).text
        heard = re.search(
            r'id="hear" href="/phone\?flow=shop" data-hear="shop" data-file="([^"]*)" data-step="(\w*)"', page
        )
        assert heard is not None
        played = (await owner.post("/phone/calls", json={"file": heard[1], "step": heard[2]})).text
        assert "We are away." in played
        assert "hold on" not in played
        assert 'data-kept="false"' in played
        write(flow, text_of(flow) + "  broken\n")
        assert "calls continue with the last good flow" in (await owner.get(saved.headers["location"])).text


async def test_a_read_only_user_gets_no_form_to_submit(flow: Path) -> None:
    app = with_worker_here(create_console(settings_for(flow.parents[1]), dev=True))
    async with await logged_in(app, may_change=False) as viewer:
        page = (await viewer.get(PAGE)).text
        assert "Your password lets you view things" in page
        fields = re.findall(r'<(?:input|textarea) id="[fw][^>]*>', page)
        assert fields
        assert all(" readonly" in field for field in fields)
        assert 'method="dialog"' in page  # which sends nothing
        assert "data-play" in page
        assert "disabled" not in page
        assert not re.search("Review changes|Another holiday|Other hours on|remove:", page)
        assert 'href="/change"' not in (await viewer.get("/phone")).text
        assert 403 == (await viewer.post(PAGE, data={"digest": "x"})).status_code


async def test_a_read_only_folder_is_reported_before_anybody_types(
    owner: httpx.AsyncClient, flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is not writable" not in (await owner.get(PAGE)).text + (await owner.get("/phone")).text
    monkeypatch.setattr(os, "access", lambda *_: False)  # root can write to every folder
    page = (await owner.get(PAGE)).text
    assert "is not writable by the server" in page
    assert "Review changes" not in page
    assert "is not writable by the server" in (await owner.get("/phone")).text


async def test_file_that_changed_meanwhile_is_kept(owner: httpx.AsyncClient, flow: Path) -> None:
    reviewed = await review(owner, **{"/steps/open/do/0/talk": "Hello."})
    theirs = FLOW.replace("hold on", "wait")
    write(flow, theirs)

    saved = await save(owner, reviewed)

    assert 422 == saved.status_code
    assert "has changed on disk" in saved.text
    assert ">Hello.</textarea>" in saved.text
    assert theirs == text_of(flow)


async def test_a_project_over_a_limit_can_be_shortened(owner: httpx.AsyncClient, flow: Path) -> None:
    long = f"{text_of(flow)}#{'x' * 500_000}\n"
    flow.with_name("other.yaml").write_text("#" * 1_000_000)
    write(flow, long)
    short = f"{text_of(flow)[:-450_000]}"

    refused = await owner.post("/change-save", data={"file": FILE, "digest": await digest(owner), "text": f"{long}#"})
    saved = await owner.post("/change-save", data={"file": FILE, "digest": await digest(owner), "text": short})

    assert (422, 303) == (refused.status_code, saved.status_code)
    assert short == text_of(flow)


@pytest.mark.parametrize("file", ["flows/../secret.yaml", "flows/.env.yaml", "/etc/passwd", "templates", "flows/x.py"])
async def test_only_files_of_the_project_are_written(owner: httpx.AsyncClient, flow: Path, file: str) -> None:
    form: dict[str, Any] = {"file": file, "digest": "", "text": "flow: x"}

    reply = await owner.post("/change-save", data=form)

    assert 404 == reply.status_code
    assert [FILE] == [str(path.relative_to(flow.parents[1])) for path in flow.parents[1].rglob("*") if path.is_file()]


@pytest.mark.parametrize("text", [FLOW.replace("goto: open", "goto: opne"), "flow: shop\nsteps: [\n"])
async def test_a_flow_that_does_not_load_is_named_in_the_list(owner: httpx.AsyncClient, flow: Path, text: str) -> None:
    assert "It has errors" not in (await owner.get("/change")).text
    write(flow, text)

    page = (await owner.get("/change")).text

    assert ">Shop<" in page
    assert "It has errors" in page


async def test_a_form_of_more_than_a_thousand_fields_is_read_also_without_scripts(
    owner: httpx.AsyncClient, flow: Path
) -> None:
    talks = "".join(f'      - talk: "Text {number}."\n' for number in range(1_100))
    write(flow, f"{FLOW}  many:\n    do:\n{talks}    goto: end\n")
    fields = {f"/steps/many/do/{number}/talk": f"Text {number}." for number in range(1_100)}
    token = owner.headers.pop("X-CSRF-Token")

    reviewed = await review(owner, **fields | {"/steps/many/do/1099/talk": "Goodbye."}, csrf_token=token)
    assert (200, True) == (reviewed.status_code, "Goodbye." in reviewed.text), reviewed.text
