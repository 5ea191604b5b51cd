"""`ncco init`: copies the skeleton of a project, and makes the schemas that its editor reads."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

import app
from app.cli.work import FINE, CannotRun
from app.flow.language.names import names_in
from app.flow.language.schema import flow_schema
from app.flow.report import printable
from app.verify.scenarios.schema import scenario_schema

SKELETON: Final = Path(app.__file__).parent / "cli" / "skeleton"
HIDDEN: Final = "dot-"
"""Begins the name of a file or folder of the skeleton that begins with a dot in a project."""
FLOW_SCHEMA: Final = ".vscode/flow.schema.json"
SCENARIO_SCHEMA: Final = ".vscode/scenario.schema.json"

NEXT: Final = (
    ("ncco check", "every fault of the flows; there is none yet"),
    ("ncco simulate", "call it in this terminal"),
    ("ncco test", "play its scenarios"),
    ("ncco prove", "walk every way through it"),
    ("ncco serve --dev", "answer calls on this machine"),
)


def run(*, folder: Path, force: bool) -> int:
    """Write the project. Raises CannotRun when there is something else already."""
    shown = printable(str(folder))
    _refuse(folder, shown, force)
    files = dict(_files())
    kept = sorted(name for name in files if (folder / name).exists())
    try:
        for name, text in files.items():
            if name not in kept:
                _write(folder / name, text)
    except OSError as error:
        cure = "name a folder that can be written"
        raise CannotRun(f"{printable(str(error.filename))}: {error.strerror}", cure) from error
    click.echo("\n".join(_told(folder, shown, files, kept)))
    return FINE


def _refuse(folder: Path, shown: str, force: bool) -> None:
    try:
        is_taken = folder.is_dir() and any(path.name != ".git" for path in folder.iterdir())
    except OSError as error:
        raise CannotRun(f"{shown}: {error.strerror}", "name a folder that can be read") from error
    if folder.exists() and not folder.is_dir():
        raise CannotRun(f"{shown} is a file", "name a folder that does not exist yet")
    if is_taken and not force:
        raise CannotRun(
            f"{shown} has files in it", "name a new folder; with --force what is missing is written beside them"
        )


def _files() -> Iterator[tuple[str, str]]:
    """Path in the project → text."""
    found: dict[str, str] = {}
    for path in sorted(path for path in SKELETON.rglob("*") if path.is_file()):
        parts = path.relative_to(SKELETON).parts
        name = "/".join(f".{part.removeprefix(HIDDEN)}" if part.startswith(HIDDEN) else part for part in parts)
        found[name] = path.read_text(encoding="utf-8")
    yield from found.items()
    yield FLOW_SCHEMA, _json(flow_schema(names_in(found)))
    yield SCENARIO_SCHEMA, _json(scenario_schema())


def _json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _told(folder: Path, shown: str, files: Mapping[str, str], kept: list[str]) -> Iterator[str]:
    """What was written, and what to do next."""
    written = [name for name in sorted(files) if name not in kept]
    yield f"wrote {len(written)} files into {shown}:"
    yield from (f"  {name}" for name in written)
    if kept:
        yield f"left as they were: {', '.join(kept)}"
    yield ""
    yield "next:"
    if folder.resolve() != Path.cwd():
        yield f"  cd {shlex.quote(str(folder))}"
    width = max(len(command) for command, _ in NEXT)
    for command, what in NEXT:
        yield f"  {command:<{width}}   {what}"
