"""The messages page, with recordings in a database and their files."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_server.desk.exports import BATCH
from ncco_server.service.recording_files import new_recording_id
from ncco_server.service.recording_folder import RecordingFolder
from ncco_server.settings import Settings
from ncco_server.store import RecordingRow, Recordings
from ncco_server.web import create_app
from ncco_studio.commands.demo import tone
from ncco_studio.console.app import create_console
from tests.support.webhooks import callback, facts, keys, running_app
from tests.unit.studio.console.conftest import logged_in, settings_for

HOSTILE = "<script>alert(1)</script>"
NOW = int(time.time() * 1000)


def message(caller: str = "447700900123", **changes: Any) -> RecordingRow:
    """A stored message of 34 seconds."""
    row = RecordingRow(
        new_recording_id(),
        new_recording_id(),
        "record",
        round(time.time() * 1000),
        from_number=caller,
        to_number="442079460000",
        url="https://api.nexmo.com/v1/files/1",
        content_type="audio/wav",
        duration_ms=34_000,
        state="kept",
    )
    return row._replace(**changes)


class Inbox:
    """A console and the recordings that it shows."""

    def __init__(self, console: httpx.AsyncClient, recordings: Recordings, folder: RecordingFolder) -> None:
        self.console = console
        self.recordings = recordings
        self.folder = folder

    async def put(self, **changes: Any) -> str:
        """A message with its file; returns its id."""
        row = message(**changes)
        await self.recordings.add(row)
        if row.state == "kept":
            self.folder.put(row.id, tone(0.5))
        return row.id

    async def page(self, box: str = "new") -> str:
        """The page as it is sent."""
        return (await self.console.get(f"/messages?box={box}")).text

    async def act(self, id_: str, action: str) -> int:
        """Press a button; returns the status."""
        return (await self.console.post(f"/messages/{id_}/{action}")).status_code


def settings(project: Path) -> Settings:
    return settings_for(project, database_url=f"sqlite:///{project}/calls.db")


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    console = create_console(settings(tmp_path), dev=True)
    await console.state.console.store.open()
    async with await logged_in(console) as client:
        yield Inbox(client, console.state.console.store.recordings, RecordingFolder(tmp_path / "calls.db-recordings"))


async def test_a_message_says_who_when_how_long_and_what(inbox: Inbox) -> None:
    await inbox.put(transcript="Please call me back.\nAbout the roof.")
    page = await inbox.page()

    assert "<title>(1) Messages" in page
    for text in ("07700 900123", "0:34", "Please call me back.", 'href="tel:+447700900123"', "badge accent"):
        assert text in page
    for hidden in ("nexmo", "NCCO_", "webhook", "uuid"):
        assert hidden not in page.split("<main")[1]


@pytest.mark.parametrize(
    ("transcript", "shown"),
    [("Please call\nme   back.", "Please call me back.</p>"), ("電話してください。" * 100, "電話してください。" * 55)],
)
async def test_the_first_words_of_a_transcript_are_shown(inbox: Inbox, transcript: str, shown: str) -> None:
    await inbox.put(transcript=transcript)
    page = await inbox.page()

    assert f'<p class="words">{shown}' in page
    assert "電話してください。" * 60 not in page


async def test_each_download_of_audio_is_logged_with_its_message(
    inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = await inbox.put()

    assert (await inbox.console.get(f"/messages/{id_}/audio?use=downloaded")).is_success
    assert "message downloaded" in capsys.readouterr().out
    assert 422 == (await inbox.console.get(f"/messages/{id_}/audio?use=sold")).status_code


async def test_an_empty_page_explains_what_is_missing(inbox: Inbox) -> None:
    shown, _, detail = (await inbox.page()).partition("<main")[2].partition("<details")

    assert "no key for your Vonage account" in shown
    assert "VONAGE" not in shown
    assert "VONAGE_PRIVATE_KEY" in detail


async def test_listening_marks_a_message_as_heard_and_is_logged(
    inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = await inbox.put()
    whole = await inbox.console.get(f"/messages/{id_}/audio")
    part = await inbox.console.get(f"/messages/{id_}/audio", headers={"range": "bytes=100-199"})

    assert (200, "audio/wav", tone(0.5)) == (whole.status_code, whole.headers["content-type"], whole.content)
    assert (206, tone(0.5)[100:200]) == (part.status_code, part.content)
    assert "badge accent" not in (page := await inbox.page())
    assert "<title>Messages" in page
    whole_line, part_line = (line for line in capsys.readouterr().out.splitlines() if "message heard" in line)
    assert f"message={id_}" in whole_line
    assert f"message={id_} part='bytes=100-199'" in part_line or f"message={id_} part=bytes=100-199" in part_line


async def test_done_and_deleted_messages_move_and_can_be_restored(inbox: Inbox) -> None:
    id_ = await inbox.put()
    boxes = []
    for action in ("done", "to-do", "delete", "restore"):
        assert 200 == await inbox.act(id_, action)
        boxes.append([box for box in ("new", "done", "deleted") if id_ in await inbox.page(box)])

    assert [["done"], ["new"], ["deleted"], ["new"]] == boxes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "waiting"}, "It is being fetched from Vonage."),
        (
            {"state": "waiting", "problem": "the server has no key", "cure": "set VONAGE_PRIVATE_KEY"},
            "It has not arrived yet. It arrives automatically once the server has its key.",
        ),
        ({"state": "failed", "problem": "status 401"}, "<p>Status 401.</p>"),
        ({"state": "gone"}, "Vonage no longer has it."),
        ({"from_number": ""}, "Withheld number"),
        ({"from_number": HOSTILE, "transcript": HOSTILE}, "&lt;script&gt;"),
    ],
)
async def test_a_missing_file_or_transcript_is_reported(inbox: Inbox, changes: dict[str, Any], said: str) -> None:
    id_ = await inbox.put(**changes)
    page = await inbox.page()
    audio = await inbox.console.get(f"/messages/{id_}/audio")

    assert said in page
    assert HOSTILE not in page
    assert (200 if changes.get("state", "kept") == "kept" else 404) == audio.status_code


async def test_a_failed_message_is_fetched_again(inbox: Inbox) -> None:
    id_ = await inbox.put(state="failed", problem="status 401")

    assert 200 == await inbox.act(id_, "fetch")
    assert "It has not arrived yet" in await inbox.page()


async def test_a_message_whose_file_is_lost_says_so_and_is_fetched_again(inbox: Inbox) -> None:
    lost, fine = await inbox.put(), await inbox.put()
    inbox.folder.remove([lost])
    audio = await inbox.console.get(f"/messages/{lost}/audio")

    assert (410, "lost on the server") == (audio.status_code, audio.json()["detail"][29:47])
    assert [200, 200, 404] == [await inbox.act(id_, "fetch") for id_ in (lost, fine, "0" * 32)]
    assert ["waiting", "kept"] == [row.state for id_ in (lost, fine) if (row := await inbox.recordings.get(id_))]


async def test_a_page_after_a_deleted_message_is_an_error_instead_of_an_empty_page(inbox: Inbox) -> None:
    assert 404 == (await inbox.console.get(f"/messages?before={'0' * 32}")).status_code


async def test_messages_of_a_box_are_downloaded_without_formulas(inbox: Inbox) -> None:
    ids = [await inbox.put(created_at=NOW - number * 1000, state="waiting") for number in range(BATCH + 2)]
    done = await inbox.put(transcript="=1+1")
    await inbox.act(done, "done")
    new = list(csv.DictReader(io.StringIO((await inbox.console.get("/messages.csv")).text)))
    reply = await inbox.console.get("/messages.csv?box=done")

    assert len(ids) == len(new)
    (row,) = csv.DictReader(io.StringIO(reply.text))
    assert ("'=1+1", "attachment; filename=messages.csv") == (row["Message"], reply.headers["content-disposition"])


async def test_owners_download_messages_in_columns_with_titles(inbox: Inbox) -> None:
    await inbox.put(transcript="Grüße\nvon mir", caller_name="Ann", about="the roof")
    await inbox.put(caller="anonymous", state="waiting")
    reply = await inbox.console.get("/messages.csv")
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))

    assert reply.content.startswith(b'\xef\xbb\xbfWhen,Caller,Name,For,"Length, seconds",Message,Done,Done by\r\n')
    assert {("07700 900123", "Ann", "the roof", "Grüße\nvon mir"), ("withheld", "", "020 7946 0000", "")} == {
        (row["Caller"], row["Name"], row["For"], row["Message"]) for row in rows
    }
    assert {"34"} == {row["Length, seconds"] for row in rows}
    inbox.console.cookies.set(f"ncco-view-{inbox.console.base_url.port or 'http'}", "owner")
    assert 'href="/messages.csv?box=new"' in await inbox.page()


async def test_messages_come_in_pages_newest_first(inbox: Inbox) -> None:
    ids = [await inbox.put(created_at=NOW - number * 1000) for number in range(53)]
    first = await inbox.page()
    older = (await inbox.console.get(f"/messages?box=new&before={ids[49]}")).text

    assert sorted(ids[:50], key=first.index) == ids[:50]
    assert [False] * 50 + [True] * 3 == [f"m-{id_}" in older for id_ in ids]


@pytest.mark.parametrize("id_", ["..%2f..%2fcalls.db", "0" * 31, "Z" * 32, "0" * 32])
async def test_no_other_file_is_served(inbox: Inbox, id_: str) -> None:
    assert (await inbox.console.get(f"/messages/{id_}/audio")).status_code in (404, 422)
    assert await inbox.act(id_, "delete") in (404, 422)


FLOWS = """\
flow: shop
default: true
start: menu
steps:
  menu:
    do: [{talk: "To leave a message, press 1. To talk, press 2."}]
    choices:
      message: {dtmf: 1, goto: {run: voicemail, with: {team: support, caller_name: "Ann <Lee>"}}}
      talk: {dtmf: 2, goto: talk}
    retry: {then: end}
  talk:
    do:
      - record: {split: conversation, channels: 2}
      - connect: "447700900200"
    on: {completed: end, otherwise: end}
