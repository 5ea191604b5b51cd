"""Where the page of each code is on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import ncco_studio


@cache
def code_pages() -> Mapping[str, str]:
    """The URI of each code in docs/errors.md; the fragment is the line's number."""
    package = Path(str(ncco_studio.__file__)).parent
    pages = (package / "commands" / "errors.md", package.parents[2] / "docs" / "errors.md")
    page = next((page for page in pages if page.is_file()), None)
    lines = page.read_text(encoding="utf-8").split("\n") if page else []
    codes = ((number, re.match(r'- <a id="([A-Z]\d+)">', line)) for number, line in enumerate(lines, 1))
    return {found[1]: f"{page.as_uri()}#L{number}" for number, found in codes if found and page}
