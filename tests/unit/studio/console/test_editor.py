"""The requests of an editor over HTTP while somebody types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.unit.studio.console.conftest import logged_in, make_console

FLOW = """\
flow: main
default: true
start: hello
steps:
  hello:
    do:
      - talk: "Hello."
    goto: bye
  bye:
    do:
      - talk: "Goodbye."
    goto: end
"""
PROJECT = {"flows/main.yaml": FLOW}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A viewer of a small project. All tests share the subprocess, which takes a second to start."""
    root = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    console = make_console(root, python_lookups="canary")
    async with console.router.lifespan_context(console), await logged_in(console, may_change=False) as client:
        yield client


async def issues_of(editor: httpx.AsyncClient, file: str, text: str) -> list[dict[str, Any]]:
    reply = await editor.post("/editor/check", json={"file": file, "text": text})
    assert 200 == reply.status_code, reply.text
    issues: list[dict[str, Any]] = reply.json()["issues"]
    return issues


async def test_an_issue_of_unsaved_text_comes_with_its_place_and_cure(editor: httpx.AsyncClient) -> None:
    assert [] == await issues_of(editor, "flows/main.yaml", FLOW)

    (issue,) = await issues_of(editor, "flows/main.yaml", FLOW.replace("goto: bye", "goto: by"))

    assert {
        "file": "flows/main.yaml",
        "line": 8,
        "column": 11,
        "length": 2,
        "severity": "error",
        "code": "E214",
        "message": 'unknown step "by"',
        "cure": 'did you mean "bye"?',
    } == issue


async def test_columns_count_utf16_units(editor: httpx.AsyncClient) -> None:
    text = FLOW.replace('"Hello."', '"\U0001f600\U0001f600 {{ inptu.digits }}"')

    (issue,) = await issues_of(editor, "flows/main.yaml", text)

    line = text.split("\n")[issue["line"] - 1].encode("utf-16-le")
    assert "inptu" == line[2 * (issue["column"] - 1) :][: 2 * issue["length"]].decode("utf-16-le")


async def test_a_pasted_flow_is_checked_with_the_parts_of_the_project(editor: httpx.AsyncClient) -> None:
    assert [] == await issues_of(editor, "pasted.yaml", FLOW)

    (issue,) = await issues_of(editor, "pasted.yaml", FLOW.replace("goto: bye", "goto: by"))

    assert ("pasted.yaml", "E214") == (issue["file"], issue["code"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[\n  {"action": "tlk", "text": "Hi"}\n]', "2:14+5 N104"),
        ('[{"action": "talk", "text": "\U0001f600", "lop": 2}]', "1:35+5 N105"),
        ('[{"action": "talk", "text": "Hi"}', "1:34+1 J100"),
    ],
)
async def test_a_pasted_ncco_is_checked_by_the_rules_of_the_platform(
    editor: httpx.AsyncClient, text: str, expected: str
) -> None:
    (issue,) = await issues_of(editor, "pasted.json", text)

    assert expected == "{line}:{column}+{length} {code}".format_map(issue)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- action: tlk\n  text: Hi\n", "1:11+3 N104"),
        ("- {action: talk, text: Hi}\n- action: record\n  fromat: mp3\n", "3:3+6 N105"),
        (
            "- {action: connect, endpoint: [{type: phone, number: '+447700900123'}], from: '447700900000'}",
            "1:54+15 N954",
        ),
        ("- action: talk\n  text: [\n", "2:9+1 E114"),
    ],
)
async def test_an_ncco_may_be_pasted_as_yaml(editor: httpx.AsyncClient, text: str, expected: str) -> None:
    found = [
        "{line}:{column}+{length} {code}".format_map(issue) for issue in await issues_of(editor, "pasted.yaml", text)
    ]

    assert expected in found


HOSTILE = [
    "x" * (1 << 20),
    "\n" * (1 << 20),
    "- " * 400_000,
    "[" * 100_000,
    "{a: " * 50_000,
    "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n",
    "!!python/object/apply:os.system ['true']",
    "? " * 100_000,
    "flow: \x00\ud7ff\ufeff\u2028",
    'talk: "{{ ' + "(" * 10_000 + ' }}"',
    "steps: {" + "a: {do: [], goto: a}, " * 200 + "}",
    "'" * 300_000,
    "# " * 300_000,
]


async def test_a_hostile_text_gets_issues_or_a_clear_refusal(editor: httpx.AsyncClient) -> None:
    for text in HOSTILE:
        for file in ("flows/main.yaml", "pasted.yaml", "pasted.json"):
            reply = await editor.post("/editor/check", json={"file": file, "text": text})

            found = reply.json()
            is_clear = found["issues"] if reply.status_code == 200 else reply.status_code == 422 and found["detail"]
            assert is_clear, (file, text[:20], reply.status_code)


async def test_an_invalid_body_or_file_name_is_refused(editor: httpx.AsyncClient) -> None:
    asked = [
        (413, {"file": "pasted.json", "text": "x" * (1 << 23)}),
        (422, {"file": "pasted.json", "text": "x" * ((1 << 20) + 1)}),
        (422, {"file": "../secrets.yaml", "text": ""}),
        (422, {"file": "pasted.json", "text": "", "function": "os:abort"}),
        (422, {"text": ""}),
    ]
    for status, body in asked:
        assert status == (await editor.post("/editor/check", json=body)).status_code
    assert 422 == (await editor.post("/editor/check", content=b"\xff")).status_code


async def test_checking_unsaved_text_runs_no_function_and_sends_nothing(
    editor: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Importing the module of the function would write a file."""
    (tmp_path / "canary.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    lookups = 'lookups:\n  name:\n    python: "canary:name"\n    returns: {name: text}\nsteps:\n'
    text = FLOW.replace("steps:\n", lookups).replace("do:", "lookup: name\n    do:", 1)
    text = text.replace('"Hello."', '"Hello {{ name.name }}."')
    issues = await issues_of(editor, "flows/main.yaml", text)

    assert [] == [issue for issue in issues if issue["severity"] == "error"]
    (issue,) = await issues_of(editor, "flows/main.yaml", text.replace("canary:", "os:"))
    assert "E542" == issue["code"]
    assert not (tmp_path / "ran").exists()
