"""Turns flow files and templates into a project: flows without errors, and every issue."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final, Literal, Self, TypeAlias

from ncco_server.flow.checks.facts import reads_in
from ncco_server.flow.checks.graph import check_cycles, check_placing, check_reachable
from ncco_server.flow.checks.project import check_modules, check_project
from ncco_server.flow.checks.prompts import check_prompts
from ncco_server.flow.checks.usage import check_templates, check_usage
from ncco_server.flow.digraph import reachable
from ncco_server.flow.files import (
    HANDLER_SUFFIX,
    display_path,
    is_deployed,
    is_flow_file,
    is_line,
    names_in,
    of_project,
    read_project,
    too_much,
)
from ncco_server.flow.hours.calendar import Calendar
from ncco_server.flow.hours.declaration import check_overrides
from ncco_server.flow.hours.timezone import zone_written_in
from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.language.flow import FlowHead, ReadFlow, is_flow_name, read_flow, read_head
from ncco_server.flow.language.shared import Context, Sections, is_shared, read_shared
from ncco_server.flow.language.step import StoredSteps
from ncco_server.flow.language.template_lines import SUFFIX, line_node, read_line
from ncco_server.flow.model import Flow, Project, later_effects
from ncco_server.flow.nodes import Map, Node, Place, Text, walk
from ncco_server.flow.phases import shown, up_to_first_error
from ncco_server.flow.scope import Signature
from ncco_server.flow.source import MAX_VALUES, read_yaml
from ncco_server.flow.source.source_file import SourceFile
from ncco_server.flow.taint import filled_with_settings
from ncco_server.flow.templates.parsing import Templates
from ncco_server.suggest import limited_comparisons, near_or_all


def load_stored(texts: Mapping[str, str], name: str, handlers: Collection[str] = ()) -> Flow | None:
    """Load a flow from the files of a stored revision, which had no errors when it was stored.

    Its steps are read when calls get there. Return None if a file can no longer be read. `handlers` is as in `load`.
    """
    with limited_comparisons():
        files, _ = _read_files(texts, "stored", _allowed(handlers))
        tracked = _templates(texts)
        context = _read_context(files, texts, tracked, None, "stored")
        reads = [_read(file, file.head, context, tracked).read for file in files if file.head is not None]
    if any(file.has_errors and not is_shared(file.node) for file in files):
        return None
    flows = {read.name: _with_asked_hours(read.flow) for read in reads if read.flow is not None}
    return _linked(name, flows, texts) if name in flows else None


def link(flows: Mapping[str, Flow], sources: Mapping[str, Mapping[str, str]]) -> dict[str, Flow]:
    """Flows from which a call can get to one with an error are left out."""
    found: dict[str, Flow] = {}
    flows = {name: _with_asked_hours(flow) for name, flow in flows.items()}
    for name in flows:
        names = _reach(name, flows)
        if names is None:
            continue
        texts = {path: text for other in names for path, text in sources[other].items()}
        found[name] = _linked(name, {other: flows[other] for other in names}, texts)
    return found


def _linked(name: str, flows: Mapping[str, Flow], texts: Mapping[str, str]) -> Flow:
    """`flows` are this one and those that it can reach."""
    # a wait names its flow unless the call began there, so each sub-flow needs its own cache
    subs = {other: replace(flow, stretches={}) for other, flow in flows.items() if other != name}
    asked = frozenset(key for flow in flows.values() for key in flow.asks_hours)
    return replace(flows[name], subs=subs, sources=texts, asks_hours=asked, revision=revision_of(texts))


def _with_asked_hours(flow: Flow) -> Flow:
    """A handler, and a stored flow, whose steps are not read yet, may ask all."""
    names = {""}
    if flow.calendars and flow.handler is None and not isinstance(flow.steps, StoredSteps):
        effects = chain(*(step.effects for step in flow.steps.values()), later_effects(flow.events))
        values = [effect.value for effect in effects if "hours" in effect.value.used_names]
        names = {read.field for value in values for read in reads_in(value) if read.name == "hours"}
    asked = (each.key for name, each in flow.calendars.items() if not names.isdisjoint({name, ""}))
    return replace(flow, asks_hours=frozenset(asked)) if flow.calendars else flow


def _reach(start: str, flows: Mapping[str, Flow]) -> list[str] | None:
    """None if a call can reach a flow with an error. `start` comes first."""
    names = list(reachable([start], lambda name: sorted(flows[name].runs) if name in flows else ()))
    return names if flows.keys() >= set(names) else None


_FLOWS = "flows/"
_TEMPLATES = "templates/"
_CALENDARS = "calendars/"

Extent = Literal["stored", "revision", "files", "project"]
_WHOLE_FLOWS: Final = frozenset({"files", "project"})
ReadHandler: TypeAlias = Callable[[FlowHead, Context, list[FlowIssue]], ReadFlow]


def load_files(
    flows: Path,
    templates: Path,
    env: Mapping[str, str] | None = None,
    *,
    modules: Collection[str] | None = None,
    today: date | None = None,
    handlers: Collection[str] = (),
    default: str = "",
) -> Project:
    """Also report unreadable files. Deployed files are enough for a project."""
    texts, unread = read_project(flows, templates)
    if any(map(is_deployed, handlers)):
        from ncco_server.flow.handlers.given import deployed_texts  # noqa: PLC0415 - only few projects have some

        texts |= deployed_texts(handlers)
    return load(
        texts,
        env,
        unread=unread,
        modules=modules,
        extent="project",
        today=today,
        handlers=handlers,
        default=default,
    )


@limited_comparisons()
def load(
    texts: Mapping[str, str],
    env: Mapping[str, str] | None = None,
    *,
    unread: Iterable[FlowIssue] = (),
    modules: Collection[str] | None = None,
    extent: Extent = "revision",
    today: date | None = None,
    handlers: Collection[str] = (),
    default: str = "",
) -> Project:
    """Load the project in `texts`. Never raises; flows with errors are left out.

    A project over a limit (E119) has no flows. A `revision` has no such limits.

    Args:
        texts: path → text, from `read_project`. `calendars/*` are holiday dates computed earlier.
        env: the variables that flows may read (without `FLOW_`); None skips the check that they are set.
        unread: the issues of `read_project`.
        modules: the Python modules whose functions lookups may call (`NCCO_PYTHON_LOOKUPS`); None skips that check, but
            the service never calls functions of other modules.
        extent: what the texts cover: a flow's `revision`, which was checked before; some `files` of a project; or the
            whole `project`. A revision lacks the flows that its hooks place calls with. Unused names and names read too
            early are reported for `files` and `project`; unused shared parts only for `project`.
        today: overrides before this date are reported as past; None skips that check.
        handlers: the files of flows/ whose code may be run (`NCCO_PYTHON_FLOWS`), or deployed files. Nobody but the
            operator may have written their texts.
        default: the template that answers calls to all other numbers (`NCCO_DEFAULT`), without its suffix.
    """
    files, problem = _read_files(texts, extent, _allowed(handlers), default)
    if problem is not None:
        return Project({}, (problem,), dict(texts), {})
    parts = [file for file in files if is_shared(file.node)]
    tracked = _templates(texts)
    context = _read_context(files, texts, tracked, env, extent)
    shared_sources = {file.path: file.text for file in parts} | tracked.pop_used()

    flows = [_read(file, file.head, context, tracked) for file in files if file.head is not None]
    if modules is not None:
        _check_lookups(files, [context.shared, *(flow.read.sections for flow in flows)], modules)
    _check_flows(flows)
    flows = [flow.without_faulty_flow() for flow in flows]
    reads = [flow.read for flow in flows]

    linked = link(
        {read.name: read.flow for read in reversed(reads) if read.flow is not None},
        {flow.read.name: {**flow.sources(context), **shared_sources} for flow in reversed(flows)},
    )
    calendars = _calendars(context, linked)
    issues = {*unread, *(issue for file in files for issue in file.shown_issues)}
    issues |= {*check_project(reads, context.shared, context.refusals)}
    if extent == "project" and not any(issue.code == "E702" for issue in issues):  # its fix writes the whole list
        issues |= {*_check_listed(texts, handlers)}
    if extent in _WHOLE_FLOWS:
        known = [read for read in reads if read.flow is None or not (read.flow.handler or read.flow.is_line)]
        is_whole = extent == "project" and len(known) + len(parts) == len(files)
        issues |= {*check_usage(known, context.shared, context.events, issues, is_whole=is_whole)}
        if calendars and today is not None:
            issues |= {*check_overrides(calendars.values(), today)}
        issues |= {
            fault
            for path, text in _in_folder(texts, _TEMPLATES).items()
            for fault in SourceFile(path, text).invisible_characters()
        }
    if extent == "project" and default:
        issues |= {*_check_default(default, texts)}
    if extent == "project" and not any(each.is_error for each in issues):
        if flows and not handlers:
            issues |= {*check_templates(tracked.unused())}
        if not flows and not parts:
            issues.add(RULES["E123"].at(Place("flows", 1, 1), "no file in flows/ has a flow"))
    tables = {name: table for name, table in context.shared.tables.items() if table is not None}
    undeclared = {file.path for file in files if file.has_errors and not file.is_complete}
    found = tuple(_at_its_line(issue, texts) for issue in shown(issues, undeclared))
    return Project(linked, found, dict(texts), calendars, tables, context.refusals)


def _read_files(
    texts: Mapping[str, str], extent: Extent, allowed: Mapping[str, str], default: str = ""
) -> tuple[list[_File], FlowIssue | None]:
    is_limited = extent in _WHOLE_FLOWS
    files: list[_File] = []
    if is_limited and (problem := too_much(texts)) is not None:
        return files, problem
    values = 0
    missing = [name for path, name in allowed.items() if extent == "project" and path not in texts]
    handlers = {path for path, text in texts.items() if path in allowed or _holds_handler(path, text)}
    for path in sorted(handlers.union(filter(is_flow_file, texts))):
        if path in allowed:
            files += _File.of_handlers(path, texts[path], allowed[path])
        elif path in handlers:
            listed = [each for each in handlers if not is_deployed(allowed.get(each, ""))]
            files.append(_File.of_unlisted(path, texts[path], listed, missing))
        else:
            node, issues = read_yaml(path, texts[path], is_late=extent == "stored")
            files.append(_File(path, texts[path], node, None, issues))
        values += files[-1].values if is_limited else 0
        if values > MAX_VALUES:
            return files, of_project(path, f"{MAX_VALUES:,} keys and values")
    files += [_File.of_line(path, text, default) for path, text in sorted(_lines(texts).items())]
    shared = [file.node for file in files if isinstance(file.node, Map) and is_shared(file.node)]
    return [file.with_head(shared) for file in files], None


def _allowed(handlers: Iterable[str]) -> dict[str, str]:
    return {display_path(name): name for name in handlers}


def _templates(texts: Mapping[str, str]) -> Templates:
    return Templates({path.removeprefix(_TEMPLATES): text for path, text in _in_folder(texts, _TEMPLATES).items()})


def _lines(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in _in_folder(texts, _TEMPLATES).items() if is_line(text)}


def _check_default(default: str, texts: Mapping[str, str]) -> Iterator[FlowIssue]:
    lines = [path.removeprefix(_TEMPLATES).removesuffix(SUFFIX) for path in _lines(texts)]
    if default not in lines:
        message = f'NCCO_DEFAULT is "{default}", but no {default}{SUFFIX} in templates/ begins with {{# line #}}'
        yield RULES["E323"].at(Place("templates", 1, 1), message, near_or_all(default, lines))


def _holds_handler(path: str, text: str) -> bool:
    return path.startswith(_FLOWS) and path.endswith(HANDLER_SUFFIX) and "call_flow" in text


def _check_listed(texts: Mapping[str, str], handlers: Iterable[str]) -> Iterator[FlowIssue]:
    files = [path.removeprefix(_FLOWS) for path in texts if path.startswith(_FLOWS) and path.endswith(HANDLER_SUFFIX)]
    for name in handlers:
        if not is_deployed(name) and f"{_FLOWS}{name}" not in texts:
            nearest = PurePosixPath(name).name
            cure = f'write "{nearest}"' if nearest in files else near_or_all(name, files) if files else None
            yield RULES["W707"].at(
                Place(f"{_FLOWS}{name}", 1, 1), "NCCO_PYTHON_FLOWS lists a file that does not exist", cure
            )


def _in_folder(texts: Mapping[str, str], folder: str) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path.startswith(folder)}


def _read_context(
    files: list[_File],
    texts: Mapping[str, str],
    templates: Templates,
    env: Mapping[str, str] | None,
    extent: Extent,
) -> Context:
    shared = [(file.node, file.issues) for file in files if isinstance(file.node, Map) and is_shared(file.node)]
    named = _named(files) if extent in _WHOLE_FLOWS else {}
    zone = zone_written_in(*(node for node, _ in shared))
    context = Context(
        templates,
        env,
        dates=_in_folder(texts, _CALENDARS),
        flows=_signatures(files),
        has_all_flows=extent in _WHOLE_FLOWS,
        is_stored=extent == "stored",
        kept=filled_with_settings(named, [(node, zone) for node, _ in shared], templates),
        zone=zone,
    )
    return read_shared(shared, context)


def _at_its_line(issue: FlowIssue, texts: Mapping[str, str]) -> FlowIssue:
    """Give a handler's issue the whole line, unless its column is known."""
    place = issue.place
    is_known = place[2:] != (1, 1) or issue.code == "E701"
    if not place.file.endswith(HANDLER_SUFFIX) or is_known or place.file not in texts:
        return issue
    line = "".join(texts[place.file].splitlines()[place.line - 1 : place.line])
    return replace(
        issue, place=place._replace(column=len(line) - len(line.lstrip()) + 1, length=len(line.strip()) or 1)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """One file of flows/.

    Attributes:
        read_handler: None for a YAML file, or if the handler's code could not be run.
    """

    path: str
    text: str
    node: Node | None
    head: FlowHead | None
    issues: list[FlowIssue]
    read_handler: ReadHandler | None = None

    @classmethod
    def of_handlers(cls, path: str, text: str, listed: str) -> list[Self]:
        """One for each handler of the file. The text of a deployed file is not stored with its flows."""
        from ncco_server.flow.handlers.reading import read_handler, run_file  # noqa: PLC0415 - few projects have any

        kept = "" if is_deployed(listed) else text
        found = run_file(path, text, listed)
        return [cls(path, kept, each.node, None, each.issues, partial(read_handler, each)) for each in found]

    @classmethod
    def of_unlisted(cls, path: str, text: str, handlers: Iterable[str], missing: Iterable[str]) -> Self:
        """The code of `path` must not be run; `handlers` are all files to list, `missing` are listed ones."""
        every = ",".join(sorted(handler.removeprefix(_FLOWS) for handler in handlers))
        message = "the server may not run the code of this file"
        if absent := " and ".join(missing):
            message += f"; NCCO_PYTHON_FLOWS lists {absent}, which does not exist"
        cure = f"if it is yours, set NCCO_PYTHON_FLOWS={every} in .env, or in the server's environment"
        return cls(path, text, None, None, [RULES["E702"].at(Place(path, 1, 1), message, cure)])

    @classmethod
    def of_line(cls, path: str, text: str, default: str) -> Self:
        node = line_node(path, text, is_default=path == f"{_TEMPLATES}{default}{SUFFIX}")
        return cls(path, text, node, None, [], read_line)

    def with_head(self, shared: Iterable[Map]) -> _File:
        if self.node is None or is_shared(self.node):
            return self
        head = read_head(self.node, self.issues, shared)
        return replace(self, head=head)

    @property
    def is_complete(self) -> bool:
        """False for a file that may declare names for others: a shared one, and one that could not be read."""
        return isinstance(self.node, Map) and self.node.get("flow") is not None

    @property
    def values(self) -> int:
        nodes = walk(self.node) if self.node is not None else ()
        return sum(1 + (len(node.entries) if isinstance(node, Map) else 0) for node in nodes)

    @property
    def shown_issues(self) -> list[FlowIssue]:
        return up_to_first_error(self.issues)

    @property
    def has_errors(self) -> bool:
        return any(issue.is_error for issue in self.issues)


@dataclass(frozen=True, slots=True, eq=False)
class _FlowFile:
    """A file, its content, and its templates, by path."""

    file: _File
    read: ReadFlow
    templates: Mapping[str, str]

    def without_faulty_flow(self) -> _FlowFile:
        return replace(self, read=replace(self.read, flow=None)) if self.file.has_errors else self

    def sources(self, context: Context) -> dict[str, str]:
        own = self.read.flow.calendars.values() if self.read.flow is not None else ()
        dates = calendar_sources((*context.shared.calendars.values(), *own))
        return {self.file.path: self.file.text, **self.templates, **dates}


def _read(file: _File, head: FlowHead, context: Context, tracked: Templates) -> _FlowFile:
    read = (file.read_handler or read_flow)(head, context, file.issues)
    return _FlowFile(file, read, tracked.pop_used())


def _check_lookups(files: Iterable[_File], sections: Iterable[Sections], allowed: Collection[str]) -> None:
    lookups = (lookup for section in sections for lookup in section.lookups.values())
    found = {*check_modules(lookups, allowed)}
    for file in files:
        file.issues.extend(issue for issue in found if issue.place.file == file.path)


def _check_flows(flows: Iterable[_FlowFile]) -> None:
    sound = [each for each in flows if not each.file.has_errors]
    first = {each.read.name: each for each in reversed(sound)}
    by_name = {
        each.read.name if first[each.read.name] is each else str(each.read.outside.place): each.read
        for each in reversed(sound)
    }
    for issue in (*check_cycles(by_name), *check_placing(by_name)):
        _owner(issue.place, sound).file.issues.append(issue)
    for each in sound:
        each.file.issues.extend((*check_prompts(each.read), *check_reachable(each.read)))


def _owner(place: Place, flows: Iterable[_FlowFile]) -> _FlowFile:
    """Of several handlers in a file, the one that begins above the place."""
    of_file = [(each.read.outside.place.line, each) for each in flows if each.file.path == place.file]
    return max(of_file, key=lambda each: (each[0] <= place.line, each[0]))[1]


def _signatures(files: list[_File]) -> dict[str, Signature]:
    """A nameless flow, which is an error, has its file's name."""
    found: dict[str, Signature] = {}
    nameless: list[Signature] = []
    for file in files:
        if file.node is None:
            for name in names_in(file.path, file.text) or [PurePosixPath(file.path).stem]:
                found.setdefault(name, Signature(name, Place(file.path, 1, 1), is_whole=False))
        if file.head is not None:
            signature = file.head.outside
            if signature.name in found or not is_flow_name(signature.name):
                nameless.append(replace(signature, name=PurePosixPath(file.path).stem, is_whole=False))
            if signature.name:
                found.setdefault(signature.name, signature)
    return {signature.name: signature for signature in nameless} | found


def _named(files: list[_File]) -> dict[str, tuple[Map, str]]:
    named = [(file.node.get("flow"), file.node, file.head) for file in files if isinstance(file.node, Map)]
    return {name.value: (node, head.zone if head else "") for name, node, head in named if isinstance(name, Text)}


def _calendars(context: Context, flows: Mapping[str, Flow]) -> dict[str, Calendar]:
    shared = context.shared.calendars
    own = {
        f"{flow.name}.{name}": calendar
        for flow in flows.values()
        for name, calendar in flow.calendars.items()
        if shared.get(name) is not calendar
    }
    return {**shared, **own}


def calendar_sources(calendars: Iterable[Calendar]) -> dict[str, str]:
    """Computed dates, by path: part of the revision of flows that use them."""
    return {path: text for calendar in calendars for path, text in calendar.sources.items()}


def revision_of(sources: Mapping[str, str]) -> str:
    """64 hex digits."""
    digest = hashlib.sha256()
    for path, text in sorted(sources.items()):
        for part in (path, text):
            data = part.encode(errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()
