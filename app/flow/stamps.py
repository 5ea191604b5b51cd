"""Which files exist and when each was saved, to detect changes for which the system sends no notification."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

Stamp = tuple[int, int, int]
"""The inode, when it was saved (nanoseconds; 0 for a folder) and the size (bytes; 0 for a folder)."""

Stamps = Mapping[str, Stamp]
"""Each path with its stamp."""


def stamps(folders: Iterable[Path], files: Iterable[Path] = ()) -> Stamps:
    """The stamps of the folders, of everything in them at any depth, and of the files; missing paths are left out.

    If two results are equal, no file was saved, added, removed or replaced in between. A link has the stamp of the
    file that it leads to. Raises nothing: a folder that cannot be read counts as empty.
    """
    paths = (path for folder in folders for path in (str(folder), *_below(folder)))
    return {path: stamp for path in (*map(str, files), *paths) if (stamp := _stamp(path))}


def _below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        yield from (os.path.join(place, name) for name in (*folders, *files))  # noqa: PTH118 - it is done every second


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - it is done every second
    except OSError:
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    return found.st_ino, 0 if is_folder else found.st_mtime_ns, 0 if is_folder else found.st_size
