"""The phone: calls that a person plays over HTTP, as the page does."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ncco_server.settings import load_settings
from ncco_studio.console.app import create_console
from ncco_studio.editor import language
from ncco_studio.editor.worker import Worker
from tests.support.command import ncco
from tests.support.server import StandIn, standing_in
from tests.unit.studio.console.conftest import HASHES, REPOSITORY, OwnPlayer, logged_in, make_console, with_worker_here

SUNDAY = "2026-03-08T22:00:00Z"


@dataclass
class Phone:
    """The page: it calls, and shows the call in each reply."""

    client: httpx.AsyncClient
    shown: str = ""

    async def post(self, path: str, **data: Any) -> httpx.Response:
        reply = await self.client.post(path, json=data)
        if "data-call=" in reply.text:
            self.shown = reply.text
        return reply

    async def call(self, file: str = "flows/reception.yaml", **more: Any) -> httpx.Response:
        reply = await self.post("/phone/calls", file=file, **more)
        while reply.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # the machine is too busy: call again, as it asks
            reply = await self.post("/phone/calls", file=file, **more)
        assert 200 == reply.status_code, reply.text
        return reply

    @property
    def id(self) -> str:
        return self.state("call")

    def state(self, name: str) -> str:
        found = re.search(f'data-{name}="(.*?)"', self.shown)
        assert found is not None, self.shown
        return html.unescape(found[1])

    async def do(self, step: object, at: float | None = None) -> None:
        reply = await self.post(f"/phone/calls/{self.id}/steps", step=step, at=at)
        assert 200 == reply.status_code, reply.text

    async def skip(self) -> None:
        await self.post(f"/phone/calls/{self.id}/advance", at=None)

    @property
    def bubbles(self) -> list[str]:
        texts = re.findall(
            r'<p class="bubble">(.*?)</p>|<li[^>]* class="turn[^>]*>\s*<p class="why[^>]*>(.*?)</p>',
            self.shown,
            re.DOTALL,
        )
        return [html.unescape(re.sub(r"<[^<>]*>", "", "".join(text))).strip() for text in texts]


def in_this_process(console: FastAPI) -> FastAPI:
    """The same console, but it reads unsaved texts and plays calls in this process."""
    console.state.console.phone_calls.make_worker = OwnPlayer
    return with_worker_here(console)


def phone_console(project: Path = REPOSITORY, **more: Any) -> FastAPI:
    """A console, with `more` settings."""
    return in_this_process(make_console(project, **more))


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    """A phone with the flows of this repository."""
    async with await logged_in(phone_console()) as client:
        yield Phone(client)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A separate project that may be changed."""
    for folder in ("flows", "templates"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns(".*"))
    return tmp_path


@pytest.fixture
async def own_phone(project: Path) -> AsyncIterator[Phone]:
    async with await logged_in(phone_console(project)) as client:
        yield Phone(client)


async def phone_at(example: str) -> Phone:
    return Phone(await logged_in(phone_console(REPOSITORY / "examples" / example)))


async def test_the_first_prompt_is_shown_as_soon_as_the_call_starts(phone: Phone) -> None:
    page = await phone.client.get("/phone")
    assert "option selected>flows/reception.yaml</option>" in page.text
    await phone.call()
    assert [
        "reception: the flow that this call starts in, reception.yaml line 7",
        "Thank you for calling Northgate Bicycles.",
    ] == [phone.bubbles[0], phone.bubbles[-1]]
    assert "2.323" == phone.state("next")


