"""The pages of flows over HTTP: the list, the picture with the details of steps, and flows that do not load."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.studio.console.conftest import REPOSITORY, OwnPlayer, SameProcess, logged_in, make_console

MAIN = """\
flow: main
numbers: ["442079460000"]
start: hello
steps:
  hello:
    do:
      - talk: "{text}"
    goto: {target}
"""


def write(folder: Path, **flows: str) -> Path:
    (folder / "flows").mkdir(exist_ok=True)
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def main(text: str = "Hello.", target: str = "end") -> str:
    return MAIN.format(text=text, target=target)


async def read(folder: Path, path: str) -> httpx.Response:
    async with await logged_in(make_console(folder)) as client:
        return await client.get(path, headers={"Accept": "text/html"})


def words(page: str) -> str:
    """The text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def test_the_list_shows_which_flows_start_calls_and_which_ones_load(tmp_path: Path) -> None:
    write(
        tmp_path,
        main=main(),
        broken=main(target="helo").replace("flow: main", "flow: broken").replace("60000", "60009"),
    )

    page = (await read(tmp_path, "/flows")).text

    assert "broken does not load 1 error 0 steps, flows/broken.yaml" in words(page)
    assert "main call to 020 7946 0000 0 calls in 7 days loaded 1 step, flows/main.yaml" in words(page)
    assert "did you mean" in words(page)
    assert 'href="/phone?file=flows%2Fbroken.yaml&amp;line=8"' in page


async def test_a_default_flow_takes_every_number_unless_another_flow_has_one(tmp_path: Path) -> None:
    default = main().replace('numbers: ["442079460000"]', "default: true")
    write(tmp_path, main=default)
    assert "main call to any number 0 calls in 7 days loaded" in words((await read(tmp_path, "/flows")).text)
    write(tmp_path, desk=main().replace("flow: main", "flow: desk"))
    assert "main call to any other number 0 calls in 7 days loaded" in words((await read(tmp_path, "/flows")).text)


async def test_without_flows_the_page_says_what_to_do_first(tmp_path: Path) -> None:
    page = (await read(write(tmp_path), "/flows")).text

    assert "No flow yet" in page
    assert 'href="/phone"' in page


async def test_a_flow_is_shown_as_a_picture_with_its_steps(client: httpx.AsyncClient) -> None:
    text = (REPOSITORY / "flows" / "reception.yaml").read_text(encoding="utf-8")
    line = 1 + text.splitlines().index("  voicemail:")
    page = (await client.get("/flows/reception")).text

    assert 1 == page.count('class="picture"')
    assert f'data-step="voicemail" data-file="flows/reception.yaml" data-line="{line}"' in page
    assert "“I am putting you through.” connect 07700 900333 completed → end otherwise → voicemail" in words(page)
    assert f'href="/phone?file=flows%2Freception.yaml&amp;line={line}"' in page
    assert 'href="/phone?flow=reception"' in page
    assert " style=" not in page


async def test_owners_read_what_a_step_does_in_plain_words(client: httpx.AsyncClient) -> None:
    client.cookies.set("ncco-view-8001", "owner")
    page = words((await client.get("/flows/reception")).text)

    assert "“I am putting you through.” ring 07700 900333" in page
    assert "record what is said" in page
    assert "connect 07700" not in page


async def test_error_exits_are_shown_on_request(client: httpx.AsyncClient) -> None:
    assert "any error" not in (await client.get("/flows/reception")).text
    assert "any error" in (await client.get("/flows/reception?errors=true")).text


async def test_a_changed_flow_is_drawn_again(tmp_path: Path) -> None:
    async with await logged_in(make_console(write(tmp_path, main=main("Before.")))) as client:
        before = (await client.get("/flows/main")).text
        write(tmp_path, main=main("After all."))
        after = (await client.get("/flows/main")).text

    assert "Before." in before
    assert "After all." in after
    assert "Before." not in after


