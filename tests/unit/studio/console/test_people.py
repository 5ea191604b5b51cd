"""People with their own name and password: their rights, delays after wrong guesses, and the end of their sessions."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from structlog.testing import capture_logs

from ncco_server.settings.logins import Login, Role, changed_logins
from ncco_server.settings.passwords import hash_password
from ncco_studio.console.app import create_console
from ncco_studio.console.passwords import Passwords, TooManyLogins
from tests.unit.studio.console.conftest import PASSWORDS, browser, csrf_token, settings_for, with_worker_here
from tests.unit.studio.console.test_access import Clock, Pauses

_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ANNA, BEN = "anna's own password", "ben's own password"
FLOW = "flow: a\nstart: s\nsteps:\n  s:\n    do:\n      - talk: {}\n    goto: end\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW.format("Hello."))
    give(tmp_path, "anna", "change", ANNA)
    give(tmp_path, "ben", "listen", BEN)
    return tmp_path


def give(project: Path, name: str, role: Role, password: str) -> None:
    with changed_logins(project / "logins.json") as logins:
        logins[name] = Login(name, role, _CHEAP.hash(password))


def console(project: Path, **more: Any) -> FastAPI:
    """A console with named people; with `shared`, also with the passwords without a name."""
    known = {"console_logins": project / "logins.json", "key": "a-key-that-all-hosts-share-with-each-other"}
    if not more.pop("shared", False):
        known |= {"console_password_hash": "", "console_viewer_password_hash": ""}
    return with_worker_here(create_console(settings_for(project, **{**known, **more}), dev=True))


async def enter(client: httpx.AsyncClient, name: str, password: str) -> int:
    return (await client.post("/login", data={"name": name, "password": password})).status_code


@asynccontextmanager
async def logged_in(app: FastAPI, name: str, password: str) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as client:
        assert 303 == await enter(client, name, password)
        client.headers["X-CSRF-Token"] = await csrf_token(client)
        yield client


async def is_in(client: httpx.AsyncClient) -> bool:
    return 404 == (await client.get("/no/such/page")).status_code


async def test_everybody_logs_in_with_their_own_password_only(project: Path) -> None:
    found = {}
    for name in ("anna", "ANNA ", "ben", "", "nobody", "../anna", "anna\x00", "link"):
        for password in (ANNA, BEN, PASSWORDS["change"]):
            async with browser(console(project, shared=True)) as client:
                if 303 == await enter(client, name, password):
                    found[name] = password
    assert {"anna": ANNA, "ANNA ": ANNA, "ben": BEN, "": PASSWORDS["change"]} == found


@pytest.mark.parametrize(
    ("has_people", "shared", "asks"), [(True, False, "required"), (True, True, "optional"), (False, True, "nothing")]
)
async def test_the_page_asks_for_a_name_if_any_person_has_one(
    project: Path, has_people: bool, shared: bool, asks: str
) -> None:
    if not has_people:
        (project / "logins.json").unlink()
    async with browser(console(project, shared=shared)) as client:
        page = (await client.get("/login")).text
        wrong = (await client.post("/login", data={"name": "anna", "password": "wrong"})).text
    field = re.findall(r'<input id="name"[^>]*>', page)
    assert {"required": [True], "optional": [False], "nothing": []}[asks] == [" required" in each for each in field]
    assert ("This name or password is wrong." if has_people else "This password is wrong.") in wrong


async def test_rights_come_from_the_role(project: Path) -> None:
    app = console(project)
    saved = {"file": "flows/a.yaml", "text": FLOW.format("Hi."), "digest": ""}
    async with logged_in(app, "anna", ANNA) as anna, logged_in(app, "ben", BEN) as ben:
        statuses = [(await each.post("/phone/save", json=saved)).status_code for each in (anna, ben)]
        pages = [(await each.get("/no/such/page")).text for each in (anna, ben)]
        give(project, "ben", "change", BEN)
        assert [409, 403] == statuses  # 409: the digest is not that of the file
        assert [True, False] == ["view only" not in page for page in pages]
        assert [True, True] == [name in page for name, page in zip(("anna", "ben"), pages, strict=True)]
        assert not await is_in(ben), "a new password"


async def test_changing_or_removing_a_password_ends_only_that_persons_sessions(project: Path) -> None:
    app = console(project, shared=True)
    async with (
        logged_in(app, "anna", ANNA) as anna,
        logged_in(app, "ben", BEN) as ben,
        logged_in(app, "", PASSWORDS["look"]) as shared,
    ):
        found = [[await is_in(each) for each in (anna, ben, shared)]]
        give(project, "anna", "change", "another password of anna")
        found.append([await is_in(each) for each in (anna, ben, shared)])
        with changed_logins(project / "logins.json") as logins:
            del logins["ben"]
        found.append([await is_in(each) for each in (anna, ben, shared)])
        assert [401, 303] == [await enter(ben, "ben", BEN), await enter(anna, "anna", "another password of anna")]
    assert [[True, True, True], [False, True, True], [False, False, True]] == found


async def test_a_session_is_valid_on_another_host_with_the_same_file(project: Path, tmp_path: Path) -> None:
    async with logged_in(console(project), "anna", ANNA) as anna:
        found = []
        for file in ("logins.json", "other.json"):
            other = console(project, console_logins=tmp_path / file)
            async with browser(other) as client:
                client.cookies = anna.cookies
                found.append(await is_in(client))
    assert [True, False] == found


async def test_the_same_hash_under_another_name_is_another_login(project: Path) -> None:
    """Somebody copied a line of the file."""
    app = console(project)
    async with logged_in(app, "anna", ANNA) as anna:
        with changed_logins(project / "logins.json") as logins:
            logins["carl"] = Login("carl", "listen", logins.pop("anna").hash)
        assert not await is_in(anna)


async def test_every_change_carries_the_name_of_the_person(project: Path) -> None:
    app = console(project)
    with capture_logs() as lines:
        async with logged_in(app, "anna", ANNA) as anna, browser(app) as stranger:
            form = await anna.get("/change/flows/a.yaml")
            digest = re.findall(r'name="digest" value="(\w+)"', form.text)[0]
            saved = {"file": "flows/a.yaml", "text": FLOW.format("Hi."), "digest": digest}
            assert 200 == (await anna.post("/phone/save", json=saved)).status_code
            await enter(stranger, "anna", "wrong")
            await enter(stranger, "a password in the field of the name", "wrong")
            await enter(stranger, "nobody", "wrong")
    audited = [(line["event"], line.get("name")) for line in lines]
    failed = "console login failed"
    assert [("console login", "anna"), ("file saved", "anna"), (failed, "anna"), *[(failed, None)] * 2] == audited
    assert "field of the name" not in str(lines)
    (kept,) = (project / "flows" / ".history").iterdir()
    assert re.fullmatch(r"a\.yaml\.\d{8}T\d{12},anna", kept.name)


def passwords_of(*logins: Login) -> tuple[Passwords, Pauses]:
    pauses = Pauses()
    return Passwords(lambda: logins, Clock(), pauses), pauses


def cheap(name: str, password: str, role: Role = "change") -> Login:
    return Login(name, role, _CHEAP.hash(password))


async def test_wrong_guesses_for_one_name_delay_nobody_else() -> None:
    """Neither at the same address nor if the guesses come from many addresses."""
    checked, pauses = passwords_of(cheap("anna", ANNA), cheap("ben", BEN), cheap("", "shared"))
    for number in range(150):
        assert await checked.matching("anna", "wrong", f"192.0.2.{number % 4}") is None
    del pauses[:]
    others = [("ben", BEN), ("", "shared"), ("nobody", "wrong")]
    found = [await checked.matching(name, password, "192.0.2.1") for name, password in others]
    assert ["ben", "", None] == [None if login is None else login.name for login in found]
    assert [0, 0, 0] == pauses
    right = await checked.matching("anna", ANNA, "203.0.113.1")
    assert right is not None
    assert [4] == pauses[3:]


async def test_many_waiting_logins_for_one_name_let_others_in() -> None:
    held_up = asyncio.Event()
    logins = (cheap("anna", ANNA), cheap("ben", BEN))
    checked = Passwords(lambda: logins, Clock(), lambda _: held_up.wait())
    tries = [("anna", f"192.0.2.{number}") for number in range(40)]
    tries += [(f"nobody{number}", f"192.0.2.{number}") for number in range(40)]
    waiting = [asyncio.create_task(checked.matching(name, "wrong", client)) for name, client in tries]
    await asyncio.sleep(0)
    ben = asyncio.create_task(checked.matching("ben", BEN, "192.0.2.1"))
    await asyncio.sleep(0)
    held_up.set()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert logins[1] == await ben
    refused = Counter(tries[at][0][:6] for at, each in enumerate(ended) if isinstance(each, TooManyLogins))
    assert {"anna": 24, "nobody": 24} == refused


async def test_an_unknown_name_is_delayed_like_any_other() -> None:
    checked, pauses = passwords_of(cheap("anna", ANNA))
    for name in ("anna", "nobody"):
        for _ in range(9):
            await checked.matching(name, "wrong", "192.0.2.1")
    assert pauses[:9] == pauses[9:] == [0, 0, 0, 0, 0, 1, 2, 4, 4]


async def test_an_unknown_name_takes_the_same_work() -> None:
    checked, _ = passwords_of(Login("anna", "change", hash_password(ANNA)))
    seconds: dict[str, float] = {}
    for name in ("anna", "nobody", "") * 2:
        before = time.process_time()
        assert await checked.matching(name, "wrong", name) is None
        seconds[name] = min(seconds.get(name, 60), time.process_time() - before)
    assert max(seconds.values()) < 3 * min(seconds.values()), seconds


async def test_no_password_matches_the_placeholder_hash() -> None:
    checked, _ = passwords_of(cheap("anna", ANNA))
    for password in ("", "\x00" * 32, "A" * 43):
        assert await checked.matching("nobody", password, "192.0.2.1") is None
        assert await checked.matching("", password, "192.0.2.1") is None
