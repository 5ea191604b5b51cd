"""`ncco test`: what it plays, what it prints, and its exit code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.system.cli.played_projects import DIFFERS, HOLDS, invoke_in, project
from tests.system.cli.projects import SHOP, write_project


def test_passing_scenarios_end_with_0(tmp_path: Path) -> None:
    done = invoke_in(project(tmp_path), "test")

    assert 0 == done.exit_code, done.output
    assert "  shop   14.3 %     1 of 7" in done.output
    assert "  flows/shop.yaml:10  shop: menu: noinput, last try" in done.output
    assert "1 scenario played, all hold, 14.3 % of the outcomes taken (1 of 7), " in done.output


def test_a_difference_ends_with_1(tmp_path: Path) -> None:
    done = invoke_in(project(tmp_path, HOLDS + DIFFERS), "test")

    assert 1 == done.exit_code
    assert "✗ no sale  tests/scenarios/shop.yaml:3\n" in done.output
    assert "decided by flows/shop.yaml:9: " in done.output
    assert "2 scenarios played, 1 differ, " in done.output


def test_recorded_prompts_replace_open_expectations(tmp_path: Path) -> None:
    folder = project(tmp_path, "\ufeff# mine\na:\n  script:\n    - hear  # what?\n    - press: 1\n")
    file = folder / "tests" / "scenarios" / "shop.yaml"
    before = invoke_in(folder, "test")
    done = invoke_in(folder, "test", "--update")

    assert (1, 0) == (before.exit_code, done.exit_code)
    assert "`ncco test --update` fills it in" in before.output
    assert "written: tests/scenarios/shop.yaml" in done.output
    assert (
        '\ufeff# mine\na:\n  script:\n    - hear: "For sales, press 1."  # what?\n    - press: 1\n' == file.read_text()
    )
    assert "written" not in invoke_in(folder, "test", "--update").output


def test_the_graph_shows_the_coverage(tmp_path: Path) -> None:
    folder = project(tmp_path)
    done = [invoke_in(folder, "test", "--graph", name) for name in ("a.mmd", "a.dot", "a.png", "no/a.mmd")]

    assert [0, 0, 2, 2] == [each.exit_code for each in done]
    assert "sales<br/>1<br/>1 call" in (folder / "a.mmd").read_text()
    assert (folder / "a.dot").read_text().startswith("digraph")
    assert ("", "Error: a.png is not a valid file name for a drawing\n") == (
        done[2].stdout,
        done[2].stderr.splitlines(True)[0],
    )
    assert "1 scenario played, all hold" in done[3].stdout
    assert "no/a.mmd: No such file" in done[3].stderr


def test_the_place_of_the_first_scenario_is_shown_for_the_project(tmp_path: Path) -> None:
    write_project(tmp_path / "shop", shop=SHOP)
    (tmp_path / "shop/tests/scenarios").mkdir(parents=True)
    done = [invoke_in(tmp_path, "test", path) for path in ("shop", "shop/tests", "shop/tests/scenarios")]

    assert [2, 2, 2] == [each.exit_code for each in done]
    assert [True] * 3 == ["a project's scenarios are in tests/scenarios/" in each.stderr for each in done]


def test_several_projects_are_distinguished(tmp_path: Path) -> None:
    project(tmp_path / "a")
    project(tmp_path / "b")
    lines = invoke_in(tmp_path, "test", "a", "b").output.splitlines()

    assert ["a:", "b:"] == [line for line in lines if line in ("a:", "b:")]
    assert "2 scenarios played, all hold, " in lines[-1]


def test_flows_may_be_in_another_folder(tmp_path: Path) -> None:
    write_project(tmp_path / "x", shop=SHOP)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "shop.yaml").write_text(HOLDS)
    done = invoke_in(tmp_path, "test", "y", "--flows", "x/flows")

    assert 0 == done.exit_code, done.output


LIVE = """\
flow: shop
numbers: ["442079460000"]
start: a
lookups: {customer: {get: "{{ env.CRM_URL }}/x", timeout: 3500ms, returns: {name: text}, default: {name: nobody}}}
hooks: {seen: {post: "{{ env.CRM_URL }}/seen"}}
steps:
  a:
    lookup: customer
    send: seen
    do:
      - talk: "Hello {{ customer.name }}."
    goto: end
"""


class Crm(BaseHTTPRequestHandler):
    """A CRM that knows Ann and accepts hooks."""

    taken: list[str]

    def do_GET(self) -> None:
        self._answer(b'{"name": "Ann"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.taken.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def crm() -> Iterator[str]:
    """Run a CRM. Yields its URL."""
    Crm.taken = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Crm) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


SLOW = """\
flow: slow
default: true
start: a
lookups: {name: {python: "names:slowly", returns: {said: text}, timeout: 3500ms}}
steps:
  a: {lookup: name, do: [{talk: "Hello {{ name.said }}."}], choices: {next: {dtmf: 1, goto: b}}, retry: {then: b}}
  b: {lookup: name, do: [{talk: "Goodbye {{ name.said }}."}], goto: end}
"""


def test_a_live_turn_has_the_configured_time_for_its_lookups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, "a:\n  script: [hear: Hello Ann, press: 1, hear: Goodbye Ann]\n", SLOW)
    (folder / "names.py").write_text("import time\ndef slowly():\n    time.sleep(1.8)\n    return {'said': 'Ann'}\n")
    monkeypatch.setenv("NCCO_LOOKUP_BUDGET_MS", "3500")
    monkeypatch.setenv("NCCO_PYTHON_LOOKUPS", "names")
    live = invoke_in(folder, "test", "--live")
    assert 0 == live.exit_code, live.output


def test_a_passing_scenario_is_shown_line_by_line(tmp_path: Path) -> None:
    done = invoke_in(project(tmp_path, HOLDS + DIFFERS), "test", "-k", "a sale", "--show")

    assert "✓ a sale  tests/scenarios/shop.yaml:1\n        0.0 s  hears " in done.output
    assert "presses   1" in done.output
    assert "✗ no sale" in done.output


def test_live_asks_servers_sends_hooks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, "a:\n  script: [hear: Hello Ann]\n", LIVE)
    with crm() as address:
        monkeypatch.setenv("FLOW_CRM_URL", address)
        calm = invoke_in(folder, "test")
        asked = list(Crm.taken)
        live = invoke_in(folder, "test", "--live")

    assert (1, []) == (calm.exit_code, asked)
    assert 0 == live.exit_code, live.output
    assert ["GET /x", "POST /seen"] == Crm.taken
    assert "live: hooks are sent, and lookups that a scenario does not answer are made" in live.output


def test_the_line_shown_in_the_report_allows_a_refused_number(tmp_path: Path) -> None:
    flow = "flow: main\ndefault: true\nstart: hello\nsteps:\n  hello:\n"
    flow += '    do: [connect: "{{ env.AGENT }}"]\n    on: {completed: end, otherwise: end}\n'
    call = 'a:\n  script: [dial: "447700900200"]\n'
    (tmp_path / "scenarios").mkdir()
    (write_project(tmp_path, main=flow) / "scenarios/a.yaml").write_text(call)
    refused = invoke_in(tmp_path, "test")
    cure = 'dial_allow: ["44"]'
    (tmp_path / "scenarios/a.yaml").write_text(f"{call}  {cure}\n")

    assert 1 == refused.exit_code
    assert f"list their first digits next to `script`, such as `{cure}`" in refused.output
    assert 0 == invoke_in(tmp_path, "test").exit_code
