"""The README of each room names all of its modules, so a new module needs a line there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.cases import each_case
from tests.support.tracked import ROOT, tracked_files

ROOMS = sorted(
    Path(name).parent
    for name in tracked_files()
    if re.fullmatch(r"app/(ncco_server|studio/ncco_studio)(/\w+)?/README\.md", name)
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


def test_every_room_has_a_readme() -> None:
    rooms = {
        path.parent
        for package in ("ncco_server", "studio/ncco_studio")
        for path in ROOT.glob(f"app/{package}/*/__init__.py")
    }

    assert set() == {room.relative_to(ROOT) for room in rooms} - {*ROOMS}