async def test_a_flow_with_errors_shows_the_place_and_the_fix(tmp_path: Path) -> None:
    answer = await read(write(tmp_path, main=main(target="helo")), "/flows/main")

    assert 200 == answer.status_code
    assert "main does not load" in words(answer.text)
    assert "flows/main.yaml line 8" in words(answer.text)
    assert "did you mean" in words(answer.text)


async def test_an_unknown_flow_is_not_found(tmp_path: Path) -> None:
    answer = await read(write(tmp_path, main=main()), "/flows/mian")

    assert 404 == answer.status_code
    assert "Did you mean main?" in words(answer.text)


MENU = """\
flow: main
numbers: ["442079460000"]
start: menu
steps:
  menu:
    do:
      - talk: "For sales, press 1."
    choices:
      sales: {dtmf: 1, goto: sales}
    retry: {nomatch: ["Press 1."], noinput: ["Press 1."], tries: 2, then: goodbye}
  sales:
    do:
      - connect: "447700900111"
    on: {completed: end, busy: LOST, otherwise: goodbye}
  goodbye:
    do:
      - talk: "Goodbye."
    goto: end
"""


async def test_a_refuted_flow_shows_the_call_that_refutes_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        main=MENU.replace("LOST", "end"),
        broken=main(target="helo").replace("main", "other").replace("60000", "60001"),
    )
    app = make_console(tmp_path)
    app.state.console.phone_calls.make_worker = OwnPlayer
    async with await logged_in(app) as client:
        page = (await client.post("/flows/main/proof")).text
        found = re.search(r'data-play="([^"]*)"', page)
        assert found, page
        wanted = json.loads(html.unescape(found[1]))
        steps = wanted.pop("steps")
        answer = await client.post("/phone/calls", json={"file": "flows/main.yaml", **wanted})
        call = re.search(r'data-call="([^"]*)"', answer.text)
        assert call, answer.text
        for step in steps:
            await client.post(f"/phone/calls/{call[1]}/advance", json={"at": None})
            await client.post(f"/phone/calls/{call[1]}/steps", json={"step": step})
        answer = await client.post(f"/phone/calls/{call[1]}/advance", json={"at": None})
    await app.state.console.prover.close()

    assert "main is refuted" in words(page)
    assert "dead_end, flows/main.yaml line 11" in words(page)
    assert (
        'For sales, press 1. 1 menu → sales: digits 1 are the key of choice "sales", flows/main.yaml line 9'
        in words(page)
    )
    assert "rings sales → busy: Vonage reported busy" in words(page)
    assert [{"press": "1"}, {"dial": {"outcome": "busy"}}] == steps
    assert 'data-over="true"' in answer.text


LOST_CALLER = """\
flow: main
numbers: ["442079460000", "442079460001"]
hours: {{shop: {{timezone: Europe/London, week: {{mon-fri: 09:00-17:00}}}}}}
start: who
steps:
  who: {{branch: [{{if: '{condition}', goto: lost}}, {{else: goodbye}}]}}
  lost:
    do: [connect: "447700900111"]
    on: {{completed: end, busy: end, otherwise: goodbye}}
  goodbye:
    do: [talk: "Goodbye."]
    goto: end
"""


async def proof_of(tmp_path: Path, text: str, flow: str = "main", **settings: Any) -> str:
    """The page of the proof of a flow, by default of this one."""
    app = make_console(write(tmp_path, main=text), **settings)
    app.state.console.prover = SameProcess()
    async with await logged_in(app) as client:
        return (await client.post(f"/flows/{flow}/proof")).text


async def played_of(tmp_path: Path, condition: str) -> dict[str, Any] | None:
    """The call that the phone plays, of a flow that loses the callers of a condition."""
    page = await proof_of(tmp_path, LOST_CALLER.format(condition=condition))
    assert "The shortest such call" in page
    found = re.search(r'data-play="([^"]*)"', page)
    return json.loads(html.unescape(found[1])) if found else None


