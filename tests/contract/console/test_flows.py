"""The pages of flows over HTTP: the list, the picture with the details of steps, and flows that do not load."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx
import pytest

from tests.contract.console.conftest import REPOSITORY, browser, logged_in, make_console

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
HOSTILE = "<script>alert(1)</script> & </title></svg><img src=x onerror=alert(1)>"


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


async def test_the_list_says_where_calls_begin_and_what_loads(tmp_path: Path) -> None:
    write(
        tmp_path,
        main=main(),
        broken=main(target="helo").replace("flow: main", "flow: broken").replace("60000", "60009"),
    )

    page = (await read(tmp_path, "/flows")).text

    assert "broken does not load 1 error flows/broken.yaml" in words(page)
    assert "main call to 442079460000 1 loads flows/main.yaml" in words(page)
    assert "did you mean" in words(page)
    assert 'href="/phone?file=flows%2Fbroken.yaml&amp;line=8"' in page


async def test_without_flows_the_page_says_what_to_do_first(tmp_path: Path) -> None:
    page = (await read(write(tmp_path), "/flows")).text

    assert "No flow yet" in page
    assert 'href="/phone"' in page


async def test_a_flow_is_shown_as_a_picture_with_its_steps(client: httpx.AsyncClient) -> None:
    text = (REPOSITORY / "flows" / "reception.yaml").read_text(encoding="utf-8")
    line = 1 + text.splitlines().index("  voicemail:")
    page = (await client.get("/flows/reception")).text

    assert 1 == page.count("<svg")
    assert f'data-step="voicemail" data-file="flows/reception.yaml" data-line="{line}"' in page
    assert "“I am putting you through.” connect 447700900333 completed → end otherwise → voicemail" in words(page)
    assert f'href="/phone?file=flows%2Freception.yaml&amp;line={line}"' in page
    assert 'href="/phone?flow=reception"' in page
    assert " style=" not in page


async def test_where_faults_lead_is_shown_when_asked_for(client: httpx.AsyncClient) -> None:
    assert "any error" not in (await client.get("/flows/reception")).text
    assert "any error" in (await client.get("/flows/reception?errors=true")).text


async def test_a_changed_flow_is_drawn_anew(tmp_path: Path) -> None:
    async with await logged_in(make_console(write(tmp_path, main=main("Before.")))) as client:
        before = (await client.get("/flows/main")).text
        write(tmp_path, main=main("After all."))
        after = (await client.get("/flows/main")).text

    assert "Before." in before
    assert "After all." in after
    assert "Before." not in after


async def test_a_flow_with_errors_shows_place_and_cure(tmp_path: Path) -> None:
    answer = await read(write(tmp_path, main=main(target="helo")), "/flows/main")

    assert 200 == answer.status_code
    assert "main does not load" in words(answer.text)
    assert "flows/main.yaml line 8" in words(answer.text)
    assert "did you mean" in words(answer.text)


async def test_an_unknown_flow_is_not_found(tmp_path: Path) -> None:
    answer = await read(write(tmp_path, main=main()), "/flows/mian")

    assert 404 == answer.status_code
    assert "Did you mean main?" in words(answer.text)


@pytest.mark.parametrize("path", ["/flows", "/flows/main"])
async def test_what_a_flow_says_is_never_markup(tmp_path: Path, path: str) -> None:
    write(tmp_path, main=main(HOSTILE, target="end\n  other:\n    goto: <b>x</b>"))
    loads = write(tmp_path, good=main(HOSTILE).replace("main", "good").replace("442079460000", "442079460009"))

    pages = [(await read(loads, each)).text for each in (path, "/flows/good")]

    assert not [page for page in pages if re.search(r"<script>|<img src=x|<b>", page)]
    assert "alert(1)" in pages[1]


@pytest.mark.parametrize("path", ["/flows", "/flows/reception"])
async def test_without_a_session_nothing_is_shown(path: str) -> None:
    async with browser(make_console()) as client:
        answer = await client.get(path)

    assert 401 == answer.status_code
    assert "447700900333" not in answer.text


async def test_who_may_only_look_sees_flows(look_only: httpx.AsyncClient) -> None:
    assert 200 == (await look_only.get("/flows/reception")).status_code