@pytest.mark.parametrize(
    ("endpoint", "options", "offered"),
    [
        ({"type": "phone", "number": "447700900111"}, {}, {"busy", "machine"}),
        ({"type": "phone", "number": "447700900111"}, {"machineDetection": "continue"}, {"machine", "human"}),
        (
            {"type": "phone", "number": "447700900111"},
            {"advancedMachineDetection": {"mode": "detect_beep"}},
            {"machine", "human", "beep"},
        ),
        (
            {"type": "websocket", "uri": "wss://example.com/a", "content-type": "audio/l16;rate=16000"},
            {},
            {"disconnected"},
        ),
    ],
)
async def test_a_dial_offers_what_the_connect_can_have(
    phone: Phone, endpoint: dict[str, str], options: dict[str, Any], offered: set[str]
) -> None:
    connect = {"action": "connect", "from": "447700900000", "endpoint": [endpoint], **options}
    await phone.call("pasted.json", text=json.dumps([connect]))
    await phone.skip()
    assert "dial" == phone.state("moment")
    special = {"busy", "machine", "human", "beep", "disconnected"}
    found = set(re.findall(r'data-outcome="(.*?)"', phone.shown))
    assert {"completed", "failed", "unanswered"} < found
    assert offered | ({"busy"} if "number" in endpoint else set()) == found & special


AGENT = """
flow: shop
default: true
start: assistant
steps:
  assistant:
    do: [{talk: You are talking to our assistant.}]
    agent:
      uri: wss://bot.example.com/calls
      outcomes: [refund]
      returns: {order: text, seats: int, gift: bool, parts: [text], tier: [gold, plain]}
      limit: 10m
    on: {refund: refund, failed: person, too_long: person}
  refund:
    do: [{talk: "A refund for {{ agent.order }}, {{ agent.seats }} seats, {{ agent.parts | join }}."}]
    goto: end
  person: {do: [{talk: A person will help you.}], goto: end}
"""


async def test_an_agent_offers_what_it_may_hand_back(phone: Phone) -> None:
    await phone.call("pasted.yaml", text=AGENT)
    await phone.skip()
    assert "dial" == phone.state("moment")
    offered = re.findall(r'data-(?:hands|agent|outcome)="(.*?)"', phone.shown)
    assert ["refund", "closes", "silent", "hangs up", "unreachable"] == offered
    fields = re.findall(r'data-value="(.*?)" data-type="(.*?)"', phone.shown)
    types = {"order": "text", "seats": "number", "gift": "checkbox", "parts": "json", "tier": "text"}
    assert types == dict(fields)
    values = {"order": "4711", "seats": 3, "gift": True, "parts": ["a"], "tier": "gold"}
    await phone.do({"agent": {"hands": "refund", "values": values, "after": 40}})
    await phone.skip()
    assert "A refund for 4711, 3 seats, a." in phone.shown


@pytest.mark.parametrize("act", ["closes", "silent", "hangs up", "unreachable"])
async def test_the_caller_hears_what_follows_an_agent_that_hands_nothing_back(phone: Phone, act: str) -> None:
    await phone.call("pasted.yaml", text=AGENT)
    await phone.skip()
    await phone.do({"agent": {"does": act, "after": 5}})
    await phone.skip()
    assert "A person will help you." in phone.bubbles


async def test_a_refused_hand_back_says_why(phone: Phone) -> None:
    await phone.call("pasted.yaml", text=AGENT)
    await phone.skip()
    await phone.do({"agent": {"hands": "refund", "values": {"seats": "many"}}})
    await phone.skip()
    assert "`seats` is not a whole number" in html.unescape(phone.shown)
    assert "A person will help you." in phone.bubbles


async def test_a_call_with_an_agent_is_saved_as_a_scenario_that_passes(own_phone: Phone, project: Path) -> None:
    phone = own_phone
    (project / "flows/shop.yaml").write_text(
        AGENT.replace("default: true", 'numbers: ["442079460077"]'), encoding="utf-8"
    )
    await phone.call("flows/shop.yaml", to="442079460077")
    await phone.skip()
    await phone.do({"agent": {"hands": "refund", "values": {"order": "4711", "seats": 3}}})
    await phone.skip()
    kept = (await phone.post(f"/phone/calls/{phone.id}/keep")).json()
    assert "a call from the phone" == kept["name"]
    tested = await asyncio.to_thread(ncco, "test", kept["path"], cwd=project)
    assert 0 == tested.exit_code, tested.output


