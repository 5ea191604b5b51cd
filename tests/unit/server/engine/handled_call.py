"""A scripted call to a handler in Python, which calls its functions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

from ncco_server.engine import CallData, Lookup, LookupAnswer
from ncco_server.engine.records import call_record
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow, Project
from ncco_studio.verify.handlers.exploring import explore
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


def project_of(code: str, others: Mapping[str, str] | None = None, *, explores: bool = True) -> Project:
    """A project with one handler, `flows/shop.py`, which `ncco check` explores and the server does not."""
    texts = {"flows/shop.py": dedent(code), "flows/sorry.yaml": SORRY, **(others or {})}
    return load(texts, {}, extent="project", handlers=["shop.py"], explore=explore if explores else None)


def handler_issues(project: Project) -> list[FlowIssue]:
    """The issues at the handler of `project_of`."""
    return [issue for issue in project.issues if issue.place.file == "flows/shop.py"]


def handler(
    body: str,
    others: Mapping[str, str] | None = None,
    options: str = "",
    before: str = "",
    *,
    explores: bool = False,
) -> Flow:
    """The flow of a handler with this body. Its file must have no errors."""
    lines = "\n".join(f"    {line}" for line in dedent(body).strip().split("\n"))
    head = "from ncco_server import Call, Choice, RunFailed, call_flow\n"
    decorated = f'@call_flow(default=True, on_error="sorry"{options})\nasync def shop(call: Call, **params):\n'
    code = f"{head}{dedent(before)}\n{decorated}{lines}\n".replace(", **params", "")
    found = project_of(code, others, explores=explores)
    errors = [f"{issue.place}: {issue.code} {issue.message}" for issue in found.issues if issue.is_error]
    assert not errors, errors
    return found.flows["shop"]


class HandledCall(ScriptedCall):
    """A call that really calls functions; `called` has their names."""

    called: list[str]

    def _answer(self, lookup: Lookup) -> LookupAnswer:
        self.called = [*getattr(self, "called", []), lookup.name]
        try:
            result = lookup.request.code()
            return LookupAnswer(asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result)
        except Exception as error:  # noqa: BLE001 - as the server does it
            return LookupAnswer(None, f"the function raised {type(error).__name__}")


async def _awaited(result: Any) -> Any:
    return await result
