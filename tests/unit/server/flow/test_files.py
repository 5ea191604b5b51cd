from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ncco_server.flow.files import MAX_FILE_BYTES, read_project

FLOW = "flow: a\n"
NOBODY = 65534
"""The user without rights, on Linux and elsewhere."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one flow, beside a file and a folder that do not belong to it."""
    for name, text in {
        "flows/a.yaml": FLOW,
        "templates/hello.j2": "Hello",
        "secret.yaml": "x",
        "secrets/x": "x",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def read(root: Path) -> tuple[dict[str, str], list[str]]:
    """The texts, and the code and place of each issue."""
    texts, issues = read_project(root / "flows", root / "templates")
    return texts, [f"{issue.code} {issue.place}" for issue in issues]


CASES: dict[str, tuple[dict[str, str | bytes], dict[str, str], list[str]]] = {
    "files in folders": (
        {"flows/more/b.YML": FLOW, "templates/deep/x.json.j2": "[]"},
        {"flows/more/b.YML": FLOW, "templates/deep/x.json.j2": "[]"},
        [],
    ),
    "other files": (
        dict.fromkeys(
            ("flows/b.md", "flows/.b.yaml", "flows/b.yaml~", "flows/.git/b.yaml", "templates/.x.j2.swp"), "x"
        ),
        {},
        [],
    ),
    "a text editor's ending": ({"flows/b.yaml.txt": FLOW}, {}, ["W126 flows/b.yaml.txt:1:1"]),
    "a template with any ending": ({"templates/b.yaml.txt": "x"}, {"templates/b.yaml.txt": "x"}, []),
    "a byte order mark": ({"flows/b.yaml": b"\xef\xbb\xbf" + FLOW.encode()}, {"flows/b.yaml": FLOW}, []),
    "other line endings": ({"flows/b.yaml": b"flow: b\r\n"}, {"flows/b.yaml": "flow: b\r\n"}, []),
    "a wrong byte": ({"flows/b.yaml": b"x: caf\xe9\n"}, {"flows/b.yaml": "x: caf\ufffd\n"}, ["E121 flows/b.yaml:1:7"]),
    "a wrong byte behind others": (
        {"flows/b.yaml": "# é\r\nb: caf".encode() + b"\xe9"},
        {"flows/b.yaml": "# é\r\nb: caf\ufffd"},
        ["E121 flows/b.yaml:2:7"],
    ),
    "a wrong byte behind a mark": (
        {"flows/b.yaml": b"\xef\xbb\xbfx: \xe9"},
        {"flows/b.yaml": "x: \ufffd"},
        ["E121 flows/b.yaml:1:4"],
    ),
    **{
        encoding: ({"flows/b.yaml": FLOW.encode(encoding)}, {"flows/b.yaml": FLOW}, ["E121 flows/b.yaml:1:1"])
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")
    },
    "a link inside": ({"flows/b.yaml": "-> a.yaml"}, {"flows/b.yaml": FLOW}, []),
    "a mounted config folder": (
        {"flows/..2024/b.yaml": FLOW, "flows/..data": "-> ..2024", "flows/b.yaml": "-> ..data/b.yaml"},
        {"flows/b.yaml": FLOW},
        [],
    ),
    "a linked folder inside": ({"flows/round": "-> ."}, {}, []),
    "links to the outside": (
        {"flows/b.yaml": "-> ../secret.yaml", "flows/c": "-> ../secrets", "templates/x.j2": "-> ../secret.yaml"},
        {},
        ["E122 flows/b.yaml:1:1", "E122 flows/c:1:1", "E122 templates/x.j2:1:1"],
    ),
    "a link to nothing": ({"flows/b.yaml": "-> none.yaml"}, {}, ["E122 flows/b.yaml:1:1"]),
    "a link to itself": ({"flows/b.yaml": "-> b.yaml"}, {}, ["E122 flows/b.yaml:1:1"]),
    "a huge file": ({"flows/b.yaml": b"#" * (MAX_FILE_BYTES + 1)}, {}, ["E119 flows/b.yaml:1:1"]),
}
"""Files of a project beside its own (`-> x` is a link), their texts, and the issues."""


@pytest.mark.parametrize(("files", "texts", "issues"), CASES.values(), ids=CASES)
def test_a_project_is_read_with_its_issues(
    root: Path, files: Mapping[str, str | bytes], texts: Mapping[str, str], issues: list[str]
) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content.startswith("-> "):
            path.symlink_to(content.removeprefix("-> "))
        else:
            path.write_text(content)

    assert ({"flows/a.yaml": FLOW, "templates/hello.j2": "Hello", **texts}, issues) == read(root)


def test_a_folder_that_is_a_file_is_reported(root: Path) -> None:
    _, issues = read_project(root / "secret.yaml", root / "none")

    assert ["E122 flows:1:1"] == [f"{issue.code} {issue.place}" for issue in issues]


def test_a_linked_root_folder_is_read(root: Path) -> None:
    (root / "link").symlink_to(root / "flows")

    assert ({"flows/a.yaml": FLOW}, []) == read_project(root / "link", root / "none")


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "flows" / "b.yaml")

    assert ["E122 flows/b.yaml:1:1"] == read(root)[1]


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


def test_an_unreadable_file_is_reported(root: Path) -> None:
    (root / "flows" / "b.yaml").touch(0)
    (root / "flows" / "c").mkdir(mode=0)

    with without_rights(root / "flows"):
        found = read(root)[1]

    assert ["E122 flows/b.yaml:1:1", "E122 flows/c:1:1"] == found


def test_a_name_that_is_not_utf_8_can_be_shown(root: Path) -> None:
    (root / "flows" / os.fsdecode(b"\xe9.yaml")).write_text(FLOW)

    assert FLOW == read(root)[0]["flows/?.yaml"]