async def test_numbers_are_called_as_people_write_them(phone: Phone) -> None:
    await phone.call(to="+44 (0)20 7946-0001", caller="07700 900456", world={"parties": {"*": "timeout"}})
    await phone.do({"press": "1"}, at=5.0)
    await phone.skip()
    assert "record" == phone.state("moment")
    explained = html.unescape((await phone.client.get(f"/phone/calls/{phone.id}/turns/0")).text)
    assert "442079460001" in explained
    assert "447700900456" in explained


async def test_a_key_interrupts_a_prompt_at_its_time_and_shows_what_decided(phone: Phone) -> None:
    await phone.call()
    await phone.do({"press": "2"}, at=5.0)
    assert "cut short after 2.7 s" in phone.shown
    assert [
        "2",
        'menu → support: digits 2 are the key of choice "support", reception.yaml line 49',
        "Connecting you to the workshop. Please have your order number ready.",
    ] == phone.bubbles[-3:]
    why = (await phone.client.get(f"/phone/calls/{phone.id}/turns/1")).text
    assert "digits 2 are the key of choice" in why
    assert "curl -X POST http://127.0.0.1:8000/webhooks/input/" in html.unescape(why)
    assert "&#34;action&#34;: &#34;connect&#34;" in why


async def test_the_page_lists_the_dialled_parties_except_computed_ones(own_phone: Phone, project: Path) -> None:
    (project / "flows/bot.yaml").write_text("""
flow: bot
entry: true
start: ring
steps:
  ring:
    do: [connect: {type: websocket, uri: "wss://bot.example.com/a", headers: {call: "{{ call.uuid }}"}}]
    on: {completed: end, otherwise: ring_a_colleague}
  ring_a_colleague:
    do: [connect: {type: app, user: "{{ call.to }}"}]
    on: {completed: end, otherwise: ring_another}
  ring_another:
    do: [connect: {type: app, user: ann}]
    on: {completed: end, otherwise: end}
""")
    shown = await own_phone.client.get("/phone", params={"file": "flows/bot.yaml"}, headers={"Accept": "text/html"})
    listed = re.findall(r'data-party="([^"]+)"', shown.text)

    assert 200 == shown.status_code
    assert {"*", "ann", "wss://bot.example.com/a"} <= {*listed}
    assert "{" not in "".join(listed)


async def test_time_passes_up_to_a_half_of_a_millisecond(phone: Phone) -> None:
    await phone.call()
    for number in range(20):
        at = 0.2005 + number / 10
        await phone.post(f"/phone/calls/{phone.id}/advance", at=at)
        assert at == pytest.approx(float(phone.state("at")), abs=0.001)


async def test_it_is_sunday_and_the_office_is_closed() -> None:
    phone = await phone_at("hours")
    await phone.call("flows/hours.yaml", made_at=SUNDAY)
    await phone.skip()
    assert "Sunday 8 March 2026, 22:00 in Europe/London" in phone.shown
    assert any("closed" in bubble for bubble in phone.bubbles)
    await phone.call("flows/hours.yaml", made_at="2026-07-06T12:00")
    assert "Monday 6 July 2026, 12:00 in Europe/London" in phone.shown
    assert "When, in Europe/London" in (await phone.post("/phone/setup", file="flows/hours.yaml")).text
    await phone.call("flows/hours.yaml", made_at="2026-03-04T10:00:00Z")
    await phone.skip()
    assert not any("closed" in bubble for bubble in phone.bubbles)


async def test_a_template_answers_and_the_next_one_replies_to_a_key() -> None:
    phone = await phone_at("template")
    page = await phone.client.get("/phone")
    assert "option selected>templates/hello.json.j2</option>" in page.text
    await phone.call("templates/hello.json.j2")
    await phone.skip()
    await phone.do({"press": "1"})
    assert "Hello there, this is Fernlea Cinema." in phone.bubbles
    assert "Today we show The Third Man at seven, and Metropolis at nine. Goodbye." == phone.bubbles[-1]


