"""`ncco serve`: runs the server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from ncco_server.assembly import voice_access_of
from ncco_server.desk import options
from ncco_server.desk.ending import ENDING
from ncco_server.desk.output import FINE, ISSUES, CannotRun
from ncco_server.desk.project import LoadedProject, Source
from ncco_server.desk.studio import INSTALL, RunningConsole, find_studio
from ncco_server.errors import StoreError
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.report import report
from ncco_server.service.library import FIRST_READ_S
from ncco_server.service.released import CURE, RELEASED, released_project, removals
from ncco_server.service.threads import Threads
from ncco_server.settings import Settings, load_settings, require_safe
from ncco_server.settings.safety import placeholders
from ncco_server.store import moment_of, open_store
from ncco_server.terminal import printable
from ncco_server.version import VERSION
from ncco_server.web.log import is_json_log
from ncco_server.web.server import serve

_UNREAD: Final = Project({}, (), {}, {})
URLS: Final = (("answer", "/webhooks/answer"), ("fallback", "/webhooks/fallback"), ("event", "/webhooks/event"))


@click.command(
    "serve",
    epilog="""\b
Examples:
  ncco serve --dev                                       on this machine, without signatures
  ncco serve --dev main.py                               the calls of a Python file
  NCCO_PUBLIC_URL=https://calls.example.com \\
  VONAGE_SIGNATURE_SECRET=... ncco serve                 for real calls

