"""`ncco test`: what it plays, what it prints, and its exit code."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import ncco
from tests.system.cli.projects import SHOP, write_project


def test_the_place_of_the_first_scenario_is_shown_for_the_project(tmp_path: Path) -> None:
    write_project(tmp_path / "shop", shop=SHOP)
    (tmp_path / "shop/tests/scenarios").mkdir(parents=True)
    done = [ncco("test", path, cwd=tmp_path) for path in ("shop", "shop/tests", "shop/tests/scenarios")]

    assert [2, 2, 2] == [each.exit_code for each in done]
    assert [True] * 3 == ["tests/scenarios" in each.stderr.partition("fix: ")[2] for each in done]


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
