"""`make release-check`: writes what a release publishes into dist/, without publishing it.

That is both wheels, the changelog's section as notes.md, and a software bill of materials, sbom.json, of an environment
into which they were installed. tests/system/repository/test_wheel.py then tries such wheels.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement

from ncco_server.version import VERSION
from tests.support.tracked import ROOT


@dataclass(frozen=True)
class Wheels:
    """The built wheels, and settings with which uv downloads nothing: it finds what they require among `packed`."""

    home: Path
    server: Path
    studio: Path
    env: Mapping[str, str]


def main(tag: str = "") -> int:
    """Write dist/. Returns 1 if the tag, if any, and the changelog do not fit the version."""
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    title, notes = section_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), VERSION)
    if tag and (tag != f"v{VERSION}" or "unreleased" in title):
        sys.stderr.write(f'the tag {tag} needs that version in app/ncco_server/version.py and a date in "{title}"\n')
        return 1
    with TemporaryDirectory() as folder:
        wheels = build(Path(folder))
        dist.mkdir()
        for wheel in (wheels.server, wheels.studio):
            shutil.copy2(wheel, dist)
        (dist / "notes.md").write_text(notes, encoding="utf-8")
        write_bill_of_materials(wheels, dist / "sbom.json")
    sys.stdout.write(f"{title}: {', '.join(sorted(path.name for path in dist.iterdir()))}\n")
    return 0


def section_of(changelog: str, version: str) -> tuple[str, str]:
    """The heading and the text of a version. Raises ValueError if it has none, or two."""
    [(title, text)] = re.findall(rf"^## ({re.escape(version)}\b[^\n]*)\n(.*?)(?=^## |\Z)", changelog, re.M | re.S)
    return title, text.strip() + "\n"


def write_bill_of_materials(wheels: Wheels, path: Path) -> None:
    """Install both by name, as they will be published: of a file, the bill would have the path."""
    environment = wheels.home / "environment"
    run("uv", "venv", str(environment), cwd=wheels.home, env=wheels.env)
    install = ("uv", "pip", "install", "--python", str(environment), f"ncco-server=={VERSION}", "ncco-studio")
    run(*install, cwd=wheels.home, env=wheels.env)
    bill = ("--of", "JSON", "-o", str(path))
    run("cyclonedx-py", "environment", *bill, str(environment), cwd=wheels.home, env=wheels.env)


def build(home: Path) -> Wheels:
    """Build both wheels in `home`, and pack what they require."""
    for project in (ROOT, ROOT / "app/studio"):
        run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(home), cwd=project)
    (home / "packed").mkdir()
    pack_dependencies(home / "packed")
    folders = {"UV_TOOL_DIR": home / "tools", "UV_TOOL_BIN_DIR": home / "bin", "UV_CACHE_DIR": home / "cache"}
    settings = {
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_FIND_LINKS": f"{home},{home / 'packed'}",
        "UV_PYTHON": sys.executable,
    }
    path = f"{home / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
    env = {"PATH": path, "HOME": str(home), **settings, **{name: str(folder) for name, folder in folders.items()}}
    [server], [studio] = home.glob("ncco_server-*.whl"), home.glob("ncco_studio-*.whl")
    return Wheels(home, server, studio, env)


def pack_dependencies(folder: Path) -> None:
    """Make a wheel of each package that the two require, directly or indirectly, from the installed files."""
    waiting, seen = [Requirement("ncco-studio")], set[str]()
    while waiting:
        requirement = waiting.pop()
        wanted = requirement.marker is None or requirement.marker.evaluate()
        if not wanted or requirement.name in seen:
            continue
        seen.add(requirement.name)
        found = importlib.metadata.distribution(requirement.name)
        waiting += map(Requirement, found.requires or ())
        if not requirement.name.startswith("ncco-"):
            pack(found, folder)


def pack(package: importlib.metadata.Distribution, folder: Path) -> None:
    """Write a wheel of an installed package, without its commands."""
    tag = message_from_string(package.read_text("WHEEL") or "").get_all("Tag", [])[-1]
    name = re.sub("[-_.]+", "_", package.name)
    with zipfile.ZipFile(folder / f"{name}-{package.version}-{tag}.whl", "w") as wheel:
        for file in package.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts and file.name not in ("RECORD", "INSTALLER"):
                wheel.write(str(file.locate()), str(file))
        [info] = {file.parts[0] for file in package.files or () if file.name == "WHEEL"}
        names = wheel.namelist()
        wheel.writestr(f"{info}/RECORD", "".join(f"{each},,\n" for each in [*names, f"{info}/RECORD"]))


def run(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command, which must succeed. Returns its output."""
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
