"""`ncco explain`: a code when the word looks like one, else a step of a flow."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from app.cli.jobs.codes import explain_code, list_codes
from app.cli.jobs.origins import explain_step

CODE: Final = re.compile(r"[A-Za-z][0-9]{1,4}")


def run(
    *, what: str | None, step: str | None, flows: Path | None, templates: Path | None, form: Literal["text", "json"]
) -> int:
    """Print it. FINE, or ISSUES when the flow has errors. Raises CannotRun."""
    if what is None:
        return list_codes(form)
    if step is None and CODE.fullmatch(what):
        return explain_code(what.upper(), form)
    return explain_step(what, step, flows, templates, form)
