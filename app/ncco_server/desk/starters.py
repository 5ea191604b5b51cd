"""Flows to begin with, for `ncco init --like` and the console's *New flow*."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

Like: TypeAlias = Literal["salon", "voicemail", "menu", "empty"]
LIKE: Final[tuple[Like, ...]] = get_args(Like)
_FOLDER: Final = Path(__file__).parent / "starters"
_NUMBER: Final = "442079460000"
_VOICE: Final = "defaults:\n  talk: {language: en-GB, style: 2}\n"
_FAULTS: Final = """
a fault of ours leads to a person:
  script:
    - hear: Thank you for calling
    - fault: unreadable
    - press: 1
    - hear: I am putting you through
    - dial: {to: "447700900111", outcome: completed}
    - end

a fault of ours, and nobody picks up:
  script:
    - hear: Thank you for calling
    - fault: unreadable
    - press: 1
    - dial: {to: "447700900111", outcome: timeout}
    - hear: Nobody can take your call
    - end
"""
_NAMED: Final = (
    ("README.md", "| `flows/` |", "| `main.py`, `flows/` |"),
    ("docker-compose.yml", "NCCO_FLOWS: /srv/flows", "NCCO_FLOWS: /srv/main.py"),
    ("docker-compose.yml", "      - ./flows:", "      - ./main.py:/srv/main.py:ro\n      - ./flows:"),
)
"""A file, what it says of the folder of flows, and what of a program."""
_SHOWN: Final = "  connect: {randomFromNumber: true}     # the phones that ring show one of your numbers\n"


def starter(like: str, name: str, number: str = "") -> str:
    """The text of a flow file. Without a number, the flow gets all calls that no other one takes.

    A call from an app then has no number of this line, which a dialled phone could show.
    """
    text = (_FOLDER / f"{like}.yaml").read_text(encoding="utf-8").replace(f"flow: {like}\n", f"flow: {name}\n")
    numbers = f'numbers: ["{_NUMBER}"]'
    if number:
        return text.replace(numbers, numbers.replace(_NUMBER, number))
    return text.replace(numbers, "default: true").replace(_VOICE, _VOICE + _SHOWN)


def description(like: str) -> str:
    return starter(like, like).partition("\n")[0].removeprefix("# ")


def handler_project(files: Mapping[str, str]) -> dict[str, str]:
    """The files of a new project, by name, with a program of one handler in place of the flow file and its template."""
    found = {name: text for name, text in files.items() if not name.startswith(("flows/main", "templates/"))}
    found["main.py"] = (_FOLDER / "python.py.txt").read_text(encoding="utf-8")
    found["flows/ring.yaml"] = (_FOLDER / "ring.yaml").read_text(encoding="utf-8")
    found["tests/scenarios/main.yaml"] += _FAULTS
    found["pyproject.toml"] = (_FOLDER / "pyproject.toml.txt").read_text(encoding="utf-8")
    found[".env"] = "NCCO_FLOWS=main.py\n"
    found[".env.example"] += f"\n# The file whose handlers answer calls, beside those of flows/.\n{found['.env']}"
    for name, old, new in _NAMED:
        found[name] = found[name].replace(old, new)
    return found
