"""Makes docs/reference/settings.md and .env.example, generated from ncco_server.settings: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from ncco_server.ncco.field_docs import field_docs
from ncco_server.settings.fields import Variables, variable
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "settings.md"
EXAMPLE: Final = ROOT / ".env.example"

INTRODUCTION: Final = """# Settings

<!-- written by make docs -->

The server reads its settings from the environment, and from the file `.env` in the folder that it is started in;
`.env.example` lists them all. The environment overrides `.env`, and a command's options override both. An empty
variable counts as not set. If a setting is invalid, the command prints the fix and exits with 2.

Docker and Kubernetes provide secrets as files. To read `NCCO_KEY` from a file, set `NCCO_KEY_FILE` to its path. This
also works for `NCCO_HOOK_SECRET`, `VONAGE_SIGNATURE_SECRET` and the previous secrets (`.._PREVIOUS_FILE`), whose files
may be empty or missing. [Changing a secret](../how-to/secrets.md#change-a-secret) needs a restart.
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` can be in files, too. These three are read again
every 30 seconds, from files and from `.env`.

Variables for flows begin with `FLOW_`: a flow reads `FLOW_CRM_URL` as `env.CRM_URL`.
"""
CHAPTERS: Final[Mapping[str, str]] = {
    "NCCO_": "The server",
    "AWS_": "The bucket of recordings",
    "VONAGE_": "Your Vonage account",
}

HEAD: Final = """# The server's settings: copy this file to `.env`, and remove the # in front of those that you need.
# The environment overrides `.env`, and a command's options override both. Written by `make docs`.
#
# Real calls need NCCO_PUBLIC_URL, VONAGE_SIGNATURE_SECRET and VONAGE_APPLICATION_ID; recordings, VONAGE_PRIVATE_KEY.
# Variables for flows begin with FLOW_: a flow reads FLOW_CRM_URL as env.CRM_URL.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its variable, its default as written in a file, and its meaning."""

    variable: str
    default: str
    meaning: str


def rows() -> Iterator[Row]:
    docs = field_docs(Variables, Variables)
    for name, field in Variables.model_fields.items():
        yield Row(
            variable(name),
            _written(field.get_default(call_default_factory=True, validated_data={})),
            " ".join(docs[name].split()),
        )


def page() -> str:
    """The page of settings: a chapter for each variable prefix, and a heading for each setting."""
    chapters = (
        f"## {title}\n\n" + "\n".join(_section(row) for row in rows() if row.variable.startswith(prefix))
        for prefix, title in CHAPTERS.items()
    )
    return "\n".join([INTRODUCTION, *chapters])


def _section(row: Row) -> str:
    default = f"\nDefault: {_code(row.default).rstrip('.')}.\n" if row.default else ""
    return f"### `{row.variable}`\n\n{row.meaning}\n{default}"


def example() -> str:
    return HEAD + "".join(f"\n# {row.meaning}\n#{row.variable}={row.default}\n" for row in rows())


def _written(default: object) -> str:
    if isinstance(default, tuple) and default:  # the failsafe NCCO, which can be set to the text that it says
        return str(default[0]["text"])
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if isinstance(default, bool):
        return str(int(default))
    return "" if default in (None, ()) else str(default)


def _code(text: str) -> str:
    return f"`{text}`" if re.fullmatch(r"[\w./:-]+", text) else f'"{text}"'
