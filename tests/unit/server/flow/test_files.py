from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ncco_server.flow.files import MAX_FILE_BYTES, read_project
from ncco_server.flow.nodes import Place

FLOW = "flow: a\n"
NOBODY = 65534
"""The user without rights, on Linux and elsewhere."""


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    folder = tmp_path / "my flows"
    folder.mkdir()
    (folder / "a.yaml").write_text(FLOW)
    return folder


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    folder = tmp_path / "my templates"
    folder.mkdir()
    return folder


def faults(flows: Path, templates: Path) -> list[tuple[str, str]]:
    return [(issue.code, str(issue.place)) for issue in read_project(flows, templates)[1]]


def test_display_paths_start_with_the_kind_of_file(flows: Path, templates: Path) -> None:
    (flows / "more").mkdir()
    (flows / "more" / "b.YML").write_text("flow: b\n")
    (templates / "deep").mkdir()
    (templates / "deep" / "x.json.j2").write_text("[]")
    (templates / "hello.j2").write_text("Hello")

    texts, issues = read_project(flows, templates)

    expected = {
        "flows/a.yaml": FLOW,
        "flows/more/b.YML": "flow: b\n",
        "templates/deep/x.json.j2": "[]",
        "templates/hello.j2": "Hello",
    }
    assert expected == texts
    assert [] == issues


def test_other_files_are_ignored(flows: Path, templates: Path) -> None:
    for name in ("notes.md", ".hidden.yaml", "a.yaml~", "b.yaml.bak"):
        (flows / name).write_text("x")
    (flows / ".git").mkdir()
    (flows / ".git" / "b.yaml").write_text("x")
    for name in (".x.j2.swp", "x.j2~"):
        (templates / name).write_text("x")

    assert ({"flows/a.yaml": FLOW}, []) == read_project(flows, templates)


def test_a_project_needs_no_templates(flows: Path, tmp_path: Path) -> None:
    assert ({"flows/a.yaml": FLOW}, []) == read_project(flows, tmp_path / "none")


def test_a_project_without_a_flows_folder_is_reported(tmp_path: Path, templates: Path) -> None:
    _, issues = read_project(tmp_path / "none", templates)

    assert [("E123", Place("flows", 1, 1))] == [(issue.code, issue.place) for issue in issues]
    assert f"{tmp_path / 'none'} does not exist" == issues[0].message


def test_a_file_in_place_of_the_folder_is_reported(flows: Path, templates: Path) -> None:
    _, issues = read_project(flows / "a.yaml", templates)

    assert [f"{flows / 'a.yaml'} is a file, not a folder"] == [issue.message for issue in issues]


def test_an_empty_flows_folder_is_reported(flows: Path, templates: Path) -> None:
    (flows / "a.yaml").unlink()

    assert [("E123", "flows:1:1")] == faults(flows, templates)


def test_a_flow_with_a_text_editors_ending_is_reported_with_its_right_name(flows: Path, templates: Path) -> None:
    (flows / "b.yaml.txt").write_text(FLOW)

    texts, issues = read_project(flows, templates)

    assert ["flows/a.yaml"] == list(texts)
    assert [("W126", "flows/b.yaml.txt:1:1", 'rename it to "b.yaml"')] == [
        (issue.code, str(issue.place), issue.cure) for issue in issues
    ]


def test_a_template_may_have_any_extension(flows: Path, templates: Path) -> None:
    (templates / "b.yaml.txt").write_text("x")

    assert [] == faults(flows, templates)


def test_a_byte_order_mark_is_dropped(flows: Path, templates: Path) -> None:
    (flows / "a.yaml").write_bytes(b"\xef\xbb\xbfflow: a\n")

    assert ({"flows/a.yaml": FLOW}, []) == read_project(flows, templates)


def test_line_endings_are_kept(flows: Path, templates: Path) -> None:
    (flows / "a.yaml").write_bytes(b"flow: a\r\n")

    assert ({"flows/a.yaml": "flow: a\r\n"}, []) == read_project(flows, templates)


@pytest.mark.parametrize(
    ("data", "at"),
    [
        (b"flow: caf\xe9\n", (1, 10)),
        ("# é\r\nflow: a\r\nx: caf".encode() + b"\xe9\r\n", (3, 7)),
        (b"\xef\xbb\xbfx: \xe9", (1, 4)),
    ],
)
def test_a_file_in_another_encoding_is_shown_with_its_first_wrong_byte(
    flows: Path, templates: Path, data: bytes, at: tuple[int, int]
) -> None:
    (flows / "a.yaml").write_bytes(data)

    texts, issues = read_project(flows, templates)

    assert ["E121"] == [issue.code for issue in issues]
    assert Place("flows/a.yaml", *at) == issues[0].place
    assert "\ufffd" in texts["flows/a.yaml"]