Every option is also a setting (NCCO_HOST, NCCO_PORT, ...); an option overrides the environment, which overrides .env.
Exit codes: 0 stopped, 1 the flows have errors and the database has no earlier, valid flows, 2 a setting is wrong
or the address is in use, 3 the server cannot start.""",
)
@click.argument("program", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--dev", is_flag=True, help="Development mode: accept unsigned webhooks, on loopback only.")
@click.option(
    "--real-calls",
    is_flag=True,
    help="With --dev: place real calls through Vonage. By default, they only ring in the console.",
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 1000),
    default=1.0,
    show_default=True,
    help="With --dev: how many times as fast the pauses between attempts (`retry: {after: ..}`) pass.",
)
@click.option("--host", help="Address to listen on [NCCO_HOST, else 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on [NCCO_PORT, else 8000].")
@click.option(
    "--log",
    type=click.Choice(["pretty", "json", "auto"]),
    help="Log format [NCCO_LOG, else auto: `pretty` on a terminal, otherwise json].",
)
@options.flows
@options.templates
def command(
    program: Path | None,
    *,
    dev: bool,
    real_calls: bool,
    speed: float,
    host: str | None,
    port: int | None,
    log: str | None,
    flows: Path | None,
    templates: Path | None,
) -> int:
    """Run the server and its console. Prints the address to open, and the URLs to enter at Vonage.

    FILE is a Python file with handlers; the flow files beside it, in flows, belong to them.
    """
    if real_calls and not dev:
        raise CannotRun("--real-calls is for --dev", "leave it out: without --dev, all calls are real")
    source = Source.here(program or flows, templates)
    flows, templates = source.program or source.flows, source.templates
    settings = load_settings(host=host, port=port, log=log, flows=flows, templates=templates)
    require_safe(settings, dev)
    is_virtual = dev and not real_calls
    if speed > 1 and not (is_virtual or (dev and settings.has_local_vonage)):
        cure = (
            "use it with --dev, and without --real-calls unless NCCO_VONAGE_API_URL is a stand-in such as `ncco vonage`"
        )
        raise CannotRun("--speed would call real people again sooner than the flow says", cure)
    settings = settings.model_copy(update={"speed": speed, "has_virtual_vonage": is_virtual})
    say = _say_as_json if is_json_log(settings, sys.stdout) and not dev and not sys.stderr.isatty() else _say
    settings = settings.with_absolute_paths()
    read: Callable[[], LoadedProject] = partial(source.load, settings.flow_env)
    project = asyncio.run(
        project_at_start(
            settings.database_url, read, dev=dev, say=say, handlers=settings.python_flows, default=settings.default
        )
    )
    if project is None:
        say("the server does not start while its flows have errors")
        return ISSUES
    greeted = list(project.flows.values())
    del project, read  # the server reads the flows itself, and a large project takes a lot of memory
    database = _database(settings.database_url)

    without_console = _how_to_have_a_console(settings, dev=dev) if sys.stderr.isatty() else ""
    with (
        _console_beside(settings, dev=dev, say=say) as console,
        suppress(KeyboardInterrupt),  # before serve handles the signal
    ):
        port = console.port if console else settings.console_port
        beside = {"console": console is not None, "console_port": port}
        settings = settings.model_copy(update=beside | {"virtual_vonage": console and console.voice_access})

        def greet(host: str, port: int) -> None:
            bound = settings.model_copy(update={"host": host, "port": port})
            shown = f"Open the console in a browser: {console.url}" if console else without_console
            say(greeting(bound, greeted, dev=dev, database=database, console=shown))
            greeted.clear()
            if console:
                console.start(bound.address)

        figures = console.figures if console else None
        serve(settings, dev=dev, ready=greet, stopping=ENDING.limit, figures=figures)
    return FINE


def _say(text: str) -> None:
    """Print to standard error, ignoring errors: a full disk, for example, must not cost a call."""
    with suppress(OSError):
        click.echo(text, err=True)


def _say_as_json(text: str) -> None:
    """Print a line of the JSON log: programs that read the log cannot read other lines."""
    event, *details = filter(None, click.unstyle(text).splitlines())
    moment = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    _say(json.dumps({"event": event, "details": details, "level": "info", "timestamp": moment}))


async def project_at_start(
    database_url: str,
    read: Callable[[], LoadedProject],
    *,
    dev: bool,
    say: Callable[[str], None] = _say,
    first_read_s: float = FIRST_READ_S,
    handlers: Collection[str] = (),
    default: str = "",
) -> Project | None:
    """The flows on disk, or those served before; None if both have errors. Prints the issues.

    Outside development, the earlier flows stay in use if those on disk have errors, take long to read, or lack
    something that callers can reach. In development there are no callers, and the author can fix the flows. `read`
    reads the flows on disk, and blocks; `handlers` are the files whose code may be run, and `default` as in `load`.
    """
    reading = asyncio.create_task(Threads(1).run("flows", read))
    await asyncio.wait({reading}, timeout=None if dev else first_read_s)
    if not reading.done() and (before := await last_served(database_url, _UNREAD, handlers, default)):
        say(f"the flows take long to read, so until then, calls use the flows of {_since(before[1])}")
        return before[0]
    found = await reading
    if issues := report(found.issues, found.texts, "text", colour=True).rstrip("\n"):
        say(issues)
    before = None if dev else await last_served(database_url, found.project, handlers, default)
    if before is None:
        return None if found.has_errors else found.project
    project = before[0]
    since = _since(before[1])
    if found.has_errors:
        say(
            f"the flows have errors, so calls use the flows of {since}; fix the errors, and the running server loads "
            f"the flows"
        )
        return project
    removed = removals(project, found.project)
    if not removed:
        return found.project
    places = "".join(f"  {place.file}:{place.line}: {message}\n" for place, message in removed)
    say(
        "something that callers can reach has disappeared from the flows, so calls use the flows of "
        f"{since}\n{places}fix: {CURE}"
    )
    return project


def _since(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


async def last_served(
    database_url: str, read: Project, handlers: Collection[str], default: str = ""
) -> tuple[Project, datetime] | None:
    """The flows that a server last used with this database, and since when, or None.

    Writes and creates nothing. `read` are the flows on disk.
    """
    row = None
    with suppress(StoreError):
        async with open_store(database_url).records() as records:
            row = await records.revision(RELEASED)
    project = row and released_project(row, read, handlers, default)
    return (project, moment_of(row.created_at)) if row and project else None


def _database(url: str) -> str:
    store = open_store(url)
    if not store.is_durable:
        return "the memory of this process, and are lost when it ends"
    if store.path is not None:
        return f"{printable(str(store.path.absolute()))}{'' if store.path.exists() else ', a new database'}"
    return store.label


def greeting(settings: Settings, flows: Iterable[Flow], *, dev: bool, database: str = "", console: str = "") -> str:
    """The server's first output: its address, the console, the URLs for Vonage, and missing settings."""
    flows = tuple(flows)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{settings.port}"
    lines = [
        f"ncco {VERSION} listens on {address}{' (development)' if dev else ''}",
        *(["", console] if console else []),
        "",
        "Enter in the Vonage dashboard, under the application's Voice capability (all three with POST; GET works too):",
        *(f"  {name:<8}  POST  {settings.base_url}{path}" for name, path in URLS),
        "",
        "Flows:",
        *(f"  {line}" for line in _flow_lines(flows)),
        *(["", f"Calls are kept in {database}."] if database else []),
    ]
    left, doubts = ([f"{each}. {each.cure}" for each in found] for found in (placeholders(settings), settings.warnings))
    placing = [_on_placing(settings, dev=dev)] if any(flow.outbound is not None for flow in flows) else []
    notes = [*left, *_notes(settings, flows, address), *filter(None, placing), *doubts]
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])