async def test_lookups_return_the_chosen_answers() -> None:
    phone = await phone_at("acme")
    said = {}
    ann = {"value": {"name": "Ann", "tier": "gold"}}
    for how, given in (("value", ann), ("default", None), ("fails", {"error": "503"}), ("timeout", {"timeout": True})):
        await phone.call("flows/acme.yaml", world={"given": {"customer": given} if given else {}})
        said[how] = phone.bubbles[-1]
    assert said == {"value": "Welcome to Acme, Ann."} | dict.fromkeys(
        ("default", "fails", "timeout"), "Welcome to Acme."
    )
    why = (await phone.client.get(f"/phone/calls/{phone.id}/turns/0")).text
    assert "timed out after 700 ms" in why
    former = await phone.post("/phone/calls", file="flows/acme.yaml", world={"lookups": {}})
    assert 422 == former.status_code


ECHO = """\
from ncco_server import Call, RunFailed, call_flow


def find(number: str) -> object:
    return number


@call_flow(default=True)
async def echo(call: Call) -> None:
    try:
        found = await call.run(find, call.from_)
    except RunFailed:
        await call.talk("It failed.")
    else:
        await call.talk(f"It is {found!r}.")
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": "ready"}, "It is 'ready'."),
        ({"value": {"state": "ready"}}, "It is {'state': 'ready'}."),
        ({"value": None}, "It is None."),
        ({"error": "503"}, "It failed."),
        (None, "It failed."),
    ],
)
async def test_handler_functions_return_the_chosen_results(
    tmp_path: Path, given: dict[str, Any] | None, said: str
) -> None:
    for folder in ("flows", "templates"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "flows/echo.py").write_text(ECHO)
    async with await logged_in(phone_console(tmp_path, python_flows="echo.py")) as client:
        phone = Phone(client)
        await phone.call("flows/echo.py", world={"given": {"find": given} if given else {}})
        assert said in phone.bubbles


ROBOT = """\
from typing import TypedDict

from ncco_server import Call, call_flow


class Order(TypedDict):
    number: str


@call_flow(default=True)
async def robot(call: Call) -> None:
    given = await call.agent("wss://bot.example.com/calls", outcomes=["refund"], returns=Order, limit=600)
    await call.talk(f"Outcome {given.outcome}, {given.values}.")
