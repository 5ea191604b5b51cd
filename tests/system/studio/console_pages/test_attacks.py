"""Requests meant to break the console, or to keep others from using it."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import yaml
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.service.recording_folder import RecordingFolder
from ncco_studio.console.app import create_console
from ncco_studio.editor import language
from ncco_studio.editor.worker import Worker
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import (
    REPOSITORY,
    OwnPlayer,
    browser,
    logged_in,
    make_console,
    settings_for,
    with_worker_here,
)
from tests.unit.studio.console.test_messages import message

if sys.platform != "win32":
    import resource

NOT_UNICODE: Final = b'{"file": "flows/new.yaml", "text": "\\ud800", "digest": ""}'
NOT_JSON: Final = b'{"file": "flows/new.yaml", "text": NaN, "digest": ""}'
LARGE: Final = "flow: large\nstart: s0\nsteps:\n" + "".join(
    f"  s{number}:\n    do:\n      - talk: Hi\n    on:\n      '1': s{number * 7}\n      '2': s{number * 5}\n"
    for number in range(6500)
)
"""A flow that takes much longer to load than the console allows."""


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that the console can change."""
    for folder in ("flows", "templates"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".*"))
    return tmp_path


@pytest.fixture
async def app(project: Path) -> AsyncIterator[FastAPI]:
    app = with_worker_here(make_console(project))
    app.state.console.phone_calls.make_worker = OwnPlayer
    yield app
    await app.state.console.close()


