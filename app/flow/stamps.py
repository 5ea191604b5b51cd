"""Which files there are and when each was saved, to notice a change that nothing tells of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

Stamps = Mapping[Path, tuple[int, int, int]]
"""Each path with its inode, when it was saved (nanoseconds; 0 for a folder) and its size (bytes; 0 for a folder)."""


def stamps(folders: Iterable[Path], files: Iterable[Path] = ()) -> Stamps:
    """Those of the folders, of all that is in them at any depth, and of the files; what is not there is left out.

    Two that are equal mean that no file was saved, added, taken away or replaced in between; links are followed to the
    files that they lead to. Raises nothing: a folder that cannot be read counts as empty.
    """
    paths = (path for folder in folders for path in (folder, *_below(folder)))
    return {path: stamp for path in (*files, *paths) if (stamp := _stamp(path))}


def _below(folder: Path) -> list[Path]:
    try:
        return list(folder.rglob("*"))
    except OSError:  # one of them went while the others were listed
        return []


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    is_folder = path.is_dir()
    return found.st_ino, 0 if is_folder else found.st_mtime_ns, 0 if is_folder else found.st_size