"""


async def test_the_agent_of_a_handler_offers_what_it_may_hand_back(tmp_path: Path) -> None:
    for folder in ("flows", "templates"):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / "flows/robot.py").write_text(ROBOT)
    async with await logged_in(phone_console(tmp_path, python_flows="robot.py")) as client:
        phone = Phone(client)
        await phone.call("flows/robot.py")
        await phone.skip()
        assert {"refund", "done"} == set(re.findall(r'data-hands="(.*?)"', phone.shown))
        assert ["number"] == re.findall(r'data-value="(.*?)"', phone.shown)
        await phone.do({"agent": {"hands": "refund", "values": {"number": "4711"}}})
        await phone.skip()
        assert "Outcome refund, {'number': '4711'}." in phone.bubbles


async def test_a_flow_for_placed_calls_only_links_to_the_form_that_places_one() -> None:
    phone = await phone_at("reminder")
    page = await phone.client.get("/phone", params={"file": "flows/reminder.yaml"})
    setup = await phone.post("/phone/setup", file="flows/reminder.yaml")
    for shown in (page.text, setup.text):
        assert "The server uses this flow to call people." in shown
        assert "ncco simulate reminder<" in shown


async def test_a_pasted_flow_and_a_pasted_ncco_are_played(phone: Phone) -> None:
    flow = "flow: tiny\ndefault: true\nstart: a\nsteps:\n  a:\n    do:\n      - talk: Hello\n    goto: end\n"
    await phone.call("pasted.yaml", text=flow)
    assert "Hello" in phone.bubbles
    ncco = [
        {"action": "talk", "text": "<speak>Hi <break time='1s'/>there</speak>", "language": "de-DE"},
        {"action": "input", "type": ["dtmf"], "eventUrl": ["https://example.com/input"]},
        {"action": "talk", "text": "Bye"},
    ]
    await phone.call("pasted.json", text=json.dumps(ncco))
    assert 'lang="de-DE"' in phone.shown
    assert "Hi there" in phone.bubbles
    await phone.skip()
    await phone.do({"press": "1"})
    await phone.skip()
    assert "Bye" == phone.bubbles[-1]
    why = (await phone.client.get(f"/phone/calls/{phone.id}/turns/1")).text
    assert "POST https://example.com/input" in why
    setup = await phone.post("/phone/setup", file="pasted.json", text='[\n{"action": "tlak"}]')
    assert 'data-line="2" data-column="12"' in setup.text
    assert "no call can start here" not in setup.text
    setup = await phone.post("/phone/setup", file="pasted.yaml", text='{"action": "tlak"}')
    assert "the text has errors" in setup.text
    setup = await phone.post("/phone/setup", file="pasted.yaml", text=" ")
    assert "no text yet" in setup.text
    assert "1 error" not in setup.text


async def test_a_call_is_saved_as_a_scenario_that_passes(own_phone: Phone, project: Path) -> None:
    phone = own_phone
    await phone.call(made_at=SUNDAY)
    await phone.do({"press": "1"}, at=5.0)
    await phone.skip()
    await phone.do({"dial": {"outcome": "busy"}})
    await phone.skip()
    await phone.do({"record": {"seconds": 4, "key": "#"}})
    await phone.skip()
    kept = (await phone.post(f"/phone/calls/{phone.id}/keep")).json()
    assert "tests/scenarios/reception.yaml" == kept["path"]
    assert "a call from the phone" == kept["name"]
    tested = await asyncio.to_thread(ncco, "test", kept["path"], cwd=project)
    assert 0 == tested.exit_code, tested.output


async def test_a_scenario_passes_although_the_caller_thinks_before_acting(own_phone: Phone, project: Path) -> None:
    phone = own_phone
    await phone.call()
    await phone.skip()
    await phone.do({"press": "9"}, at=float(phone.state("at")) + 4)
    await phone.do({"press": "1"}, at=float(phone.state("at")) + 5)
    assert "cut short" in phone.shown
    await phone.post(f"/phone/calls/{phone.id}/advance", at=float(phone.state("at")) + 2)
    await phone.do({"dial": {"outcome": "completed"}})
    await phone.do("hangup", at=float(phone.state("at")) + 9)
    await phone.post(f"/phone/calls/{phone.id}/keep")
    tested = await asyncio.to_thread(ncco, "test", cwd=project)
    assert 0 == tested.exit_code, tested.output
    before = phone.bubbles
    await phone.call(again=phone.id)
    assert before == phone.bubbles


async def test_a_call_is_saved_once_the_text_that_it_played_is_saved(own_phone: Phone, project: Path) -> None:
    file = project / "flows/reception.yaml"
    text = file.read_text().replace("Northgate", "Southgate")
    await own_phone.call(text=text)
    reply = await own_phone.post(f"/phone/calls/{own_phone.id}/keep")
    assert 422 == reply.status_code
    assert not (project / "tests").exists()
    file.write_text(text)
    reply = await own_phone.post(f"/phone/calls/{own_phone.id}/keep")
    assert 200 == reply.status_code, reply.text
    assert (project / "tests/scenarios/reception.yaml").exists()


async def test_a_read_only_folder_is_reported_before_a_call_is_saved(
    own_phone: Phone, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "tests").write_text("no folder")
    await own_phone.call("flows/pin.yaml")
    await own_phone.do("hangup")
    assert "true" == own_phone.state("blocked")
    assert f"{project}/tests is not writable by the server&#39;s user" in own_phone.shown
    assert "keep the call as a scenario" not in own_phone.shown
    refused = await own_phone.post(f"/phone/calls/{own_phone.id}/keep")
    assert 422 == refused.status_code
    assert "/reception.yaml" not in refused.json()["detail"]
    assert (
        "tests/scenarios/pin.yaml: not a directory; give the server's user write permission there"
        in refused.json()["detail"]
    )
    (project / "tests").unlink()
    await own_phone.post(f"/phone/calls/{own_phone.id}/advance")
    assert "false" == own_phone.state("blocked")
    assert "or keep the call as a scenario" in own_phone.shown
    monkeypatch.setattr(os, "access", lambda *_: False)  # root can write to every folder
    opened = (await own_phone.client.get("/phone/text", params={"file": "flows/pin.yaml"})).json()
    assert "so nothing can be saved here" in opened["blocked"]


async def test_impossible_actions_are_not_offered(phone: Phone) -> None:
    await phone.call("pasted.json", text='[{"action": "talk", "text": "Bye"}]')
    await phone.skip()
    assert "false" == phone.state("kept")
    assert "keep the call as a scenario" not in phone.shown
    assert "cannot become a scenario" not in phone.shown


async def test_a_flow_without_a_picture_says_so(phone: Phone) -> None:
    ncco = await phone.post("/phone/picture", file="pasted.json", text='[{"action": "talk", "text": "Hello"}]')
    assert "There is no picture of an NCCO" in ncco.text
    steps = "".join(f"  s{n}: {{do: [{{talk: Hello}}], goto: s{n + 1}}}\n" for n in range(201))
    flow = f"flow: long\ndefault: true\nstart: s0\nsteps:\n{steps}  s201: {{do: [{{talk: end}}], goto: end}}\n"
    assert "more than 200 steps" in (await phone.post("/phone/picture", file="pasted.yaml", text=flow)).text
    assert "" == (await phone.post("/phone/picture", file="pasted.yaml", text="flow: x\nstart: nowhere\n")).text


@pytest.mark.parametrize("file", ["flows/pin.yaml", "templates/greeting.j2"])
async def test_a_text_that_takes_too_long_to_read_is_not_saved(project: Path, file: str) -> None:
    console = make_console(project)
    console.state.console.worker = Worker(seconds=0.2, module=language)
    steps = "".join(f"  s{n}: {{do: [{{talk: Hello.}}], goto: s{n + 1}}}\n" for n in range(9_000))
    text = f"steps:\n{steps}" if file.startswith("flows") else "{% if call.from %}a{% endif %}" * 3_000
    async with console.router.lifespan_context(console), await logged_in(console) as client:
        opened = (await client.get("/phone/text", params={"file": file})).json()
        saved = await client.post("/phone/save", json={"file": file, "text": text, "digest": opened["digest"]})
        form = {"file": file, "text": text, "digest": opened["digest"]}
        changed = await client.post("/change-save", data=form)

    assert {saved.status_code, changed.status_code} <= {422, 503}  # 503 on a machine that is very busy
    assert opened["text"] == (project / file).read_text()


async def test_a_flow_that_is_no_longer_in_the_text_is_not_called(phone: Phone) -> None:
    flow = "flow: tiny\ndefault: true\nstart: a\nsteps:\n  a:\n    do:\n      - talk: Hello\n    goto: end\n"
    await phone.call("pasted.yaml", text=flow, flow="reception")  # the form is filled in after the text
    assert "Hello" in phone.bubbles


CRM = """\
flow: crm
default: true
start: a
lookups:
  customer:
    get: "{{ env.CRM }}/customer"
    timeout: 3500ms
    headers: {Authorization: "Bearer {{ env.TOKEN }}"}
    returns: {name: text}
  points: {python: "loyalty:points", timeout: 3500ms, returns: {count: int}}
