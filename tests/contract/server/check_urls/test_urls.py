"""Which URLs `ncco check` refuses because a value of the call, or a text that joins values, decides their host (E332).

`faulty.yaml` and `sound.yaml` hold small projects. `flow` is the end of a flow file behind HEAD, in which each of the
`cases`, if there are some, becomes ACTION; `files` are further files by path. «» marks each text that E332 reports,
with its exact line, column and length.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

HEAD = "flow: main\ndefault: true\nstart: hello\n"
SETTINGS = {
    "FLOW_CRM_URL": "https://crm.example.com",
    "FLOW_CRM_HOST": "crm.example.com",
    "FLOW_PORT": "8443",
    "FLOW_SCHEME": "https",
    "FLOW_PART": "https:/",
}
_FOLDER = Path(__file__).parent


def _cases(file: str) -> list[Any]:
    found = yaml.load((_FOLDER / file).read_text(), yaml.CSafeLoader)
    return [
        pytest.param(case | {"flow": case["flow"].replace("ACTION", action)} if action else case, id=name)
        for case in found
        for name, action in case.get("cases", {case.get("name"): ""}).items()
    ]


def _marked(path: str, text: str) -> list[tuple[str, int, int, int]]:
    """The places between «» in a text: file, line, column and length."""
    places = []
    for number, line in enumerate(text.splitlines(), 1):
        for before, match in enumerate(re.finditer("«(.*?)»", line)):
            places.append((path, number, match.start() + 1 - 2 * before, len(match[1])))
    return places


def _check(case: dict[str, Any], home: Path) -> tuple[list[tuple[str, int, int, int]], list[dict[str, Any]]]:
    """The marked places in a project, and the errors that `ncco check` reports for it."""
    files = {"flows/main.yaml": HEAD + case["flow"], **case.get("files", {})}
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text.replace("«", "").replace("»", ""))
    issues = json_of(ncco("check", "--format", "json", cwd=home, env=SETTINGS))["issues"]
    places = [place for path, text in files.items() for place in _marked(path, text)]
    return sorted(places), [issue for issue in issues if issue["severity"] == "error"]


@each_case("case", partial(_cases, "faulty.yaml"))
def test_url_whose_host_a_caller_decides_is_an_error(case: dict[str, Any], tmp_path: Path) -> None:
    places, errors = _check(case, tmp_path)
    assert places
    assert [(*place, "E332") for place in places] == sorted(
        (issue["file"], issue["line"], issue["column"], issue["length"], issue["code"]) for issue in errors
    )


@each_case("case", partial(_cases, "sound.yaml"))
def test_url_whose_host_no_caller_decides_is_accepted(case: dict[str, Any], tmp_path: Path) -> None:
    _, errors = _check(case, tmp_path)
    assert [] == [(issue["code"], issue["line"], issue["message"]) for issue in errors]


@each_case("case", partial(_cases, "hosts.yaml"))
def test_hosts_of_an_answer_are_checked_when_a_flow_loads(case: dict[str, Any], tmp_path: Path) -> None:
    flow = _LOOKUP.format(returns=case["returns"], default=case.get("default", "{}"))
    _, errors = _check({"flow": flow}, tmp_path)
    assert case["errors"] == [f"{issue['line']}:{issue['column']} {issue['code']}" for issue in errors]


@each_case("case", partial(_cases, "calls.yaml"))
def test_a_call_plays_only_urls_of_allowed_hosts(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/main.yaml").write_text(HEAD + case["flow"])
    (tmp_path / "scenario.yaml").write_text(json.dumps({"a call": case["call"]}))
    result = ncco("test", "scenario.yaml", cwd=tmp_path, env=SETTINGS)
    assert 0 == result.exit_code, result.output


_LOOKUP = """\
lookups:
  media:
    get: "https://crm.example.com/{{{{ call.from }}}}"
    returns: {returns}
    default: {default}
steps:
  hello:
    lookup: media
    do:
      - stream: "{{{{ media.audio }}}}"
    goto: end
"""
