"""Calls that templates answer by themselves: `{# line #}` in their first line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.support import loopback
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.fork_server import run_in_shell
from tests.support.server import Server, running
from tests.support.tracked import text_of

HELLO = """\
{# line: 442079460001 #}
[
  {"action": "talk", "text": "Hello {{ params.name | default("stranger") }} from {{ call.from }}.", "bargeIn": true},
  {"action": "input", "type": ["dtmf", "speech"], "dtmf": {"maxDigits": 1},
   "eventUrl": ["choice?name={{ params.name | default("you") | urlencode }}"]}
]
"""
CHOICE = """\
[
  {% if input.digits == "1" or input.speech == "sales" %}
  {"action": "talk", "text": "Putting you through, {{ params.name }}."},
  {"action": "connect", "timeout": 20, "eventType": "synchronous", "eventUrl": ["busy?name={{ params.name }}"],
   "endpoint": [{"type": "phone", "number": "447700900111"}]}
  {% elif input.digits %}
  {"action": "talk", "text": "{{ input.digits }} is no choice, {{ params.name }}."}
  {% else %}
  {"action": "notify", "payload": {"heard": "nothing"}, "eventUrl": ["hello?name=silent"]}
  {% endif %}
]
"""
BUSY = '[{"action": "talk", "text": "It is {{ event.status }}, {{ params.name }}{{ input.digits }}."}]'
FILES = {
    "templates/hello.json.j2": HELLO,
    "templates/choice.json.j2": CHOICE,
    "templates/busy.json.j2": BUSY,
    "templates/only.json.j2": '{# line #}\n[{"action": "talk", "text": "Hello {{ params.name }}."}]',
    "templates/dialled.json.j2": (
        '{# line #}\n[{"action": "connect", "from": "442079460000",'
        ' "endpoint": [{"type": "phone", "number": "{{ params.number }}"}]}]'
    ),
    "templates/fetched.json.j2": (
        '{# line #}\n[{"action": "stream",'
        ' "streamUrl": ["https://media.example.com/{{ params.file }}?a={{ params.a | urlencode }}"]}]'
    ),
    "templates/ssml.json.j2": '{# line #}\n[{"action": "talk", "text": "<speak>Hello {{ params.name }}</speak>"}]',
    "flows/inner.yaml": "flow: inner\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n",
    "flows/outer.yaml": "flow: outer\nentry: true\nstart: a\nsteps: {a: {do: [{talk: Hi.}], goto: {run: inner}}}\n",
}
NAMES = {
    "quotes": 'Ann "the boss"',
    "a backslash": "C:\\n\\",
    "newlines": "Ann\nBob\r\n",
    "an end of the string": '"}, {"action": "connect"',
    "braces": "{{ call.to }}{% raw %}",
    "separators": "a&name=b#c=d+e?f/../g",
    "another script": "Zoë 例え 😀",
}
HEARD = {
    "a key": ("1", "", "Putting you through, Ann & Bob."),
    "another key": ("7", "", "7 is no choice, Ann & Bob."),
    "words": ("", "sales", "Putting you through, Ann & Bob."),
}
UNPLAYABLE: dict[str, tuple[str, dict[str, str], str]] = {
    "a missing parameter": ("/only", {}, "templates/only.json.j2:2:39: this call has no params.name"),
    "a number of the request": ("/dialled", {"number": "447700900123"}, "has none of the prefixes in NCCO_DIAL_ALLOW"),
    "an invalid NCCO": ("/only", {"name": "x" * 10_000}, "could not be played"),
    "an unknown template": ("/nobody", {}, 'no call can start in "nobody": there is no such flow'),
    "a flow without entry": ("/inner", {}, "it has none of `numbers`, `default: true` and `entry: true`"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server"), FILES, {"NCCO_DEFAULT": "only"}, "--dev") as started:
        started.wait_until_ready()
        yield started


_calls = iter(range(1000))


def answered(
    server: Server, path: str = "/hello", method: str = "POST", to: str = "442079460000", **query: str
) -> httpx.Response:
    number = next(_calls)
    call = {"to": to, "from": "447700900123", "uuid": f"leg-{number}", "conversation_uuid": f"CON-{number}"}
    url = f"{server.url}/webhooks/answer{path}"
    if method == "GET":
        return loopback.get(url, params=call | query)
    return loopback.post(url, params=query, json=call)


def url_in(reply: httpx.Response, action: str) -> str:
    """Where the webhook of an action arrives, on the server that the reply came from."""
    url = next(each["eventUrl"][0] for each in reply.json() if each["action"] == action)
    return str(reply.request.url.copy_with(path=urlsplit(url).path, query=None))


def pressed(reply: httpx.Response, digits: str = "", speech: str = "") -> httpx.Response:
    heard: dict[str, Any] = {"dtmf": {"digits": digits, "timed_out": not digits}}
    if speech:
        heard["speech"] = {"results": [{"text": speech, "confidence": "0.9"}]}
    return loopback.post(url_in(reply, "input"), json=heard)


def said(reply: httpx.Response) -> str:
    return " ".join(each["text"] for each in reply.json() if each["action"] == "talk")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_template_answers_with_the_parameters_of_the_request(server: Server, method: str) -> None:
    reply = answered(server, method=method, name="Ann")

    assert said(reply).startswith("Hello Ann from 447700900123.")
    assert said(answered(server, method=method)).startswith("Hello stranger")


def test_a_number_and_the_default_lead_to_templates(server: Server) -> None:
    assert said(answered(server, "", to="442079460001")).startswith("Hello stranger")
    assert "Hello Bob." == said(answered(server, "", to="442079460777", name="Bob"))


@each_case(("digits", "speech", "heard"), HEARD.values(), ids=HEARD)
def test_the_second_template_replies_to_an_input(server: Server, digits: str, speech: str, heard: str) -> None:
    reply = answered(server, name="Ann & Bob")

    assert "Ann" not in url_in(reply, "input")  # kept with the call
    assert heard == said(pressed(reply, digits, speech))


def test_a_template_replies_to_a_notify_and_to_silence(server: Server) -> None:
    reply = pressed(answered(server))

    assert said(loopback.post(url_in(reply, "notify"), json={"payload": {}})).startswith("Hello silent")


def test_a_template_replies_to_the_end_of_a_synchronous_connect(server: Server) -> None:
    reply = pressed(answered(server, name="a&b=c"), "1")
    url = url_in(reply, "connect")

    assert "442079460000" == reply.json()[1]["from"]  # the number that was called
    for status in ("started", "ringing", "answered"):
        assert b"" == loopback.post(url, json={"status": status, "uuid": "leg-b"}).content
    assert "It is busy, a&b=c." == said(loopback.post(url, json={"status": "busy", "uuid": "leg-b"}))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_parameter_stays_a_text(server: Server, name: str) -> None:
    first = answered(server, name=name)
    second = pressed(first, "9")

    assert ["talk", "input", "talk"] == [each["action"] for each in first.json()]
    assert [f"9 is no choice, {name}."] == [each["text"] for each in second.json()]


def test_tags_are_not_ssml(server: Server) -> None:
    tag = "<break time='9s'/></speak>"

    assert "<" not in said(answered(server, name=tag))
    assert "<speak>Hello &lt;break time=&apos;9s&apos;/&gt;&lt;/speak&gt;</speak>" == said(
        answered(server, "/ssml", name=tag)
    )


def test_a_parameter_in_a_url_is_encoded_once(server: Server) -> None:
    reply = answered(server, "/fetched", file="a/b?c", a="d/e&f=ä")

    assert [f"https://media.example.com/{quote('a/b?c', safe='')}?a={quote('d/e&f=ä', safe='')}"] == reply.json()[0][
        "streamUrl"
    ]


@each_case(("path", "query", "reason"), UNPLAYABLE.values(), ids=UNPLAYABLE)
def test_a_call_that_cannot_be_played_gets_the_failsafe_and_a_reason(
    server: Server, path: str, query: dict[str, str], reason: str
) -> None:
    reply = answered(server, path, **query)

    assert "Please call again later." == said(reply)
    assert reason in reply.headers["ncco-problem"]
    uuid = json.loads(reply.request.content)["uuid"]
    line = json.loads(server.wait_for(rf'{{[^\n]*"uuid":"{uuid}"[^\n]*'))
    assert reason in line["problem"]


def test_a_broken_template_is_named_to_its_callers(tmp_path: Path) -> None:
    files = {"templates/only.json.j2": FILES["templates/only.json.j2"]}
    with running(tmp_path, files, {"NCCO_RELOAD": "1"}, "--dev") as server:
        server.wait_until_ready()
        (tmp_path / "templates/hello.json.j2").write_text("{# line #}\n[{{ nobody }}]")
        server.wait_for("flows refused")
        reply = answered(server)

    assert "Please call again later." == said(reply)
    assert 'templates/hello.json.j2:2:5: unknown name "nobody"' in reply.headers["ncco-problem"]


@pytest.mark.parametrize("changed", [CHOICE, '[{"action": "talk", "text": "Changed."}]'], ids=["unchanged", "changed"])
def test_a_call_goes_on_after_a_restart_with_the_template_that_it_began_with(tmp_path: Path, changed: str) -> None:
    with running(tmp_path, FILES, {}, "--dev") as server:
        server.wait_until_ready()
        reply = answered(server, name="Ann")
        server.stop()
        (tmp_path / "templates/choice.json.j2").write_text(changed)
        server.start()
        server.wait_until_ready()

        assert "9 is no choice, Ann." == said(pressed(reply, "9"))
        assert ("9 is no choice, you." if changed == CHOICE else "Changed.") == said(pressed(answered(server), "9"))


def test_a_repeated_key_and_a_replay_get_the_same_reply(tmp_path: Path) -> None:
    with running(tmp_path, FILES, {}, "--dev") as server:
        server.wait_until_ready()
        first = answered(server, name="Ann")
        reply = pressed(first, "1")
        assert reply.content == pressed(first, "1").content
        server.stop()
    uuid = json.loads(first.request.content)["uuid"]
    replayed = ncco("replay", uuid, cwd=tmp_path, env=server.settings)

    assert ["turn 1: the same bytes", "turn 2: the same bytes"] == replayed.output.splitlines()


def test_the_released_templates_answer_while_those_on_disk_have_an_error(tmp_path: Path) -> None:
    with running(tmp_path, FILES, {"NCCO_DEFAULT": "only"}) as server:
        server.wait_until_ready()
        server.stop()
        (tmp_path / "templates/only.json.j2").write_text("{# line #}\n[{{ nobody }}]")
        server.start()
        server.wait_until_ready()

        assert "Hello Ann." == said(answered(server, "", to="442079460777", name="Ann"))


def test_the_template_of_the_readme_answers_its_curl(tmp_path: Path) -> None:
    section = text_of("README.md").partition("\n## One template\n")[2].partition("\n## ")[0]
    template, curl, shown = re.findall(r"^```[^\n]*\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    with running(tmp_path, {"templates/hello.json.j2": template}, {}, "--dev") as server:
        server.wait_until_ready()
        printed = run_in_shell(curl.replace("127.0.0.1:8000", server.address), cwd=tmp_path, env={}).stdout
        unassigned = answered(server, "")

    assert json.loads(shown) == json.loads(printed)
    assert "NCCO_DEFAULT" in unassigned.headers["ncco-problem"]
