"""Answers the editor while somebody types: issues with fixes, completions, hover texts, definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

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

    Attributes:
        file: a path in the project, maybe a new one, or `pasted.json` or `pasted.yaml`.
        line, column: the cursor's position, from 1; the column in UTF-16 code units.
    """

    model_config = ConfigDict(extra="forbid")

    file: FileName
    text: FileText
    line: int = Field(1, ge=1)
    column: int = Field(1, ge=1)


router = APIRouter(prefix="/editor")


@router.post("/{about}")
async def answer(
    request: Request,
    question: EditorQuestion,
    session: CanLook,
    about: Literal["check", "complete", "hover", "definition"],
) -> JSONResponse:
    """`about` is the name of the function of `ncco_studio.editor.language` that answers."""
    asked = {**question.model_dump(), "unsaved": {}}
    return JSONResponse(await ask(request, session, getattr(language, about), question=asked))


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
