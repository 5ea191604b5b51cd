"""The files that a flow file cannot be understood without: shared parts, and the flows that it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from app.flow.files import read_project

_SHARED: Final = re.compile(r"^[\"']?shared[\"']?\s*:", re.MULTILINE)
_NAMED: Final = re.compile(r"^[\"']?flow[\"']?\s*:\s*[\"']?([\w-]+)", re.MULTILINE)
_RUN: Final = re.compile(r"\brun[\"']?\s*:\s*[\"']?([\w-]+)")


def siblings(texts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Display path → text of each further file of `folder` that the flows in `texts` need.

    Other flows of the folder are left alone: what is wrong in them, or doubled by them, was not asked for.
    """
    found, _ = read_project(folder, folder / "none")
    others = {path: text for path, text in found.items() if path not in texts}
    named = {name: path for path, text in others.items() for name in _NAMED.findall(text)[:1]}
    own = {name for text in texts.values() for name in _NAMED.findall(text)[:1]}
    needed = {path: text for path, text in others.items() if _SHARED.search(text) and not _NAMED.search(text)}
    waiting = [*texts.values()]
    while waiting:
        for name in _run_by(waiting.pop()):
            path = named.get(name)
            if path is not None and path not in needed and name not in own:
                needed[path] = others[path]
                waiting.append(others[path])
    return needed


def _run_by(text: str) -> Iterator[str]:
    for found in _RUN.finditer(text):
        yield found[1]
