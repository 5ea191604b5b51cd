"""Writes README's table of settings and .env.example from app.settings: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from app.settings import Settings
from app.settings.fields import variable
from tests.house.tracked import ROOT

README: Final = ROOT / "README.md"
EXAMPLE: Final = ROOT / ".env.example"
BEGIN: Final = "<!-- settings: written by make docs -->\n"
END: Final = "<!-- end of settings -->"

HEAD: Final = """# Settings of the server: copy this file to `.env` and take away the # of what you set.
# The environment wins over `.env`, an option of the command over both. Written by `make docs`.
#
# Variables for flows begin with FLOW_: what a flow calls env.CRM_URL is FLOW_CRM_URL here.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its variable, its default as one would write it, and what it does."""

    variable: str
    default: str
    meaning: str


def rows() -> Iterator[Row]:
    for name, field in Settings.model_fields.items():
        yield Row(
            variable(name),
            _written(field.get_default(call_default_factory=True, validated_data={})),
            " ".join((field.description or "").split()),
        )


def table() -> str:
    lines = "".join(f"| `{row.variable}` | {_code(row.default)} | {row.meaning} |\n" for row in rows())
    return f"| variable | default | what it does |\n|---|---|---|\n{lines}"


def readme() -> str:
    """README with the table as it should be."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


def example() -> str:
    return HEAD + "".join(f"\n# {row.meaning}\n#{row.variable}={row.default}\n" for row in rows())


def _written(default: object) -> str:
    if isinstance(default, tuple) and default:  # the failsafe NCCO, which may be written as what it says
        return str(default[0]["text"])
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(int(default))
    return "" if default in (None, ()) else str(default)


def _code(text: str) -> str:
    return f"`{text}`" if re.fullmatch(r"[\w./:-]+", text) else text


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