@pytest.fixture
async def owner(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of somebody who may change the project."""
    async with await logged_in(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/phone/save", "/phone/setup", "/phone/calls", "/editor/check"])
@pytest.mark.parametrize("body", [NOT_UNICODE, NOT_JSON])
async def test_a_body_that_is_not_text_is_refused(owner: httpx.AsyncClient, path: str, body: bytes) -> None:
    reply = await owner.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 422 == reply.status_code, reply.text
    assert "input" not in reply.json()["detail"][0]


@each_case(
    "file",
    [
        *("flows/../new.yaml", "/flows/new.yaml", "flows//new.yaml", "flows/.new.yaml", "flows/a/../../new.yaml"),
        *("flows/a\0.yaml", "flows/a\n.yaml", f"flows/{'a' * 300}.yaml", f"flows/{'a/' * 2000}a.yaml"),
        *("flows/out/new.yaml", "flows/out.yaml", "FLOWS/new.yaml", "templates/..\\new"),
    ],
)
async def test_a_file_outside_the_project_is_not_written(owner: httpx.AsyncClient, project: Path, file: str) -> None:
    if not (project / "outside").exists():
        (project / "outside").mkdir()
        (project / "flows/out").symlink_to(project / "outside")
        (project / "flows/out.yaml").symlink_to(project / "outside/new.yaml")
    before = files_in(project)

    reply = await owner.post("/phone/save", json={"file": file, "text": "flow: new", "digest": ""})

    assert 409 == reply.status_code, reply.text
    assert before == files_in(project)


async def test_one_of_two_simultaneous_saves_of_the_same_file_is_refused(owner: httpx.AsyncClient) -> None:
    file = "flows/reception.yaml"
    opened = (await owner.get("/phone/text", params={"file": file})).json()
    saved = [owner.post("/phone/save", json={**opened, "text": f"{opened['text']}# {number}\n"}) for number in range(8)]
    assert [200, *[409] * 7] == sorted(reply.status_code for reply in await asyncio.gather(*saved))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of the size of files")
async def test_a_full_disk_leaves_the_file_unchanged_and_no_partial_version(
    owner: httpx.AsyncClient, project: Path
) -> None:
    file = "flows/reception.yaml"
    opened = (await owner.get("/phone/text", params={"file": file})).json()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with capture_logs():  # the limit applies to the tests' log file too
            reply = await owner.post("/phone/save", json={**opened, "text": opened["text"] * 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert 409 == reply.status_code, reply.text
    assert opened == (await owner.get("/phone/text", params={"file": file})).json()
    assert [] == files_in(project / "flows/.history")


async def test_an_earlier_version_has_the_same_permissions_as_the_file(owner: httpx.AsyncClient, project: Path) -> None:
    (project / "flows/reception.yaml").chmod(0o600)
    opened = (await owner.get("/phone/text", params={"file": "flows/reception.yaml"})).json()
    await owner.post("/phone/save", json={**opened, "text": f"{opened['text']}# more"})
    (kept,) = files_in(project / "flows/.history")
    assert 0o600 == kept.stat().st_mode & 0o777


async def test_a_foreign_file_among_the_earlier_versions_hides_no_form(owner: httpx.AsyncClient, project: Path) -> None:
    (project / "flows/.history").mkdir()
    for name in ("bak", "20261399T000000000000", "20261121T000000000000,../anna", "20261121T000000000000,Änne"):
        (project / f"flows/.history/reception.yaml.{name.replace('/', '')}").write_text("flow: x")
    assert 200 == (await owner.get("/change/flows/reception.yaml")).status_code


@each_case("path", ["", "x", "/", "/steps/menu", "/hours/../week"])
async def test_a_line_is_added_only_where_the_form_offers_one(owner: httpx.AsyncClient, path: str) -> None:
    address = "/change/flows/reception.yaml"
    digest = re.findall('name="digest" value="(.*?)"', (await owner.get(address)).text)[0]
    reply = await owner.post(address, data={"digest": digest, f"value:{path}": "442079460999"})
    assert 422 == reply.status_code


@each_case("address", ["/calls", "/calls.csv"])
async def test_a_page_after_an_unknown_key_is_refused(owner: httpx.AsyncClient, address: str) -> None:
    assert 422 == (await owner.get(address, params={"before": "9" * 30})).status_code


async def test_calls_saved_at_the_same_time_are_all_saved(
    app: FastAPI, owner: httpx.AsyncClient, project: Path
) -> None:
    app.state.console.phone_calls.make_worker = lambda _: Worker(seconds=60)
    calls = [await owner.post("/phone/calls", json={"file": "flows/reception.yaml"}) for _ in range(3)]
    ids = [re.findall('data-call="(.*?)"', call.text)[0] for call in calls]
    kept = await asyncio.gather(*(owner.post(f"/phone/calls/{id_}/keep") for id_ in ids))
    names = {reply.json()["name"] for reply in kept}
    assert 3 == len(names)
    text = (project / "tests/scenarios/reception.yaml").read_text()
    assert all(f"{name}:" in text for name in names)


async def test_a_scenario_is_not_saved_outside_the_project(
    owner: httpx.AsyncClient, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (project / "tests").symlink_to(outside)
    call = await owner.post("/phone/calls", json={"file": "flows/reception.yaml"})
    id_ = re.findall('data-call="(.*?)"', call.text)[0]

    reply = await owner.post(f"/phone/calls/{id_}/keep")

    assert 422 == reply.status_code, reply.text
    assert "leads out of the project" in reply.json()["detail"]
    assert [] == files_in(outside)


async def test_input_of_a_caller_adds_nothing_else_to_a_scenario_file(owner: httpx.AsyncClient, project: Path) -> None:
    said = ('"]}\n\nevil:\n  script: []', "a\nb: c\n- d", "# x", "---", "!!x", ": ", "\u2028\x85", "{{ 1 }}")
    for text in said:
        call = await owner.post("/phone/calls", json={"file": "flows/reception.yaml"})
        (id_,) = re.findall('data-call="(.*?)"', call.text)
        path = f"/phone/calls/{id_}"
        await owner.post(f"{path}/advance", json={})
        await owner.post(f"{path}/steps", json={"step": {"speak": {"text": text}}})
        kept = await owner.post(f"{path}/keep")
        assert 200 == kept.status_code, kept.text
    scenarios = yaml.safe_load((project / "tests/scenarios/reception.yaml").read_text())
    assert len(said) == len(scenarios)
    assert all(name.startswith("a call from the phone") for name in scenarios)


async def test_a_text_that_takes_too_long_is_stopped_while_others_use_the_phone(project: Path) -> None:
    console = make_console(project)
    console.state.console.worker = Worker(seconds=0.5, module=language)
    attacker, other = await logged_in(console), await logged_in(console, may_change=False)
    paths = ("/phone/setup", "/phone/picture", "/phone/calls") * 4
    body = {"file": "pasted.yaml", "text": LARGE}
    asked = [asyncio.create_task(attacker.post(path, json=body)) for path in paths]
    await asyncio.sleep(0.5)
    page = await other.get("/flows")
    setup = await other.post("/phone/setup", json={"file": "pasted.yaml", "text": "flow: small"})
    before = sum(each.done() for each in asked)
    first = await asked[0]
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await console.state.console.worker.close()

    assert (200, 200) == (page.status_code, setup.status_code)
    assert first.status_code in (422, 503)  # it has used its time, or on a busy machine has not even started
    assert first.status_code == 503 or "was stopped" in first.json()["detail"]
    assert before <= 2  # it waited for one or two of these requests, not for all


async def test_a_message_is_served_only_to_sessions_and_never_as_a_page(project: Path) -> None:
    app = create_console(settings_for(project, database_url=f"sqlite:///{project}/calls.db"), dev=True)
    row = message(content_type="audio/mpeg")
    page = b"ID3<html><script>alert(1)</script>"
    async with await logged_in(app, may_change=False) as viewer, browser(app) as stranger:
        await app.state.console.store.open()
        await app.state.console.store.recordings.add(row)
        RecordingFolder(project / "calls.db-recordings").put(row.id, page)
        address = f"/messages/{row.id}"
        many = {"range": f"bytes={','.join(f'{number}-' for number in range(2_000))}"}
        replies = [await viewer.get(f"{address}/audio", headers=each) for each in ({}, {"range": "bytes=1-"}, many)]
        wrong = [
            await viewer.get(f"{address}/audio", headers={"range": each}) for each in ("bytes=9-1", "bytes=-0", "x")
        ]
        refused = [await stranger.get(f"{address}/audio"), await stranger.post(f"{address}/delete")]

    assert [page, page[1:]] == [reply.content for reply in replies[:2]]
    assert all(reply.headers["x-content-type-options"] == "nosniff" for reply in (*replies, *wrong))
    assert ["audio/mpeg"] * 2 == [reply.headers["content-type"] for reply in replies[:2]]
    assert len(replies[2].content) <= 1_000
    assert all(reply.status_code in (200, 400, 416) for reply in wrong)
    assert [401, 401] == [reply.status_code for reply in refused]
