"""The pages of flows over HTTP: the list, the picture with the details of steps, and flows that do not load."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import httpx

from ncco_studio.console.app import create_console
from tests.unit.studio.console.conftest import REPOSITORY, logged_in, make_console, settings_for

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
PROGRAM = """\
from ncco_server import Call, call_flow

@call_flow(default=True)
async def shop(call: Call) -> None:
    await call.talk("Hello.")
"""


def write(folder: Path, **flows: str) -> Path:
    (folder / "flows").mkdir(exist_ok=True)
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def main(text: str = "Hello.", target: str = "end") -> str:
    return MAIN.format(text=text, target=target)


async def read(folder: Path, path: str, **settings: Any) -> httpx.Response:
    async with await logged_in(make_console(folder, **settings)) as client:
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


async def test_a_template_or_a_program_needs_no_flow_file(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/hello.json.j2").write_text('{# line #}\n[{"action": "talk", "text": "Hello."}]')
    page = words((await read(tmp_path, "/flows", default="hello")).text)
    assert "hello call to any number, /webhooks/answer/hello 0 calls" in page
    (tmp_path / "templates/hello.json.j2").unlink()
    program = tmp_path / "main.py"
    program.write_text(PROGRAM)
    settings = settings_for(tmp_path).model_copy(update={"python_flows": (str(program),)})
    async with await logged_in(create_console(settings, dev=True)) as client:
        page = words((await client.get("/flows")).text)
    assert "shop call to any number 0 calls in 7 days loaded 0 steps, main.py" in page
    assert "error" not in page


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


async def test_a_handler_has_no_picture(tmp_path: Path) -> None:
    write(tmp_path, main=main())
    (tmp_path / "flows/pizza.py").write_text((REPOSITORY / "examples/bakery/flows/bakery.py").read_text())
    async with await logged_in(make_console(tmp_path, python_flows="pizza.py")) as client:
        page = await client.get("/flows/bakery")

    assert "a handler in Python, which has no picture" in page.text


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

    assert "call sent here" in words(picture.text)
    assert "/webhooks/" not in picture.text
