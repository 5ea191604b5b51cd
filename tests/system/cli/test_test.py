"""`ncco test`: what it plays, what it prints, and its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import ncco
from tests.support.server import standing_in
from tests.system.cli.projects import SHOP, project, write_project


def test_the_place_of_the_first_scenario_is_shown_for_the_project(tmp_path: Path) -> None:
    write_project(tmp_path / "shop", shop=SHOP)
    (tmp_path / "shop/tests/scenarios").mkdir(parents=True)
    done = [ncco("test", path, cwd=tmp_path) for path in ("shop", "shop/tests", "shop/tests/scenarios")]

    assert [2, 2, 2] == [each.exit_code for each in done]
    assert [True] * 3 == ["tests/scenarios" in each.stderr.partition("fix: ")[2] for each in done]


LIVE = """\
flow: shop
numbers: ["442079460000"]
start: a
lookups: {customer: {get: "{{ env.CRM_URL }}/x", timeout: 3500ms, returns: {name: text}, default: {name: nobody}}}
hooks: {seen: {post: "{{ env.CRM_URL }}/seen"}}
steps:
  a: {lookup: customer, send: seen, do: [{talk: "Hello {{ customer.name }}."}], goto: end}
"""


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
    live = ncco("test", "--live", cwd=folder)
    assert 0 == live.exit_code, live.output


def test_live_asks_servers_sends_hooks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, "a:\n  script: [hear: Hello Ann]\n", LIVE)
    with standing_in() as crm:
        crm.answers = {"GET /x": {"name": "Ann"}}
        monkeypatch.setenv("FLOW_CRM_URL", crm.url)
        calm = ncco("test", cwd=folder)
        asked = [*crm.asked, *crm.hooks]
        live = ncco("test", "--live", cwd=folder)

    assert (1, []) == (calm.exit_code, asked)
    assert 0 == live.exit_code, live.output
    assert (["/x"], ["/seen"]) == ([each.path for each in crm.asked], [each.path for each in crm.hooks])
    assert "live: hooks are sent, and lookups that a scenario does not answer are made" in live.output


def test_the_line_shown_in_the_report_allows_a_refused_number(tmp_path: Path) -> None:
    flow = "flow: main\ndefault: true\nstart: hello\nsteps:\n  hello:\n"
    flow += '    do: [connect: "{{ env.AGENT }}"]\n    on: {completed: end, otherwise: end}\n'
    call = 'a:\n  script: [dial: "447700900200"]\n'
    (tmp_path / "scenarios").mkdir()
    (write_project(tmp_path, main=flow) / "scenarios/a.yaml").write_text(call)
    refused = ncco("test", cwd=tmp_path)
    cure = 'dial_allow: ["44"]'
    (tmp_path / "scenarios/a.yaml").write_text(f"{call}  {cure}\n")

    assert 1 == refused.exit_code
    assert f"list their first digits next to `script`, such as `{cure}`" in refused.output
    assert 0 == ncco("test", cwd=tmp_path).exit_code