def test_a_link_inside_the_folder_is_followed(flows: Path, templates: Path) -> None:
    (flows / "b.yaml").symlink_to("a.yaml")

    assert ({"flows/a.yaml": FLOW, "flows/b.yaml": FLOW}, []) == read_project(flows, templates)


def test_a_mounted_config_folder_is_read_through_its_symlinks(flows: Path, templates: Path) -> None:
    (flows / "..2024").mkdir()
    (flows / "..2024" / "b.yaml").write_text("flow: b\n")
    (flows / "..data").symlink_to("..2024")
    (flows / "b.yaml").symlink_to("..data/b.yaml")

    assert ({"flows/a.yaml": FLOW, "flows/b.yaml": "flow: b\n"}, []) == read_project(flows, templates)


def test_a_linked_root_folder_is_read(flows: Path, templates: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(flows)

    assert ({"flows/a.yaml": FLOW}, []) == read_project(tmp_path / "link", templates)


def test_a_linked_folder_inside_is_not_entered_twice(flows: Path, templates: Path) -> None:
    (flows / "round").symlink_to(".")

    assert ({"flows/a.yaml": FLOW}, []) == read_project(flows, templates)


def test_links_out_of_the_folder_are_refused(flows: Path, templates: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("secret")
    (tmp_path / "secrets").mkdir()
    (flows / "b.yaml").symlink_to("../secret.yaml")
    (flows / "c").symlink_to("../secrets")
    (templates / "x.j2").symlink_to("../secret.yaml")

    expected = [("E122", "flows/b.yaml:1:1"), ("E122", "flows/c:1:1"), ("E122", "templates/x.j2:1:1")]
    assert expected == faults(flows, templates)


def test_links_to_nothing_and_to_themselves_are_reported(flows: Path, templates: Path) -> None:
    (flows / "b.yaml").symlink_to("none.yaml")
    (flows / "c.yaml").symlink_to("c.yaml")

    assert [("E122", "flows/b.yaml:1:1"), ("E122", "flows/c.yaml:1:1")] == faults(flows, templates)


def test_a_pipe_is_not_waited_for(flows: Path, templates: Path) -> None:
    os.mkfifo(flows / "b.yaml")

    assert [("E122", "flows/b.yaml:1:1")] == faults(flows, templates)


def test_a_huge_file_is_not_read(flows: Path, templates: Path) -> None:
    (flows / "b.yaml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    texts, issues = read_project(flows, templates)

    assert ["flows/a.yaml"] == list(texts)
    assert [("E119", "flows/b.yaml")] == [(issue.code, issue.place.file) for issue in issues]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_utf_16_has_one_issue_and_is_read(flows: Path, templates: Path, encoding: str) -> None:
    text = (flows / "a.yaml").read_text(encoding="utf-8").replace("flow: a", "flow: b")
    (flows / "b.yaml").write_bytes(text.encode(encoding))

    texts, issues = read_project(flows, templates)

    assert text == texts["flows/b.yaml"]
    assert [("E121", "flows/b.yaml:1:1")] == [(issue.code, str(issue.place)) for issue in issues]


@contextmanager
def without_rights(root: Path) -> Iterator[None]:
    """Run as another user, because root can read every file; the folders above `root` are opened for that user."""
    if os.geteuid() != 0:
        yield
        return
    modes = {folder: folder.stat().st_mode for folder in (root, *root.parents[:4])}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)


def test_an_unreadable_file_is_reported(flows: Path, templates: Path) -> None:
    (flows / "b.yaml").write_text(FLOW)
    (flows / "b.yaml").chmod(0)
    (flows / "c").mkdir(mode=0)

    with without_rights(flows):
        found = faults(flows, templates)

    assert [("E122", "flows/b.yaml:1:1"), ("E122", "flows/c:1:1")] == found


def test_a_name_that_is_not_utf_8_can_be_shown(flows: Path, templates: Path) -> None:
    (flows / os.fsdecode(b"\xe9.yaml")).write_text("flow: b\n")

    assert {"flows/a.yaml": FLOW, "flows/?.yaml": "flow: b\n"} == read_project(flows, templates)[0]