async def test_the_phone_plays_the_call_of_the_proof(tmp_path: Path) -> None:
    call = 'call.from == "447700900777" and call.to == "442079460001"'
    played = await played_of(tmp_path, f"not hours.shop.open and {call}")

    assert played is not None
    assert ("442079460001", "447700900777", "") == (played["to"], played["caller"], played["flow"])
    made_at = datetime.fromisoformat(played["made_at"])
    assert timedelta(0) <= made_at - datetime.now(UTC) + timedelta(minutes=5) < timedelta(days=8)


async def test_the_phone_is_not_offered_for_a_call_that_it_cannot_make(tmp_path: Path) -> None:
    assert await played_of(tmp_path, 'call.from_user != ""') is None
    assert await played_of(tmp_path, 'call.direction == "outbound"') is None


async def test_a_proof_knows_what_the_platform_was_seen_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = MENU.replace("completed: end, busy: LOST", "completed: menu")
    (tmp_path / "platform.yaml").write_text("after_connect: ends\n", encoding="utf-8")

    assert "if Vonage ends the call when" in await proof_of(tmp_path, text)
    monkeypatch.setenv("NCCO_PLATFORM", str(tmp_path / "platform.yaml"))
    assert "as Vonage ends the call when" in await proof_of(tmp_path, text)
    (tmp_path / "platform.yaml").write_text("after_connect: end\n", encoding="utf-8")
    assert "cannot be used" in await proof_of(tmp_path, text)


async def test_calls_that_place_each_other_forever_refute_a_flow(tmp_path: Path) -> None:
    placing = """\
outbound: {from: "442079460000", on: {otherwise: {send: told}}}
hooks: {told: {place: {flow: main, to: "{{ call.to }}", after: 24h}}}
"""
    page = words(await proof_of(tmp_path, main().replace('numbers: ["442079460000"]\n', placing)))

    assert "main is refuted" in page
    assert "placed_forever, flows/main.yaml" in page


async def test_a_sound_flow_is_proved(tmp_path: Path) -> None:
    page = await proof_of(tmp_path, MENU.replace("LOST", "goodbye"))

    assert "main is proved" in words(page)
    assert "data-play" not in page


async def test_a_handler_has_no_picture_and_no_proof(tmp_path: Path) -> None:
    write(tmp_path, main=main())
    (tmp_path / "flows/pizza.py").write_text((REPOSITORY / "examples/bakery/flows/bakery.py").read_text())
    async with await logged_in(make_console(tmp_path, python_flows="pizza.py")) as client:
        page = await client.get("/flows/bakery")
        proof = await client.post("/flows/bakery/proof")

    assert "a handler in Python, which has no picture" in page.text
    assert "Prove" not in page.text
    assert 409 == proof.status_code


async def test_a_flow_that_does_not_load_is_not_proved(tmp_path: Path) -> None:
    async with await logged_in(make_console(write(tmp_path, main=main(target="helo")))) as client:
        assert 404 == (await client.post("/flows/main/proof")).status_code
        assert 403 == (await client.post("/flows/main/proof", headers={"X-CSRF-Token": ""})).status_code


async def test_a_downloaded_picture_is_complete_and_shows_numbers_as_people_write_them(
    client: httpx.AsyncClient,
) -> None:
    picture = await client.get("/flows/reception/picture.svg")

    assert "image/svg+xml" == picture.headers["content-type"]
    assert "call to 020 7946 0001" in picture.text
    assert ".picture .node" in picture.text
    assert 404 == (await client.get("/flows/nobody/picture.svg")).status_code


async def test_a_picture_shows_words_instead_of_the_path_of_a_flow(tmp_path: Path) -> None:
    linked = main().replace('numbers: ["442079460000"]', "entry: true")

    picture = await read(write(tmp_path, main=linked), "/flows/main/picture.svg")

    assert "call sent to this flow" in words(picture.text)
    assert "/webhooks/" not in picture.text
