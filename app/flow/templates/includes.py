"""Template files by name."""

from __future__ import annotations

from collections.abc import Mapping

from app.flow.templates.source import FOLDER
from app.ncco.suggest import nearest

MAX_FILE = 100_000
"""Characters of a template file; our choice."""

MAX_INCLUDES = 50
"""How many includes one value may have, all told; our choice."""


def missing_file(name: str, templates: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong with a file name that is not known, and the cure."""
    message = f'there is no file "{name}" in {FOLDER}'
    bare = name.removeprefix("./").removeprefix(FOLDER).removeprefix("/")
    if bare != name and bare in templates:
        return message, f'names are relative to {FOLDER}: write "{bare}"'
    if ".." in name.split("/"):
        return message, f"only files in {FOLDER} can be used"
    with_ending = next((known for known in templates if known.startswith(f"{name}.")), None)
    if near := with_ending or nearest(name, templates):
        return message, f'did you mean "{near}"?'
    known = ", ".join(sorted(templates)[:20])
    return message, f"files are: {known}" if known else f"put the file into {FOLDER}"
