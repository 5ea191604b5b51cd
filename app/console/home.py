"""The switch between the owner's and the developer's view."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.console.access import CanLook
from app.console.login import local_path
from app.console.pages import View, view_cookie
from app.console.sessions import LONGEST
from app.console.state import TheConsole

router = APIRouter()


@router.post("/view")
async def choose_view(
    request: Request, console: TheConsole, view: Annotated[View, Form()], _: CanLook, next: Annotated[str, Form()] = "/"
) -> Response:
    """Remember the view in this browser, and show the same page in it."""
    response = RedirectResponse(local_path(next), 303)
    response.set_cookie(
        view_cookie(request),
        view,
        max_age=int(LONGEST.total_seconds()),
        secure=console.has_secure_cookies,
        httponly=True,
        samesite="strict",
    )
    return response
