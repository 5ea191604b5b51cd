"""Writes a bundle into its folder, and lets nothing of an earlier one lie there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from app.cli.jobs.bundling.hosts import FILES
from app.cli.jobs.bundling.nccos import ALL, DEFAULT_FILE, Saying
from app.cli.work import CannotRun

INDEX: Final = "index.json"
_MADE_BY: Final = "ncco bundle"
_WRITTEN: Final = re.compile(r"(?:numbers|flows)/[\w-]+\.json")


def write_bundle(folder: Path, sayings: Iterable[Saying]) -> tuple[str, ...]:
    """Write the files, the index last; returns their paths within the folder, sorted.

    Files that an earlier bundle wrote and this one does not are deleted. Raises CannotRun for a folder with other files
    in it, and for one that cannot be written.
    """
    known = tuple(sayings)
    texts = {each.file: each.text for each in known} | dict(FILES)
    try:
        earlier = _earlier(folder)
        for name, text in sorted(texts.items()):
            _write(folder / name, text)
        _write(folder / INDEX, index_of(known))
        for name in sorted(earlier - texts.keys()):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise CannotRun(f"{error.filename}: {error.strerror}", "name a folder that can be written") from error
    return tuple(sorted((*texts, INDEX)))


def index_of(sayings: Iterable[Saying]) -> str:
    """`index.json`: the file of each number and of each flow."""
    index: dict[str, Any] = {"made_by": _MADE_BY, "all": ALL, "default": DEFAULT_FILE, "numbers": {}, "flows": {}}
    for each in sayings:
        if each.name:
            index[each.about][each.name] = each.file
    return json.dumps(index, ensure_ascii=False, indent=2) + "\n"


def _earlier(folder: Path) -> set[str]:
    """The NCCOs of an earlier bundle in the folder. Raises CannotRun when something else is in it, OSError."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return set()
    index = _read_index(folder / INDEX)
    if index.get("made_by") != _MADE_BY:
        raise CannotRun(f"{folder} holds something that is no bundle", "name an empty folder, or one that is not there")
    listed = (*_values(index.get("numbers")), *_values(index.get("flows")))
    return {name for name in listed if _WRITTEN.fullmatch(name)}


def _read_index(file: Path) -> Mapping[str, Any]:
    try:
        index = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}


def _values(files: object) -> tuple[str, ...]:
    return tuple(str(file) for file in files.values()) if isinstance(files, dict) else ()


def _write(file: Path, text: str) -> None:
    """A web host that serves the folder meanwhile sees the old file or the new one, never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(file)
