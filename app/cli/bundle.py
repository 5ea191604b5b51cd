"""`ncco bundle`: what callers hear while the server is away, as files for any web host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from app.cli import options
from app.cli.environment import folders, server_settings
from app.cli.output import FINE, ISSUES, CannotRun, columns, print_json
from app.cli.project import Source, load_source, print_errors
from app.engine.offline import keep_offline, play_offline
from app.flow.model import Flow, Project
from app.settings import Settings
from app.settings.values import DEFAULT

ALL: Final = "all.json"
DEFAULT_FILE: Final = "default.json"
INDEX: Final = "index.json"
HOST_FILES: Final = Path(__file__).parent / "bundle_files"
"""What web hosts need to serve a bundle as Vonage wants it: JSON, by GET, within a second or two."""
_MADE_BY: Final = "ncco bundle"
_OWN_FILE: Final = re.compile(r"(?:numbers|flows)/[\w-]+\.json")

Actions = tuple[Mapping[str, Any], ...]


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
def command(*, output: Path, flows: Path | None, templates: Path | None, form: Literal["text", "json"]) -> int:
    """Write a static NCCO for every number, and one for all of them together.

    A file says what the `error` exit of its flow says, if that is the same for every caller and needs no webhook of
    this server; otherwise the failsafe NCCO.
    """
    settings = server_settings()
    found = load_source(Source(*folders(flows, templates)), {})
    if found.has_errors:
        print_errors(found)
        click.echo("nothing is written while the flows have errors", err=True)
        return ISSUES
    nccos = _nccos(found.project, settings)
    files = _write(output, nccos)
    if form == "json":
        print_json({"folder": str(output), "files": files, "nccos": [each.as_json() for each in nccos]})
    else:
        because = ((each.file, each.says + (f": {each.because}" if each.because else "")) for each in nccos)
        click.echo("\n".join(columns(because)))
        click.echo(
            f"written into {output}: see its README.md for the web host and for the URL to enter at Vonage (by GET)"
        )
    return FINE


@dataclass(frozen=True, slots=True)
class StaticNcco:
    """One NCCO of a bundle.

    Attributes:
        file: its path in the folder.
        about: `numbers`, `default` or `all`. name: the number, "" for the last two.
        flow: whose `error` exit it plays, "" for the failsafe NCCO.
        because: why it is the failsafe NCCO, "" when it is not.
    """

    file: str
    about: str
    name: str
    actions: Actions
    flow: str = ""
    because: str = ""

    @property
    def text(self) -> str:
        """The content of the file."""
        return json.dumps(self.actions, ensure_ascii=False, indent=2) + "\n"

    @property
    def says(self) -> str:
        """What callers hear."""
        return f"the error exit of {self.flow}" if self.flow else "the failsafe NCCO"

    def as_json(self) -> dict[str, object]:
        """For a program."""
        return {
            "file": self.file,
            "about": self.about,
            "name": self.name,
            "says": self.says,
            "because": self.because,
            "ncco": self.actions,
        }


def _nccos(project: Project, settings: Settings) -> list[StaticNcco]:
    """Every NCCO: of each number, the default one, and the one for all."""
    kept = keep_offline(settings.failsafe, settings.public_url)
    failsafe: Actions = kept.actions or ({"action": "talk", "text": DEFAULT},)
    replaced = "" if kept.actions else f" (and NCCO_FAILSAFE is not played either: {kept.because})"

    def of_flow(file: str, about: str, name: str, flow: Flow, to: str) -> StaticNcco:
        alone = play_offline(flow, to, dial_allow=settings.dial_allow, own_url=settings.public_url)
        if alone.actions:
            return StaticNcco(file, about, name, alone.actions, flow.name)
        return StaticNcco(file, about, name, failsafe, because=f"{flow.name}: {alone.because}{replaced}")

    startable = [flow for _, flow in sorted(project.flows.items()) if flow.is_startable]
    by_number = {number: flow for flow in startable for number in flow.numbers}
    found = [of_flow(f"numbers/{each}.json", "numbers", each, flow, each) for each, flow in sorted(by_number.items())]
    default = next((flow for flow in startable if flow.default), None)
    if default is not None:
        found.append(of_flow(DEFAULT_FILE, "default", "", default, ""))
    else:
        because = f"no flow has `default: true`{replaced}"
        found.append(StaticNcco(DEFAULT_FILE, "default", "", failsafe, because=because))
    return [*found, _for_all(found, failsafe, replaced)]


def _for_all(nccos: Iterable[StaticNcco], failsafe: Actions, replaced: str) -> StaticNcco:
    """What every number says if all say the same; otherwise the failsafe NCCO, which is wrong for nobody."""
    nccos = list(nccos)
    if len({each.text for each in nccos}) == 1:
        same = nccos[0]
        return StaticNcco(ALL, "all", "", same.actions, same.flow, same.because)
    texts = {each.text for each in nccos if each.about == "numbers"}
    differ = "the numbers do not all say the same" if len(texts) > 1 else "callers of other numbers hear something else"
    return StaticNcco(ALL, "all", "", failsafe, because=f"{differ}{replaced}")


def _write(folder: Path, nccos: Iterable[StaticNcco]) -> list[str]:
    """Write the files, the index last; their paths within the folder.

    Files of an earlier bundle that this one does not have are deleted. Raises CannotRun for a folder with other files,
    and for one that cannot be written.
    """
    texts = {each.file: each.text for each in nccos}
    texts |= {path.name: path.read_text(encoding="utf-8") for path in HOST_FILES.iterdir()}
    numbers = {each.name: each.file for each in nccos if each.name}
    index = {"made_by": _MADE_BY, "all": ALL, "default": DEFAULT_FILE, "numbers": numbers}
    try:
        earlier = set(_earlier(folder))
        for name, text in sorted(texts.items()):
            _replace(folder / name, text)
        _replace(folder / INDEX, json.dumps(index, ensure_ascii=False, indent=2) + "\n")
        for name in earlier - texts.keys():
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise CannotRun(f"{error.filename}: {error.strerror}", "name a folder that can be written") from error
    return sorted((*texts, INDEX))


def _earlier(folder: Path) -> Iterator[str]:
    """The NCCOs of an earlier bundle in the folder. Raises CannotRun when something else is in it, OSError."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        index = None
    if not isinstance(index, dict) or index.get("made_by") != _MADE_BY:
        cure = "name an empty folder, or one that does not exist"
        raise CannotRun(f"{folder} holds something that is no bundle", cure)
    for about in ("numbers", "flows"):
        files = index.get(about)
        yield from (
            name for name in (files.values() if isinstance(files, dict) else ()) if _OWN_FILE.fullmatch(str(name))
        )


def _replace(file: Path, text: str) -> None:
    """Write a file at once: a web host that serves the folder meanwhile never sees half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(file)
