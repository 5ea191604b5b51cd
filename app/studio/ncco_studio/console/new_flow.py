"""The page *New flow*: a flow to begin with, or a pasted one, as a file of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from ncco_server.desk.starters import LIKE, Like, description, starter
from ncco_server.flow.files import MAX_FILE_BYTES
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.flow import is_flow_name
from ncco_server.flow.scope import RESERVED
from ncco_server.flow.source import flow_name_in
from ncco_server.ncco.value_types import read_number
from ncco_server.service.phone_numbers import line_of
from ncco_studio.console.access import CanChange
from ncco_studio.console.change.draft import change_of
from ncco_studio.console.change.form import NOT_SAVED, CannotChange, name_as_written
from ncco_studio.console.editor import check_size
from ncco_studio.console.pages import render
from ncco_studio.console.state import console_of
from ncco_studio.editor.project import ReadProject

router = APIRouter()

_ANY: Final = "flows/new.yaml"
"""A file in the folder of flows."""


class NewFlow(BaseModel):
    """A flow to begin with, or a `text` that is saved as it is, under the name that it has.

    To `edit` goes back from the review, with the text of a file that was begun by its name.
    """

    name: str = Field("", max_length=200)
    number: str = Field("", max_length=200)
    like: Like = "empty"
    text: str = Field("", max_length=MAX_FILE_BYTES)
    edit: bool = False


@router.get("/flows-new")
def new_flow(request: Request, _: CanChange) -> Response:
    return _page(request, NewFlow(like=LIKE[0]))


def _page(
    request: Request,
    typed: NewFlow,
    faults: Mapping[str, str] | None = None,
    issues: tuple[FlowIssue, ...] = (),
) -> Response:
    read = console_of(request).project.current()
    return render(
        request,
        "flow_new.html",
        422 if faults or issues else 200,
        starters={like: description(like) for like in LIKE},
        typed=typed,
        faults=faults or {},
        issues=issues,
        problem=NOT_SAVED if faults or issues else "",
        has_default=any(flow.default for flow in read.project.flows.values()),
        blocked=console_of(request).project.blocked(_ANY),
    )


@router.post("/flows-new")
async def review_flow(request: Request, session: CanChange, typed: Annotated[NewFlow, Form()]) -> Response:
    typed.text = "" if typed.edit and typed.name else typed.text.replace("\r\n", "\n")
    if typed.edit:
        return _page(request, typed)
    if typed.text:
        await check_size(request, session, _ANY, typed.text)
    return await run_in_threadpool(_review, request, typed)


def _review(request: Request, typed: NewFlow) -> Response:
    folder = console_of(request).project
    read = folder.current()
    if folder.blocked(_ANY):
        return _page(request, typed)
    try:
        name, text = _pasted(typed.text) if typed.text else _begun(read, typed)
        file = f"flows/{name}.yaml"
        if name in read.project.flows or file in read.texts:
            raise CannotChange("", {"name": f"there is a flow {name} already: choose another name"})
    except CannotChange as error:
        return _page(request, typed, error.faults)
    draft = change_of(folder, file, "", text)
    if draft.has_errors:
        return _page(request, typed, issues=draft.issues)
    kept = {} if typed.text else typed.model_dump(include={"name", "number", "like"})
    values = {"title": name, "typed": kept, "again": "/flows-new", "back": "/flows-new"}
    return render(request, "change_review.html", draft=draft, **values)


def _pasted(text: str) -> tuple[str, str]:
    """Raises CannotChange."""
    name = flow_name_in(text)
    if not is_flow_name(name):
        line = "begin it with a line such as `flow: salon`, whose name has only a to z, 0 to 9, _ and -"
        raise CannotChange("", {"name": f"the text has no name for a flow: {line}"})
    return name, text


def _begun(read: ReadProject, typed: NewFlow) -> tuple[str, str]:
    """Raises CannotChange."""
    faults = {}
    name = ""
    try:
        name = name_as_written(typed.name)
    except ValueError as error:
        faults["name"] = str(error)
    if name in RESERVED:
        faults["name"] = f"“{name}” has its own meaning in flows: write another name, such as {name}_line"
    number = typed.number.strip()
    try:
        number = read_number(number, line_of(read.project.flows.values())) if number else ""
    except ValueError as error:
        faults["number"] = f"{number}: {error}"
    flows = read.project.flows.values()
    if taken := next((flow for flow in flows if (number in flow.numbers if number else flow.default)), None):
        faults["number"] = f"write its own number: calls to {number or 'all other numbers'} go to the line {taken.name}"
    if faults:
        raise CannotChange("", faults)
    return name, starter(typed.like, name, number)
