"""`ncco init`: creates a project."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from ncco_server.desk.environment import DOTENV
from ncco_server.desk.output import FINE, CannotRun, columns
from ncco_server.desk.starters import LIKE, handler_project, starter
from ncco_server.desk.studio import find_studio
from ncco_server.flow.report import printable

SKELETON: Final = Path(__file__).parent / "skeleton"
HIDDEN: Final = "dot-"
"""`dot-env.example` in the skeleton becomes `.env.example` in the project."""
NEXT_COMMANDS: Final = (
    ("ncco serve --dev", "open the address that it prints, and make a call in the browser"),
    ("ncco check", "check the flows; there are no issues yet"),
    ("ncco simulate", "call the flow in this terminal"),
    ("ncco test", "play its scenarios"),
    ("ncco prove", "explore every path through it"),
    ("ncco go-live", "connect it to a real phone number"),
)


@click.command(
    "init",
    epilog="""\b
Examples:
  ncco init shop               a new folder
  ncco init shop --like salon  with the flow of a salon
  ncco init shop --python      with a flow in Python
  ncco init . --force          this folder, next to its files

Exit codes: 0 written, 2 the folder has files already, or cannot be written.""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--like", type=click.Choice(LIKE), help="Begin with one of these flows, without scenarios.")
@click.option("--python", is_flag=True, help="Begin with a flow in Python.")
@click.option("--force", is_flag=True, help="Write into a folder that has files. Existing files are kept.")
def command(folder: Path, *, like: str | None, python: bool, force: bool) -> int:
    """Create a project in DIR: a flow, a template, settings, the editor's schema, and a compose file."""
    if like is not None and python:
        raise click.UsageError("--like and --python: choose one of them.")
    _refuse_used_folder(folder, force=force)
    files = _files(like, python=python)
    kept = sorted(name for name in files if (folder / name).exists())
    written = sorted(files.keys() - kept)
    for name in written:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
        path.chmod(0o600 if name == DOTENV else 0o644)
    _print_next(folder, written, kept, has_scenarios=like is None)
    return FINE


def _refuse_used_folder(folder: Path, *, force: bool) -> None:
    """Raise CannotRun if a folder contains files besides Git's, unless forced."""
    if folder.exists() and not folder.is_dir():
        raise CannotRun(f"{folder} is a file", "name a folder that does not exist yet")
    if folder.exists() and not force and any(path.name != ".git" for path in folder.iterdir()):
        raise CannotRun(f"{folder} is not empty", "name a new folder; or add what is missing with --force")


def _files(like: str | None, *, python: bool) -> dict[str, str]:
    files: dict[str, str] = {}
    for path in sorted(path for path in SKELETON.rglob("*") if path.is_file()):
        parts = path.relative_to(SKELETON).parts
        name = "/".join(f".{part.removeprefix(HIDDEN)}" if part.startswith(HIDDEN) else part for part in parts)
        files[name] = path.read_text(encoding="utf-8")
    if python:
        files = handler_project(files)
    if like is not None:
        files = {name: text for name, text in files.items() if not name.startswith(("flows/", "templates/", "tests/"))}
        files["flows/main.yaml"] = starter(like, "main")
        page = files["README.md"].splitlines(keepends=True)
        files["README.md"] = "".join(line for line in page if not line.startswith(("ncco test", "ncco render")))
    studio = find_studio()
    if studio is not None:
        files |= studio.editor_files(files)
    return files


def _print_next(folder: Path, written: list[str], kept: Iterable[str], *, has_scenarios: bool) -> None:
    click.echo(f"wrote {len(written)} files into {printable(str(folder))}:")
    for name in written:
        click.echo(f"  {name}")
    if kept:
        click.echo(f"not changed: {', '.join(kept)}")
    click.echo("\nnext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    commands: Iterable[tuple[str, str]] = NEXT_COMMANDS
    for line in columns((each for each in commands if has_scenarios or each[0] != "ncco test"), "  "):
        click.echo(line)
