"""Values that are a whole segment of a path: `/callers/{{ call.from }}`.

An empty one would ask another question: `/callers/` is the list of all callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

from app.errors import RenderError
from app.flow.model import Value
from app.flow.templates import Computed
from app.flow.templates.references import root_names

_END = re.compile(r"[?#]")
_VALUE = "\0"


def check_segments(written: Value | None, url: str) -> None:
    """Refuse a URL in which a segment that is one computed value is empty. Raises RenderError (E392)."""
    meant = list(_segments(written)) if isinstance(written, Computed) else []
    rendered = _END.split(url)[0].split("/")
    for index in range(1, min(len(meant), len(rendered)) + 1):
        if meant[-index] == _VALUE and not rendered[-index]:
            raise RenderError("E392", "a value in the path of the URL is empty", str(written.place) if written else "")


def _segments(written: Computed) -> Iterator[str]:
    """The segments of the path as they are written, `_VALUE` for a whole one; none where tags decide on them."""
    text = ""
    for node in written.template.body:
        if not isinstance(node, nodes.Output):
            return
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                text += part.data
            else:
                text += _VALUE if root_names(part) != {"env"} else "env"
        if _END.search(text):
            break
    yield from _END.split(text)[0].split("/")
