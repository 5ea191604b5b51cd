"""Stores results in a folder that can be deleted at any time, so that nothing is computed twice."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import ncco_server
import ncco_studio

CACHE: Final = ".ncco_cache"
"""The folder beside the flow folder for verdicts."""
KEPT: Final = timedelta(days=30)
"""How long an unused result is kept."""
_IGNORING: Final = ".gitignore"


class KeptResults:
    """A folder with a file for each result."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        path = self._folder / f"{key}.json"
        try:
            found = path.read_bytes()
            path.touch()
        except OSError:
            return None
        return found

    def put(self, key: str, result: bytes) -> None:
        """Do nothing if the folder cannot be written, or is a link, which may lead anywhere."""
        with suppress(OSError):
            if self._folder.is_symlink():
                return
            if not self._folder.exists():
                self._folder.mkdir()
                (self._folder / _IGNORING).write_text("*\n", encoding="utf-8")
            new = self._folder / f"{key}.{os.getpid()}"
            new.write_bytes(result)
            new.replace(self._folder / f"{key}.json")

    def forget_old(self) -> None:
        oldest = time.time() - KEPT.total_seconds()
        with suppress(OSError):
            for path in () if self._folder.is_symlink() else self._folder.iterdir():
                if path.name != _IGNORING and path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)


def key_of(*about: object) -> str:
    """Hash everything that a result depends on, by its `repr`, and the installed code."""
    return hashlib.sha256(repr((_code(), *about)).encode(errors="surrogatepass")).hexdigest()


@cache
def _code() -> str:
    """Another version of the code may find something else."""
    digest = hashlib.sha256()
    for package in (ncco_server, ncco_studio):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*")):
            if path.suffix in (".py", ".yaml"):
                found = path.stat()
                digest.update(f"{path} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()