---
flow: voicemail
params: {team: text, caller_name: {type: text, sensitive: false}}
start: message
steps:
  message:
    do:
      - record: {beepStart: true, endOnKey: "#"}
    goto: end
"""


async def recorded(webhooks: httpx.AsyncClient, leg: str, key: str) -> None:
    """Call, press a key, and report the recording that follows."""
    reply = await webhooks.post("/webhooks/answer", json=facts(leg))
    reply = await webhooks.post(callback(reply.json()), json=facts(leg, **keys(key)))
    times = {"start_time": "2026-03-04T09:15:40Z", "end_time": "2026-03-04T09:16:10Z"}
    told = {"recording_url": "https://api.nexmo.com/v1/files/1", "recording_uuid": f"rec-{leg}", "size": 8_044, **times}
    assert (await webhooks.post(callback(reply.json(), "record"), json=told)).is_success


async def test_a_message_shows_its_team_and_a_recorded_conversation_is_not_a_message(
    inbox: Inbox, tmp_path: Path
) -> None:
    await record_both(tmp_path)

    page = await inbox.page()
    kinds = {row.uuid: (row.kind, row.about) for row in await inbox.recordings.list(10)}
    assert {"rec-leg-message": ("record", "support"), "rec-leg-talk": ("conversation", "")} == kinds
    assert (1, True) == (page.count("<audio") + page.count('class="notice'), "for support" in page)


@pytest.mark.parametrize("is_sensitive", [False, True])
async def test_a_message_names_the_caller_unless_that_is_sensitive(
    inbox: Inbox, tmp_path: Path, *, is_sensitive: bool
) -> None:
    await record_both(tmp_path, FLOWS.replace("sensitive: false", f"sensitive: {str(is_sensitive).lower()}"))

    page = await inbox.page()
    assert ("<h2>07700 900123" if is_sensitive else "<h2>Ann &lt;Lee&gt;") in page
    assert "07700 900123" in page
    names = {row.caller_name for row in await inbox.recordings.list(10)}
    assert ({""} if is_sensitive else {"", "Ann <Lee>"}) == names


async def record_both(tmp_path: Path, flows: str = FLOWS) -> None:
    """A message, and a recorded conversation."""
    (tmp_path / "flows").mkdir()
    for number, text in enumerate(flows.split("---\n")):
        (tmp_path / "flows" / f"{number}.yaml").write_text(text, encoding="utf-8")
    app = create_app(settings(tmp_path).model_copy(update={"insecure": True}), dev=True)
    async with running_app(app) as webhooks:
        await recorded(webhooks, "leg-message", "1")
        await recorded(webhooks, "leg-talk", "2")


async def test_a_recording_is_shown_in_its_call(inbox: Inbox, tmp_path: Path) -> None:
    await record_both(tmp_path)
    row = await inbox.recordings.find("rec-leg-message")
    assert row is not None
    before = (await inbox.console.get("/calls/leg-message")).text
    [claimed] = [each for each in await inbox.recordings.claim(NOW * 2, NOW * 3, "c", 10) if each.id == row.id]
    inbox.folder.put(row.id, tone(0.5))
    await inbox.recordings.finish(claimed._replace(state="kept", content_type="audio/wav"), 0)

    assert "It is being fetched from Vonage." in before
    assert f"/messages/{row.id}/audio" not in before
    assert f"/messages/{row.id}/audio" in (await inbox.console.get("/calls/leg-message")).text
