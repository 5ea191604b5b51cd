"""A scripted call to a handler in Python, which calls its functions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from ncco_server.engine import CallData, Lookup, LookupAnswer, OpenWait
from ncco_server.engine.records import call_record
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.selection import TableSearch
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_server.table_rows import applied, key_of, table_of
from tests.unit.server.engine.scripted_call import ScriptedCall

SORRY = """
flow: sorry
start: sorry
steps:
  sorry: {do: [talk: "Something went wrong."], goto: end}
"""

SAMPLE_CALL = call_record(
    CallData("442079460000", "447700900123", "leg", conversation_uuid="CON-leg", endpoint_type="phone")
)


def project_of(code: str, others: Mapping[str, str] | None = None) -> Project:
    """A project with the handler `flows/shop.py`."""
    texts = {"flows/shop.py": dedent(code), "flows/sorry.yaml": SORRY, **(others or {})}
    handlers = [path.removeprefix("flows/") for path in texts if path.endswith(".py")]
    return load(texts, {}, extent="project", handlers=handlers)


def handler_issues(project: Project) -> list[FlowIssue]:
    """The issues at the handler of `project_of`."""
    return [issue for issue in project.issues if issue.place.file == "flows/shop.py"]


def handler(
    body: str,
    others: Mapping[str, str] | None = None,
    options: str = 'on_error="sorry"',
    before: str = "",
) -> Flow:
    """The flow of a handler with this body. Its file must have no errors."""
    lines = "\n".join(f"    {line}" for line in dedent(body).strip().split("\n"))
    head = "from ncco_server import Call, Choice, RunFailed, call_flow\n"
    code = f"{head}{dedent(before)}\n@call_flow(default=True, {options})\nasync def shop(call: Call):\n{lines}\n"
    found = project_of(code, others)
    errors = [f"{issue.place}: {issue.code} {issue.message}" for issue in found.issues if issue.is_error]
    assert not errors, errors
    return found.flows["shop"]


class HandledCall(ScriptedCall):
    """A call that really calls functions; `called` has their names. What its turns change is written to `rows`."""

    def __init__(self, flow: Flow, *, rows: Mapping[str, Any] | None = None, **facts: Any) -> None:
        self.called: list[str] = []
        self.rows = dict(rows or {})
        super().__init__(flow, **facts)
        self._save()

    def send_to(self, wait: OpenWait, fields: Mapping[str, object] | None) -> list[dict[str, Any]] | None:
        before = self.turn
        found = super().send_to(wait, fields)
        if self.turn is not before:
            self._save()
        return found

    def _save(self) -> None:
        for change in self.turn.saves:
            self.rows[change.row] = change.apply(self.rows.get(change.row))

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        request = lookup.request
        if isinstance(request, TableSearch):
            names = sorted(name for name in self.rows if table_of(name) == request.table)
            return LookupAnswer(request.choose([(key_of(name), self.rows[name]) for name in names]))
        if request.method == "TABLE":
            return LookupAnswer(applied(self.rows.get(request.row), request.row, request.pending))
        self.called.append(lookup.name)
        try:
            result = request.code()
            return LookupAnswer(asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result)
        except Exception as error:  # noqa: BLE001 - as the server does it
            return LookupAnswer(None, f"the function raised {type(error).__name__}")


async def _awaited(result: Any) -> Any:
    return await result