hooks:
  tell: {post: "{{ env.CRM }}/tell"}
steps:
  a:
    lookup: [customer, points]
    send: tell
    do:
      - talk: "Hello {{ customer.name }}, you have {{ points.count }} points."
    goto: end
"""


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    """A service on this machine, and a project in `tmp_path` whose flow calls it."""
    for folder in ("flows", "templates"):
        (tmp_path / folder).mkdir()
    (tmp_path / "flows/crm.yaml").write_text(CRM)
    (tmp_path / "loyalty.py").write_text("def points():\n    return {'count': 40}\n")
    with standing_in() as service:
        monkeypatch.setenv("FLOW_CRM", service.url)
        monkeypatch.setenv("FLOW_TOKEN", "a-canary-of-the-environment")
        service.answers = {"GET /customer": {"name": "Ann"}}
        yield service


def crm_console(project: Path, modules: str = "loyalty") -> FastAPI:
    folders = {"flows": project / "flows", "templates": project / "templates"}
    hashes = {"console_password_hash": HASHES["change"], "console_viewer_password_hash": HASHES["look"]}
    settings = load_settings(None, **folders, **hashes, python_lookups=modules, database_url="memory://")
    return in_this_process(create_console(settings, dev=True))


async def test_a_call_to_a_saved_flow_asks_no_service(crm: StandIn, tmp_path: Path) -> None:
    async with await logged_in(crm_console(tmp_path)) as client:
        phone = Phone(client)
        await phone.call("flows/crm.yaml")
    assert "Hello , you have 0 points." in phone.bubbles
    assert "1 hook recorded, not sent" in phone.shown
    assert [] == [*crm.asked, *crm.hooks]


ATTACK = """\
flow: attack
numbers: ["442079460001"]
start: a
lookups:
  shell:
    python: "os:system"
    with: {command: "env > stolen"}
    returns: {code: int}
    default: {code: -1}
