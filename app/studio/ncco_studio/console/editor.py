"""Answers the editor while somebody types: the issues of its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from ncco_studio.console.access import CanLook
from ncco_studio.console.sessions import ConsoleSession
from ncco_studio.console.state import console_of
from ncco_studio.editor import language
from ncco_studio.editor.worker import Reason, WorkNotDone

MAX_CHARACTERS: Final = 1 << 20
"""The same limit as for a file on disk."""
_FILE: Final = r"(?:flows|templates)/[^\x00]{1,300}|pasted\.(?:json|yaml)"
_STATUS: Final[dict[Reason, int]] = {
    "time": 422,
    "memory": 422,
    "killed": 503,
    "busy": 503,
    "failed": 500,
}

FileName = Annotated[str, Field(pattern=rf"^(?:{_FILE})$")]
FileText = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class EditorQuestion(BaseModel):
    """A request from an editor.

    `file` is a path in the project, maybe a new one, or `pasted.json` or `pasted.yaml`.
    """

    model_config = ConfigDict(extra="forbid")

    file: FileName
    text: FileText


router = APIRouter()


@router.post("/editor/check")
async def check(request: Request, question: EditorQuestion, session: CanLook) -> JSONResponse:
    return JSONResponse(await ask(request, session, language.check, question=question.model_dump()))


async def ask(request: Request, session: ConsoleSession, function: Callable[..., Any], **values: Any) -> Any:
    """Call a function of `ncco_studio.editor.language`. Raises HTTPException."""
    console = console_of(request)
    asked = {"folder": console.project.as_values(), **values}
    try:
        return await console.worker.run(function, asked, owner=session.id, may_repeat=True)
    except WorkNotDone as error:
        raise HTTPException(_STATUS[error.reason], str(error)) from error


async def check_size(request: Request, session: ConsoleSession, file: str, text: str) -> None:
    """Raise HTTPException if the text makes the project exceed a limit, or take too long to check.

    Saved, it would block every page and every start of a server.
    """
    if limit := await ask(request, session, language.exceeded_limit, file=file, text=text):
        raise HTTPException(422, f"Not saved: {limit}.")
