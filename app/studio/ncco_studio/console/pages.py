"""Renders the pages: one Jinja2 environment, versioned URLs of static files, and the navigation."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import HTTPConnection
from starlette.templating import Jinja2Templates

from ncco_server.service.phone_numbers import dialable, readable
from ncco_server.store import moment_of
from ncco_server.wording import as_sentence, counted
from ncco_studio.console.change.fields import group_title

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
NAVIGATION: Final = ["home", "messages", "calls", "report", "tables", "change", "flows", "phone", "history", "health"]

View: TypeAlias = Literal["owner", "developer"]
"""The view of pages: for owners of the phone line, or with files, lines and webhooks for developers.

It gives no permission: only the role of the session does.
"""
VIEWS: Final[tuple[View, ...]] = ("owner", "developer")
_CODE: Final = re.compile("`([^`]+)`")


@cache
def static_version() -> str:
    """Hash all static files. The hash is a folder in their URLs, so that modules import their own version."""
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _with_code(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - it is escaped


def _moment(at: datetime | int | str) -> datetime:
    """Read milliseconds since 1970, or ISO 8601."""
    return moment_of(at) if isinstance(at, int) else datetime.fromisoformat(str(at))


def _day(at: datetime | int | str, zone: str) -> date:
    return _moment(at).astimezone(ZoneInfo(zone)).date()


def _time(
    at: datetime | int | str, form: Literal["data-short", "data-clock", "data-time", ""] = "data-short"
) -> Markup:
    """Show a point in time in UTC, which scripts replace by the line's time."""
    moment = _moment(at)
    return Markup('<time datetime="{}" {}>{:%Y-%m-%d %H:%M} UTC</time>').format(moment.isoformat(), form, moment)


@pass_context
def _hidden(context: Context, **values: object) -> Markup:
    """The inputs of a form that nobody sees: the token against request forgery, and `values`."""
    hidden = Markup('<input type="hidden" name="{}" value="{}">')
    inputs = {"csrf_token": context["csrf_token"], **values}
    return Markup("").join(hidden.format(*each) for each in inputs.items())


@pass_context
def _flow_title(context: Context, name: str) -> str:
    """Owners read titles, developers names."""
    return group_title(name) if context["view"] == "owner" else name


@pass_context
def _flow_titles(context: Context, names: Iterable[str]) -> dict[str, str]:
    return {name: _flow_title(context, name) for name in names}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "number": readable,
        "dialable": dialable,
        "hidden": _hidden,
        "time": _time,
        "asset": lambda path: f"/static/{static_version()}/{path}",
        "navigation": NAVIGATION,
    }
    environment.filters |= {
        "as_json": partial(json.dumps, ensure_ascii=False, indent=2),
        "as_sentence": as_sentence,
        "as_title": group_title,
        "counted": counted,
        "day": _day,
        "flow_title": _flow_title,
        "flow_titles": _flow_titles,
        "moment": lambda at: _moment(at).isoformat(),
        "thousands": "{:,}".format,
        "with_code": _with_code,
    }
    return environment


def cookie_name(request: HTTPConnection, what: str) -> str:
    """Include the port, because browsers send cookies to all ports of a host."""
    return f"ncco-{what}-{request.url.port or request.url.scheme}"


def view_of(request: Request) -> View:
    """Return the default if no view was chosen in this browser."""
    usual: View = "developer" if request.app.state.console.dev else "owner"
    chosen = request.cookies.get(cookie_name(request, "view"))
    return next((view for view in VIEWS if view == chosen), usual)


def _shared(request: Request) -> dict[str, Any]:
    console = request.app.state.console
    session = getattr(request.state, "session", None)  # the guard refuses requests before it is known
    return {
        "view": view_of(request),
        "views": VIEWS,
        "console": console,
        "is_memory": console.settings.has_memory_store,
        "session": session,
        "csrf_token": session.csrf_token if session else "",
        "may_change": session is not None and session.role == "change",
    }


_TEMPLATES: Final = Jinja2Templates(env=_environment(), context_processors=[_shared])


def render(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """Render a page or a fragment from `app/studio/ncco_studio/console/templates/`. All values are escaped."""
    return _TEMPLATES.TemplateResponse(request, template, values, status_code=status)


def wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers


def refused(
    request: Request, status: int, problem: str, cure: str, headers: Mapping[str, str] | None = None
) -> Response:
    if wants_page(request):
        response = render(request, "error.html", status, problem=as_sentence(problem), cure=cure)
    else:
        response = JSONResponse({"detail": as_sentence(problem), "fix": cure}, status)
    response.headers.update(headers or {})
    return response