steps:
  a:
    lookup: shell
    do:
      - talk: "The code is {{ shell.code }}."
    goto: end
"""


@pytest.mark.parametrize("allowed", ["", "loyalty"])
async def test_a_saved_lookup_runs_no_module_that_the_operator_did_not_allow(
    allowed: str, crm: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with await logged_in(crm_console(tmp_path, allowed)) as client:
        phone = Phone(client)
        saved = (await phone.post("/phone/save", file="flows/attack.yaml", text=ATTACK, digest="")).json()
        assert saved["problem"].startswith("Saved, but calls continue with the last good flow: ")
        refused = await phone.post("/phone/calls", file="flows/attack.yaml")
        assert 'NCCO_PYTHON_LOOKUPS does not include the module "os"' in refused.json()["detail"]
    assert not (tmp_path / "stolen").exists()


async def test_a_shared_lookup_that_is_not_allowed_gets_its_default(
    crm: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow itself has no error, so the phone plays it."""
    monkeypatch.chdir(tmp_path)
    section = ATTACK[ATTACK.index("lookups:") : ATTACK.index("steps:")]
    async with await logged_in(crm_console(tmp_path)) as client:
        phone = Phone(client)
        for name, text in (("shared", f"shared: true\n{section}"), ("attack", ATTACK.replace(section, ""))):
            assert 200 == (await phone.post("/phone/save", file=f"flows/{name}.yaml", text=text, digest="")).status_code
        await phone.call("flows/attack.yaml")
    assert "The code is -1." in phone.bubbles
    assert not (tmp_path / "stolen").exists()


