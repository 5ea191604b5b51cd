"""Finds out whether Git would commit a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def is_for_git(file: Path) -> bool:
    """Whether the next `git add` would stage a file: it is in a work tree, and not ignored."""
    folder = file.parent.resolve()
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return False
    git = shutil.which("git")
    words = ["check-ignore", "--quiet", str(folder / file.name)]
    return git is None or subprocess.run([git, *words], cwd=folder, check=False).returncode != 0  # noqa: S603 - fixed words, without a shell
