"""`ncco bundle`: what callers hear while the server is away, as files for any web host."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import click

from app.cli import options
from app.cli.environment import folders, server_settings
from app.cli.output import FINE, CannotRun, columns, print_json
from app.cli.project import Source
from app.engine.builder import error_prompts, failsafe_drafts
from app.flow.model import Flow, Project
from app.settings import Settings
from app.settings.values import DEFAULT

ALL: Final = "all.json"
DEFAULT_FILE: Final = "default.json"
INDEX: Final = "index.json"
HOST_FILES: Final = Path(__file__).parent / "bundle_files"
"""What web hosts need to serve a bundle as Vonage wants it: JSON, by GET, within a second or two."""
_MADE_BY: Final = "ncco bundle"

Ncco: TypeAlias = dict[str, Any]
"""One NCCO of a bundle: its file, what it is about, what callers hear, and why it is the failsafe NCCO, if it is."""


@click.command(
    "bundle",
    epilog="""\b
Examples:
  ncco bundle                              into the folder bundle/
  ncco bundle --output /srv/ncco           somewhere else
  ncco bundle --format json                which file says what, for a program

Put the folder on a web host that does not fail together with the server, and enter the address of its all.json
as the fallback URL of the application, by GET. The same flows always make the same bytes. Exit codes: 0 written,
1 the flows have errors, 2 the folder cannot be written or holds other files.""",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("bundle"),
    show_default=True,
    help="Folder to write; files of an earlier bundle in it are replaced.",
)
@options.flows
@options.templates
@options.output("text", "json")
def command(*, output: Path, flows: Path | None, templates: Path | None, form: str) -> int:
    """Write a static NCCO for every number, and one for all of them together.

    A file says what the `error` exit of its flow says, if that is the same for every caller and only talks, streams
    and connects; otherwise the failsafe NCCO.
    """
    settings = server_settings()
    nccos = _nccos(Source(*folders(flows, templates)).load_sound({}).project, settings)
    files = _write(output, nccos)
    if form == "json":
        print_json({"folder": str(output), "files": files, "nccos": nccos})
    else:
        because = ((each["file"], each["says"] + (f": {each['because']}" if each["because"] else "")) for each in nccos)
        click.echo("\n".join(columns(because)))
        click.echo(
            f"written into {output}: see its README.md for the web host and for the URL to enter at Vonage (by GET)"
        )
    return FINE


def _nccos(project: Project, settings: Settings) -> list[Ncco]:
    """Every NCCO: of each number, of all other numbers, and the one for all."""
    failsafe = [draft.action for draft in failsafe_drafts(settings.failsafe)] or [{"action": "talk", "text": DEFAULT}]

    def says_failsafe(because: str) -> Ncco:
        return {"says": "the failsafe NCCO", "because": because, "ncco": failsafe}

    def of_flow(flow: Flow, to: str) -> Ncco:
        if actions := error_prompts(flow, to):
            return {"says": f"the error exit of {flow.name}", "because": "", "ncco": actions}
        return says_failsafe(f"the error exit of {flow.name} needs the server, or differs between calls")

    startable = [flow for _, flow in sorted(project.flows.items()) if flow.is_startable]
    by_number = {number: flow for flow in startable for number in flow.numbers}
    default = next((flow for flow in startable if flow.default), None)
    found: list[Ncco] = [
        {"file": f"numbers/{number}.json", "about": "numbers", "name": number, **of_flow(flow, number)}
        for number, flow in sorted(by_number.items())
    ]
    texts = {_text(each["ncco"]) for each in found}
    other = says_failsafe("no flow has `default: true`") if default is None else of_flow(default, "")
    if texts <= {_text(other["ncco"])}:
        same = other
    elif len(texts) > 1:
        same = says_failsafe("the numbers do not all say the same")
    else:
        same = says_failsafe("callers of other numbers hear something else")
    found.append({"file": DEFAULT_FILE, "about": "default", "name": "", **other})
    found.append({"file": ALL, "about": "all", "name": "", **same})
    return found


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _write(folder: Path, nccos: Iterable[Ncco]) -> list[str]:
    """Write the files, the index last; their paths within the folder.

    Files of an earlier bundle that this one does not have are deleted. Raises CannotRun for a folder with other files.
    """
    texts = {each["file"]: _text(each["ncco"]) for each in nccos}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in sorted(HOST_FILES.iterdir())}
    numbers = {each["name"]: each["file"] for each in nccos if each["name"]}
    texts[INDEX] = _text({"made_by": _MADE_BY, "all": ALL, "default": DEFAULT_FILE, "numbers": numbers})
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or _is_bundle(folder))):
        raise CannotRun(
            f"{folder} holds something other than a bundle", "name an empty folder, or one that does not exist"
        )
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.draft")
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(file)  # a web host that serves the folder meanwhile never sees half of a file
    for earlier in folder.glob("numbers/*.json"):
        if f"numbers/{earlier.name}" not in texts:
            earlier.unlink()
    return sorted(texts)


def _is_bundle(folder: Path) -> bool:
    """Whether an earlier bundle is in the folder."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("made_by") == _MADE_BY
