"""`ncco init`: creates a project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ncco_server.desk.environment import DOTENV
from ncco_server.desk.output import FINE, CannotRun, columns
from ncco_server.desk.starters import LIKE, handler_project, starter
from ncco_server.desk.studio import INSTALL, Studio, find_studio
from ncco_server.terminal import printable
from ncco_server.version import VERSION
from ncco_server.wording import counted

SKELETON: Final = Path(__file__).parent / "skeleton"
HIDDEN: Final = "dot-"
"""`dot-env.example` in the skeleton becomes `.env.example` in the project."""
DEMO: Final = (
    "# All calls of this project are simulated. Real calls need a project of their own: ncco init shop\nNCCO_DEMO=1\n"
)
NEXT_COMMANDS: Final = (
    ("ncco serve --dev", "open the address that it prints, and make a call in the browser"),
    ("ncco check", "check the flows; there are no issues yet"),
    ("ncco simulate", "read what a caller hears first"),
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
  ncco init practice --demo    with four weeks of simulated calls
  ncco init . --force          this folder, next to its files

Exit codes: 0 written, 2 the folder has files already, or cannot be written.""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--like", type=click.Choice(LIKE), help="Begin with one of these flows, without scenarios.")
@click.option("--python", is_flag=True, help="Begin with a flow in Python.")
@click.option("--demo", is_flag=True, help="A practice with simulated calls, to look at. It cannot go live.")
@click.option("--force", is_flag=True, help="Write into a folder that has files. Existing files are kept.")
def command(folder: Path, *, like: str | None, python: bool, demo: bool, force: bool) -> int:
    """Create a project in DIR: a flow, a template, settings, the editor's schema, and a compose file."""
    if demo and (like is not None or python or force):
        raise CannotRun("--demo makes a project of its own, in a new folder", "leave out the other options")
    if like is not None and python:
        raise click.UsageError("--like and --python: choose one of them.")
    if python and (taken := [name for name in ("flows/main.yaml", "main.py", DOTENV) if (folder / name).exists()]):
        raise CannotRun(f"{folder} has {' and '.join(taken)} already", "name a new folder, or leave out --python")
    studio = find_studio()
    if demo and studio is None:
        raise CannotRun("the studio plays the calls of --demo, and it is not installed", INSTALL)
    _refuse_used_folder(folder, force=force)
    flows, left_out = _flows(like, studio if demo else None, python=python)
    files = _files(flows, left_out, python=python)
    kept = sorted(name for name in files if (folder / name).exists())
    written = sorted(files.keys() - kept)
    _refuse_links(folder, written)
    for name in written:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
        if name == DOTENV:
            path.chmod(0o600)
    _print_written(folder, written, kept)
    if demo and studio is not None:
        click.echo("playing the calls of four weeks ...")
        click.echo(f"stored {counted(studio.play_demo(folder, datetime.now(UTC)), 'simulated call')}")
    click.echo("\nnext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    for line in columns((each for each in NEXT_COMMANDS if each[0] not in left_out), "  "):
        click.echo(line)
    return FINE


def _flows(like: str | None, studio: Studio | None, *, python: bool) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the files in place of the skeleton's flows, those of a demonstration by the studio, and unfit commands."""
    if like is not None:
        return {"flows/main.yaml": starter(like, "main")}, ("ncco test", "ncco render")
    if studio is not None:
        return {**studio.demo_files(), DOTENV: DEMO}, ("ncco render", "ncco graph", "ncco go-live")
    return {}, ("ncco prove",) if python else ()  # it leaves handlers to their scenarios


def _refuse_used_folder(folder: Path, *, force: bool) -> None:
    """Raise CannotRun if a folder contains files besides Git's, unless forced."""
    if folder.exists() and not folder.is_dir():
        raise CannotRun(f"{folder} is a file", "name a folder that does not exist yet")
    if folder.exists() and not force and any(path.name != ".git" for path in folder.iterdir()):
        raise CannotRun(f"{folder} is not empty", "name a new folder; or add what is missing with --force")


def _refuse_links(folder: Path, names: list[str]) -> None:
    """Raise CannotRun if a link leads a file out of the folder."""
    for name in names:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise CannotRun(f"a link leads {name} out of {folder}", "replace the link, or name a new folder")


def _files(flows: Mapping[str, str], left_out: tuple[str, ...], *, python: bool) -> dict[str, str]:
    """The files of the skeleton, its README without some commands. `flows`, if any, replace its own."""
    files: dict[str, str] = {}
    for path in sorted(path for path in SKELETON.rglob("*") if path.is_file()):
        parts = path.relative_to(SKELETON).parts
        name = "/".join(f".{part.removeprefix(HIDDEN)}" if part.startswith(HIDDEN) else part for part in parts)
        files[name] = path.read_text(encoding="utf-8")
    files["Dockerfile"] = files["Dockerfile"].replace("VERSION", VERSION)
    if python:
        files = handler_project(files)
    if flows:
        files = {name: text for name, text in files.items() if not name.startswith(("flows/", "templates/", "tests/"))}
        files |= flows
    if left_out:
        lines = files["README.md"].splitlines(keepends=True)
        files["README.md"] = "".join(line for line in lines if not line.removeprefix("`").startswith(left_out))
    studio = find_studio()
    if studio is not None:
        files |= studio.editor_files(files)
    return files


def _print_written(folder: Path, written: list[str], kept: list[str]) -> None:
    click.echo(f"wrote {len(written)} files into {printable(str(folder))}:")
    for name in written:
        click.echo(f"  {name}")
    if kept:
        click.echo(f"not changed: {', '.join(kept)}")
