"""Files and projects that are too large, and files with too many issues."""

from __future__ import annotations

from pathlib import Path

import pytest

from ncco_server.flow.files import MAX_FILE_BYTES, MAX_FILES, read_project
from ncco_server.flow.issues import MOST_REPORTED
from ncco_server.flow.loader import load
from ncco_server.flow.source import MAX_CHARACTERS, MAX_VALUES, read_yaml
from tests.support.cases import each_case

FLOW = """\
flow: NAME
entry: true
start: hello
steps:
  hello:
    do: [{talk: "Hello."}]
    goto: end
"""


def flow(name: str) -> str:
    return FLOW.replace("NAME", name)


def flows(count: int) -> dict[str, str]:
    return {f"flows/f{number:03}.yaml": flow(f"f{number:03}") for number in range(count)}


@each_case("part", ["!t 1, ", "&a 1, ", "*a , "])
def test_reading_stops_after_a_hundred_yaml_features_that_flows_do_not_have(part: str) -> None:
    text = f"flow: a\nnumbers: [&a 1, {part * 1_000}]\n"

    issues = load({"flows/a.yaml": text}, extent="project").issues

    assert MOST_REPORTED == len(issues)
    assert issues[-1].message.endswith("the file has more issues, but only 100 are reported")
    assert MOST_REPORTED + 1 == len(read_yaml("a.yaml", text)[1])


def test_errors_are_reported_before_the_warnings_of_a_file_with_many_issues() -> None:
    steps = "".join(f"  s{number}: {{do: [{{talk: Hi}}], goto: end}}\n" for number in range(200))
    unreached = f"{flow('a')}{steps}"
    text = f"{unreached}events: {{ended: nowhere}}\n"

    assert MOST_REPORTED == len(load({"flows/a.yaml": unreached}, extent="project").issues)
    assert any(issue.is_error for issue in load({"flows/a.yaml": text}, extent="project").issues)


@each_case(
    ("texts", "limit"),
    [
        pytest.param(flows(MAX_FILES + 1), "500 files", id="files"),
        pytest.param(
            {f"flows/{name}.yaml": f"{flow(name)}#{'x' * (MAX_CHARACTERS - 1_000)}\n" for name in "abc"},
            "1,048,576 characters",
            id="characters",
        ),
        pytest.param(
            {f"flows/{name}.yaml": f"{flow(name)}x: [{'1,' * (MAX_VALUES // 2)}]\n" for name in "ab"},
            "100,000 keys and values",
            id="values",
        ),
    ],
)
def test_the_limits_of_a_project_are_named_at_the_first_file_that_exceeds_them(
    texts: dict[str, str], limit: str
) -> None:
    found = load(texts, extent="project")

    assert [("E119", max(texts))] == [(issue.code, issue.place.file) for issue in found.issues]
    assert f"the project has more than {limit}" in found.issues[0].message
    assert not found.flows


def test_splitting_is_not_suggested_for_a_file_over_the_project_limit() -> None:
    text = f"{flow('a')}x: [{'1,' * MAX_VALUES}]\n"

    assert ["shorten it: a project may not have more"] == [
        issue.cure for issue in load({"flows/a.yaml": text}, extent="project").issues
    ]


def test_a_project_may_have_as_many_files_as_the_limit_says() -> None:
    assert MAX_FILES == len(load(flows(MAX_FILES), extent="project").flows)


def test_a_revision_that_was_checked_before_is_loaded_whatever_the_size_of_its_project() -> None:
    assert MAX_FILES + 1 == len(load(flows(MAX_FILES + 1)).flows)


def test_files_beyond_a_limit_are_not_read_from_disk(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"f{number}.yaml").write_text("#" * (MAX_FILE_BYTES // 2))

    texts, _ = read_project(tmp_path, tmp_path / "templates")

    assert ["flows/f0.yaml", "flows/f1.yaml", "flows/f2.yaml"] == list(texts)
