"""The released project: the last good one of any server on the same store, and what a newer one lacks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from importlib import import_module
from typing import Final, NamedTuple

import orjson

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_server.flow.nodes import Place
from ncco_server.ncco.value_types.phones import is_example_number
from ncco_server.store import RevisionRow, Store, milliseconds

NO_PROJECT: Final = Project({}, (), {})
RELEASED: Final = "released"
"""A row's key in the table of revisions; flows' keys are 64 hex digits."""
CURE: Final = "put it back, or run `ncco release` to confirm the removal"


class Removal(NamedTuple):
    """What callers can reach or table rows contain, but the new files lack.

    `place` is in the files in use.
    """

    place: Place
    message: str


def removals(before: Project, after: Project) -> tuple[Removal, ...]:
    """A number or default that moves to another flow is not removed.

    Callers cannot dial numbers that are reserved for examples, so these and the flows that only they reach may go.
    """
    numbers = {number for flow in after.flows.values() for number in flow.numbers}
    has_default = any(flow.default for flow in after.flows.values())
    found: list[Removal] = []
    for flow in before.flows.values():
        if flow.default and not has_default:
            found.append(Removal(flow.place, "there is no longer a default flow"))
        dialled = [number for number in flow.numbers if not is_example_number(number)]
        missing = (number for number in dialled if number not in numbers)
        found += [Removal(flow.place, f"no flow has the number {number} anymore") for number in missing]
        now = after.flows.get(flow.name)
        is_reached = bool(dialled) or flow.default or flow.entry
        if is_reached and not (now is not None and now.is_startable):
            found.append(Removal(flow.place, f"no call can start in flow {flow.name} anymore"))
    return tuple(found)


async def lost_columns(store: Store, before: Project, after: Project) -> list[Removal]:
    """Rows of a table that is no longer declared stay as they are. Raises StoreUnavailable."""
    both = [(table, after.tables[name]) for name, table in before.tables.items() if name in after.tables]
    lost = [(old, message) for old, new in both for message in old.lost_by(new)]
    return [Removal(table.place, message) for table, message in lost if await store.tables.has_rows(table.name)]


def released_row(project: Project, now: datetime) -> RevisionRow:
    return RevisionRow(RELEASED, "", orjson.dumps(sources_of(project)), milliseconds(now))


def released_project(row: RevisionRow, read: Project, handlers: Collection[str], default: str) -> Project | None:
    """Return None without flows, or if this program finds errors.

    `read` is returned if it has the same sources and no errors: loading a large project takes seconds.
    """
    sources = orjson.loads(row.sources)
    is_same = not read.has_errors and sources == sources_of(read)
    project = read if is_same else ready(load(sources, handlers=handlers, default=default))
    return None if project.has_errors or not project.flows else project


def sources_of(project: Project) -> dict[str, str]:
    sources: dict[str, str] = {}
    for flow in project.flows.values():
        sources |= flow.sources
    return sources


def ready(project: Project) -> Project:
    """Import the clients of other systems that flows need, so that no caller waits for it."""
    for module in sorted({module for flow in project.flows.values() for module in _modules_of(flow)}):
        import_module(f"{__package__}.{module}")
    return project


def _modules_of(flow: Flow) -> set[str]:
    hooks = [*flow.hook_definitions]
    asked = [each.definition for step in flow.steps.values() for each in step.asks]
    needed = {
        "lookups": flow.handler is not None or any(each.table is None for each in asked),
        "hook_posts": any(hook.mail is None and hook.placing is None for hook in hooks),
        "mail": any(hook.mail is not None for hook in hooks),
        "placing.hooks": any(hook.placing is not None for hook in hooks),
        "placing.webhooks": flow.outbound is not None,
    }
    return {module for module, is_needed in needed.items() if is_needed}