async def test_a_pasted_text_reads_no_variables_asks_nobody_and_runs_no_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOW_SECRET", "a-canary-of-the-environment")
    (tmp_path / "flows").mkdir()
    (tmp_path / "stolen.py").write_text("raise SystemExit('this code ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    flow = """\
flow: thief
default: true
start: a
lookups:
  code: {python: "stolen:run", returns: {said: text}}
  net: {get: "http://127.0.0.1:9/{{ env.SECRET }}", returns: {said: text}}
hooks:
  tell: {post: "http://127.0.0.1:9/"}
steps:
  a:
    lookup: [code, net]
    send: tell
    do:
      - stream: "{{ env.SECRET }}/welcome.mp3"
      - talk: "You said {{ code.said }}{{ net.said }}."
    goto: end
"""
    async with await logged_in(crm_console(tmp_path, "stolen")) as client:
        phone = Phone(client)
        await phone.call("pasted.yaml", text=flow)
        await phone.skip()
        assert ["audio https://secret.example/welcome.mp3", "You said ."] == phone.bubbles[-2:]
        assert "1 hook recorded, not sent" in phone.shown
        pages = phone.shown + (await client.get(f"/phone/calls/{phone.id}/turns/0")).text
    assert "canary" not in pages


LOOPS = "{% for a in l.xs %}{% for b in l.xs %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}"
RUNAWAY = f"""\
flow: slow
default: true
start: wait
lookups:
  l: {{get: "https://x.example/", returns: {{xs: [int], free: bool}}, default: {{xs: [], free: false}}}}
steps:
  wait:
    lookup: l
    do: [{{talk: "{LOOPS} Please wait."}}]
    hold: {{until: l.free, up_to: 24h}}
    on: {{ready: end, too_long: end, error: end}}
"""
"""Plays for minutes, a webhook at a time."""
WORLD = {"given": {"l": {"value": {"xs": list(range(200)), "free": False}}}}


async def test_a_call_that_takes_too_long_to_play_is_stopped(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ncco_studio.console.phone.call.LONGEST_ACT_S", 0.5)
    await phone.call("pasted.yaml", text=RUNAWAY, world=WORLD)

    await phone.post(f"/phone/calls/{phone.id}/advance", at=3600)

    assert "The call cannot continue: playing it took longer than 0.5 seconds." in phone.shown


async def test_an_impossible_input_lists_the_possible_ones(phone: Phone) -> None:
    await phone.call()
    for step, reason in (
        ("silence", "Nothing waits for the caller now"),
        ("record", "Nothing is being recorded now"),
        ({"dial": "busy"}, "No phone is ringing now"),
        ("end", "This is an expectation, not a step"),
        ({"record": "9999s"}, "A caller can wait or speak for at most an hour at once"),
    ):
        await phone.post(f"/phone/calls/{phone.id}/steps", step=step)
        assert reason in phone.state("refused")
    await phone.do("hangup")
    assert "true" == phone.state("over")
    await phone.do({"press": "1"})
    assert "The call is over; call again" == phone.state("refused")
    for wrong in ({"press": "x"}, {"press": "1" * 3_000}, {"kind": "press"}, None):
        reply = await phone.post(f"/phone/calls/{phone.id}/steps", step=wrong)
        assert 422 == reply.status_code


async def test_the_failsafe_is_shown_with_its_reason(phone: Phone) -> None:
    text = "flow: t\ndefault: true\nstart: a\nsteps:\n  a:\n    do:\n      - talk: \"{{ 'a' | int }}\"\n    goto: end\n"
    await phone.call("pasted.yaml", text=text)
    assert any(each.startswith("failed: failsafe") for each in phone.bubbles)
    assert "The caller hears the failsafe" in phone.shown


async def test_a_call_belongs_to_the_session_that_placed_it() -> None:
    console = phone_console()
    async with await logged_in(console) as mine, await logged_in(console, may_change=False) as theirs:
        phone = Phone(mine)
        await phone.call()
        for client, status in ((theirs, 404), (mine, 200)):
            assert status == (await client.get(f"/phone/calls/{phone.id}/turns/0")).status_code
            assert status == (await client.post(f"/phone/calls/{phone.id}/advance", json={"at": 1})).status_code
        await Phone(theirs).call()
        listener = Phone(theirs)
        await listener.call()
        assert "false" == listener.state("kept")
        assert 403 == (await theirs.post(f"/phone/calls/{listener.id}/keep")).status_code
        assert 403 == (await theirs.post("/phone/save", json={"file": "a", "text": "b", "digest": ""})).status_code


async def test_a_session_with_many_calls_does_not_stop_others_from_calling() -> None:
    console, placed = phone_console(), []
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await logged_in(console)) for _ in range(8)]
        for client in clients[:7]:
            for _ in range(3):
                phone = Phone(client)
                await phone.call("flows/pin.yaml")
                placed.append(phone)
        late = Phone(clients[7])
        await late.call("flows/pin.yaml")
        statuses = [
            (await phone.post(f"/phone/calls/{phone.id}/advance", at=1)).status_code for phone in (*placed, late)
        ]
    gone = [number for number, status in enumerate(statuses) if status == 404]
    assert [*range(15)] == gone  # the calls of the five who called first
    assert 7 == statuses.count(200)


async def test_a_session_has_three_calls_the_oldest_ends(phone: Phone) -> None:
    await phone.call()
    first = phone.id
    for _ in range(3):
        await phone.call()
    gone = await phone.post(f"/phone/calls/{first}/advance", at=1)
    assert 404 == gone.status_code
    assert 404 == (await phone.post("/phone/calls/nobody/advance", at=1)).status_code
