"""Files meant to exhaust a reader: each is read or refused in time, and no file outside its folder is read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ncco_server.flow.loader import load, load_files
from ncco_server.flow.report import report
from ncco_server.ncco import check
from tests.support.cases import each_case
from tests.system.server.calls.asgi_call import Caller, serving

FLOW = """flow: a
default: true
start: s
defaults: {on: {error: sorry}}
steps:
  s: {do: [{talk: "TEXT"}], goto: end}
  sorry: {do: [{talk: "Sorry."}], goto: end}
"""
MANY = 20_000


def codes(text: str) -> set[str]:
    return {issue.code for issue in load({"flows/a.yaml": text}).issues}


@each_case(
    ("text", "code"),
    [
        ("[" * MANY, "E119"),
        ("{" * MANY, "E119"),
        ("- " * MANY, "E119"),
        ("? " * MANY, "E119"),
        ("".join("  " * level + f"a{level}:\n" for level in range(70)), "E119"),
        ("a: " + "x" * 600_000, "E119"),
        ("a: [" + "1," * 300_000 + "]", "E119"),
        ("a: &a [x]\nb: [*a, *a]", "E106"),
        ("\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'lol'}]" for n in range(9)), "E106"),
        ("a: &a [*a]", "E106"),
        ("base: &b {x: y}\nc: {<<: *b}", "E106"),
        ("a: !!python/object/apply:os.system [reboot]", "E106"),
        ("a: b\n" * 5_000, "E102"),
        ("---\n" * 5_000, "E101"),
    ],
    ids=range(14),
)
def test_yaml_that_would_exhaust_a_reader_is_refused(text: str, code: str) -> None:
    assert code in codes(text)


JUNK = {
    "line separators": "\u2028" * 100_000,
    "next lines": FLOW + "\x85" * 100_000,
    "NULs": FLOW + "\0" * 100_000,
    "byte order marks": "\ufeff" * 100_000,
    "carriage returns": "\r" * 400_000,
    "merges": "<<: {a: b}\n" * 5_000,
    "complex keys": "?\n" * 7_000,
    "comments in braces": FLOW + "{#" * 50_000,
    "braces in a list": "a: [" + "{{a}}, " * 20_000,
    "tags in a list": "a: [" + "!a b, " * 40_000,
    "blanks in a key": "x: !a\ny" + " " * 200_000 + "z\n[",
    "blanks in a type": FLOW + "vars: {v: 'a" + " " * 200_000 + "b'}\n",
    "an open quote": 'a: "' + "b c\n" * 50_000,
    "anchors": "a: &a b\n" * 15_000,
    "unknown steps": FLOW + "".join(f"  s{n}: {{goto: t{n}x}}\n" for n in range(1_000)),
    "unknown names": FLOW + "".join(f"  s{n}: {{lookup: l{n}x, goto: end}}\n" for n in range(1_500)),
    "unknown zones": FLOW + "hours:\n" + "".join(f"  h{n}: {{timezone: Europe/X{n}}}\n" for n in range(1_000)),
    "lists without brackets": FLOW + "vars: {" + ", ".join(f"k{n}: x, y{n}" for n in range(5_000)) + "}\n",
    "a long word": FLOW + "hours: {a: {timezone: Europe/Londn, week: {mon: '" + "x" * 200_000 + "'}}}\n",
    "long addresses": FLOW.replace("goto", f"send: {{to: '{'x' * 200_000}y'}}, goto"),
    "long names": FLOW.replace("s:", "a" * 50_000 + ":").replace("end", "a" * 49_999 + "b"),
}


@each_case("text", JUNK.values(), ids=JUNK)
def test_junk_is_read_in_linear_time(text: str) -> None:
    begun = time.process_time()
    read = load({"flows/a.yaml": text}, extent="project")
    report(read.issues, read.texts)

    assert read.has_errors
    assert 8 > time.process_time() - begun


@each_case("time_of_break", ["1" + " " * 100_000 + "!", "1" * 100_000 + "!", " " * 100_000 + "1"])
def test_ssml_is_checked_in_linear_time(time_of_break: str) -> None:
    begun = time.process_time()
    issues = check([{"action": "talk", "text": f"<speak>a<break time='{time_of_break}'/></speak>"}])

    assert time_of_break.endswith("!") != bool(issues)
    assert 8 > time.process_time() - begun


@each_case(
    "body",
    [
        '    await call.talk("Hello.")\n' * 3000,
        "    names = [" + ", ".join(f"name{number}" for number in range(10_000)) + "]\n",
        "    await call.notify({" + ", ".join(f"'key{number}': 1" for number in range(10_000)) + "}, url='x')\n",
    ],
)
def test_a_long_handler_is_read_in_linear_time(body: str) -> None:
    head = "from ncco_server import Call, call_flow\n@call_flow(default=True)\nasync def shop(call: Call):\n"
    begun = time.process_time()
    load({"flows/shop.py": head + body}, {}, extent="project", handlers=["shop.py"])
    assert 20 > time.process_time() - begun


@each_case(
    "text",
    [
        "{% if call.from %}a{% endif %}" * 500,
        "{% if call.from %}" * 500,
        "{% set a = 1 %}" * 500,
        "{# x #}" * 2_000,
        "{{ call.from }}" * 500,
        "{{ " + "(" * 5_000 + " }}",
        "{{ " + "not " * 5_000 + "call.from }}",
        "{{ 1" + " + 1" * 5_000 + " }}",
        "{{ call.from" + " | upper" * 5_000 + " }}",
        "{% for a in [1] %}" * 50 + "{% endfor %}" * 50,
        "{{ 'a' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(999999999) }}",
        "{% include 'a.j2' %}" * 200,
    ],
    ids=range(14),
)
def test_templates_that_would_exhaust_a_reader_are_read_or_refused_in_time(text: str) -> None:
    read = load({"flows/a.yaml": FLOW.replace("TEXT", text), "templates/a.j2": "x" * 100})

    assert read.has_errors or read.flows


def test_a_template_that_includes_itself_is_refused() -> None:
    read = load({"flows/a.yaml": FLOW.replace('"TEXT"', "{template: a.j2}"), "templates/a.j2": "{% include 'a.j2' %}"})

    assert read.has_errors


async def test_a_result_that_grows_with_input_of_a_caller_is_limited(tmp_path: Path) -> None:
    text = "{% for a in call.custom_data.l %}{% for b in call.custom_data.l %}{{ b }}{% endfor %}{% endfor %}"
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW.replace("TEXT", text))
    async with serving(tmp_path / "flows") as host:
        caller = Caller(host)
        await caller.ring(custom_data={"l": ["x" * 1_000] * 1_000})

    assert ["Sorry."] == caller.said


OUTSIDE = [
    "../secret.j2",
    "../../secret.j2",
    "/etc/passwd",
    "a/../../secret.j2",
    "..\\secret.j2",
    "secret.j2\0",
    "~/.ssh/id",
]


@pytest.mark.parametrize("name", [*OUTSIDE, "file:///etc/passwd", "linked.j2", "folder/secret.j2", "C:/secret.j2"])
@pytest.mark.parametrize("written", ["{template: NAME}", "\"{% include 'NAME' %}\""])
def test_no_template_name_leads_out_of_its_folder(tmp_path: Path, name: str, written: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "outside").mkdir()
    for folder in (tmp_path, tmp_path / "outside"):
        (folder / "secret.j2").write_text("the secret")
    (tmp_path / "templates" / "linked.j2").symlink_to(tmp_path / "secret.j2")
    (tmp_path / "templates" / "folder").symlink_to(tmp_path / "outside")
    text = FLOW.replace('"TEXT"', written.replace("NAME", name))
    (tmp_path / "flows" / "a.yaml").write_bytes(text.encode())
    read = load_files(tmp_path / "flows", tmp_path / "templates")

    assert read.has_errors
    assert "the secret" not in repr(read)


def test_a_flow_that_is_a_symlink_to_another_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "elsewhere.yaml").write_text(FLOW.replace("TEXT", "the secret"))
    (tmp_path / "flows" / "a.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    os.mkfifo(tmp_path / "flows" / "b.yaml")
    read = load_files(tmp_path / "flows", tmp_path / "templates")

    assert {} == read.flows
    assert ["E122", "E122"] == [issue.code for issue in read.issues]


@each_case("name", ["..", "../a", "%2e%2e%2fa", "a%00", "a.yaml", "/etc/passwd", "shared"])
async def test_no_flow_name_in_a_url_opens_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW.replace("TEXT", "Hello."))
    async with serving(tmp_path / "flows") as host:
        reply = await host.client.post(f"/webhooks/answer/{name}", json={"uuid": "leg", "to": "1"})

    assert b"Hello." not in reply.content
    assert reply.status_code in (200, 404)
