"""No file in the repository refers to the machine it was made on, or to anything outside; and the READMEs of rooms."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.support.tracked import ROOT, text_of, tracked_files

HERE = "tests/system/repository/test_files.py"

FOREIGN = {
    "a registry": r"pypi\.org|pythonhosted\.org|registry\.npmjs|--index-url|--extra-index-url|--find-links",
    "a path of one machine": r"(?<![\w.])/(?:work|root|home)/\w|/opt/pypi|/tmp/clone",
    "a folder outside": r"\.\./shared|/work/plan|\bdesign\.md\b|\bissues (?:show|list)\b",
}


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_contains_forbidden_names(what: str) -> None:
    pattern = re.compile(FOREIGN[what])

    found = [f"{name}: {hit[0]}" for name in tracked_files() if name != HERE for hit in pattern.finditer(text_of(name))]

    assert [] == found


def test_every_exception_from_a_rule_says_why() -> None:
    bare = re.compile(
        r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[\w, -]+\])?|pragma: no (?:cover|branch))\s*$"
    )

    found = [
        f"{name}: {line.strip()}"
        for name in tracked_files()
        if name.endswith(".py")
        for line in text_of(name).splitlines()
        if bare.search(line)
    ]

    assert [] == found


def test_no_module_is_a_collection_of_helpers() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}

    assert [] == [name for name in tracked_files() if drawers & set(re.split(r"[/._]", name)) and name.endswith(".py")]


def test_every_file_ends_with_one_line_break() -> None:
    texts = {name: text_of(name) for name in tracked_files() if not name.startswith("tests/")}

    assert [] == [name for name, text in texts.items() if text and (not text.endswith("\n") or text.endswith("\n\n"))]


def test_no_two_classes_of_the_package_have_the_same_name() -> None:
    names = Counter(
        name
        for file in tracked_files()
        if file.startswith("app/") and file.endswith(".py")
        for name in re.findall(r"^ *class (\w+)[(:]", text_of(file), re.MULTILINE)
    )

    assert [] == [name for name, count in names.items() if count > 1]


ROOMS = sorted(
    Path(name).parent
    for name in tracked_files()
    if re.fullmatch(r"app/(ncco_server|studio/ncco_studio)(/\w+)*/README\.md", name)
    and (ROOT / name).with_name("__init__.py").exists()
)
NAMED = re.compile(r"`([\w.]+(?:\.(?:py|yaml|sql)|/))`")


@each_case("room", ROOMS, ids=str)
def test_a_readme_names_every_module_of_its_room_and_no_other(room: Path) -> None:
    held = {name.removeprefix(f"{room}/") for name in tracked_files() if name.startswith(f"{room}/")}
    parts = {f"{name.split('/')[0]}/" if "/" in name else name for name in held}
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")

    modules = {part for part in parts if part.endswith((".py", "/")) and part != "__init__.py"}
    named = {*NAMED.findall(text)}
    assert set() == modules - named
    assert set() == {name for name in named if not (ROOT / room / name).exists()}


MODULES = Counter(Path(file).parent for file in tracked_files() if re.match(r"app/.*\.py$", file))
"""How many modules each folder of app/ holds."""


def test_every_room_of_several_modules_has_a_readme() -> None:
    assert set() == {room for room, modules in MODULES.items() if modules > 3} - {*ROOMS}


def test_every_folder_of_modules_is_a_package() -> None:
    """import-linter passes over any other without a word."""
    assert [] == [folder for folder in MODULES if not (ROOT / folder / "__init__.py").exists()]
