"""The pinned versions: hashes for every package, a pin for every direct dependency, and no URLs."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.cases import each_case
from tests.support.tracked import ROOT

LOCKS = ("requirements.txt", "requirements-server.txt", "requirements-dev.txt", "requirements-build.txt")
SERVER, STUDIO = (
    tomllib.loads((ROOT / file).read_text(encoding="utf-8")) for file in ("pyproject.toml", "app/studio/pyproject.toml")
)
OURS = "ncco-server"
DEPENDENCIES = [
    Requirement(line)
    for project in (SERVER, STUDIO)
    for line in project["project"]["dependencies"]
    if not line.startswith(OURS)
]
GROUPS = SERVER["dependency-groups"]
EXTRAS = SERVER["project"]["optional-dependencies"]
SERVED = ("otel", "postgres")
"""The extras of the image: a setting can require any of them, and nothing can be installed into the image later."""
_PIN = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)


def pins_of(lock: str) -> dict[str, str]:
    """The pinned version of each package; if it differs by Python version, the last one."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in _PIN.findall(text)}


def named(group: str) -> list[Requirement]:
    return [Requirement(line) for line in GROUPS[group] if isinstance(line, str)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[\w.-]+==)", text)

    assert [] == [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert len(_PIN.findall(text)) == len(entries)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_file_contains_a_url(lock: str) -> None:
    assert [] == re.findall(r"\S*://\S*|^--?\w.*$", (ROOT / lock).read_text(encoding="utf-8"), re.M)


@each_case(
    ("lock", "requirements"),
    [
        ("requirements.txt", DEPENDENCIES),
        ("requirements-server.txt", [Requirement(line) for extra in SERVED for line in EXTRAS[extra]]),
        ("requirements-dev.txt", [Requirement(line) for lines in EXTRAS.values() for line in lines]),
        ("requirements-dev.txt", DEPENDENCIES),
        ("requirements-dev.txt", [*named("dev"), *named("build")]),
        ("requirements-build.txt", named("build")),
    ],
)
def test_every_requirement_is_pinned_within_its_range(lock: str, requirements: list[Requirement]) -> None:
    pins = pins_of(lock)

    outside = [str(each) for each in requirements if pins.get(canonicalize_name(each.name), "") not in each.specifier]

    assert [] == outside


@pytest.mark.parametrize(
    ("some", "more"),
    [("requirements.txt", "requirements-dev.txt"), ("requirements-server.txt", "requirements-dev.txt")],
)
def test_development_runs_on_the_versions_that_users_get(some: str, more: str) -> None:
    assert pins_of(some).items() <= pins_of(more).items()


def test_serve_installs_little() -> None:
    assert len({*pins_of("requirements.txt"), "pip", OURS, "ncco-studio"}) <= 52


def test_both_packages_get_their_version_from_one_line() -> None:
    places = [
        (ROOT / folder / project["tool"]["hatch"]["version"]["path"]).resolve()
        for folder, project in ((".", SERVER), ("app/studio", STUDIO))
    ]

    assert [ROOT / "app/ncco_server/version.py"] * 2 == places
    assert all(project["project"]["dynamic"] == ["version"] for project in (SERVER, STUDIO))
