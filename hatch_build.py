"""Writes the commit that a wheel is built from into it, for `ncco_server.version`.

It is that of the clone, or of the variable COMMIT where a build has no clone, such as that of the image.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STAMP: Final = "ncco_server/commit.txt"


class Stamp(BuildHookInterface[Any]):
    """A hook of hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        commit = os.environ.get("COMMIT") or _commit_of(self.root)
        if version == "standard" and commit:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(commit, encoding="ascii")
            build_data["force_include"][str(self._file)] = STAMP

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return Path(self.directory) / "commit.txt"


def _commit_of(folder: str) -> str:
    """Return "" outside a clone, and in a copy inside another one."""
    asked = ["git", "-C", folder, "rev-parse", "--show-prefix", "HEAD"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603 - constant words
    except (OSError, subprocess.CalledProcessError):
        return ""
    prefix, commit = done.stdout.splitlines()
    return "" if prefix else commit