def _how_to_have_a_console(settings: Settings, *, dev: bool) -> str:
    """Return "" if the console is off for another reason than its password."""
    if not settings.console or settings.has_console(dev):
        return ""
    return (
        "No console without a password: `ncco console password` prints the line for .env. The console is "
        f"then at {settings.console_link}"
    )


def _console_beside(
    settings: Settings, *, dev: bool, say: Callable[[str], None]
) -> AbstractContextManager[RunningConsole | None]:
    """See `Studio.console_beside`."""
    if not settings.has_console(dev):
        return nullcontext()
    studio = find_studio()
    if studio is None:
        say(f"note: there is no console without the studio\n  fix: {INSTALL}, or set NCCO_CONSOLE=0")
        return nullcontext()
    return studio.console_beside(settings, dev=dev, say=say)


def _on_placing(settings: Settings, *, dev: bool) -> str:
    """Return where placed calls ring; "" unless in development."""
    access = voice_access_of(settings)
    if access is None and not settings.has_virtual_vonage:
        return f"No calls are placed: set {' and '.join(settings.missing_to_fetch)}."
    if access is None:
        return "No calls are placed: there is no console in which they could ring; --real-calls calls real phones."
    if settings.has_virtual_vonage:
        return "Placed calls ring in the console, and nobody is called; --real-calls calls real phones."
    return "Placed calls ring real phones, and cost money (--real-calls)." if dev else ""


def _flow_lines(flows: Iterable[Flow]) -> Iterator[str]:
    known = sorted(flows, key=lambda flow: flow.name)
    default = "every other number" if any(flow.numbers for flow in known) else "every number"
    for flow in known:
        entrances = [*flow.numbers]
        if flow.default:
            entrances.append(default)
        if flow.entry:
            entrances.append(f"/webhooks/answer/{flow.name}")
        if flow.outbound is not None:
            entrances.append("placed by this server")
        if entrances:
            yield f"{flow.name:<14}  {', '.join(entrances)}"


def _notes(settings: Settings, flows: Iterable[Flow], address: str) -> Iterator[str]:
    if not settings.is_signed and not settings.insecure:
        yield "Signatures are not checked: VONAGE_SIGNATURE_SECRET is not set. Set it for real calls."
    if not settings.public_url and not settings.is_signed:
        yield (f"Vonage cannot reach {address}: start a tunnel and enter the tunnel's address, or set NCCO_PUBLIC_URL.")
    hooks = [hook for flow in flows for hook in flow.hook_definitions]
    if any(hook.mail is None for hook in hooks) and not settings.hook_secrets:
        yield "Hooks are not signed, so their receivers cannot verify the sender: set NCCO_HOOK_SECRET."
