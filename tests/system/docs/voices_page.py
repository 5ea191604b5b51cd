"""Makes docs/reference/voices.md, generated from the lists of languages: `make docs`."""

from __future__ import annotations

from typing import Final

from ncco_server.ncco.languages import RECOGNISED, VOICES, spans
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "voices.md"

INTRODUCTION: Final = """# Voices and languages

<!-- written by make docs -->

The lists are those of Vonage's guides of 2022, and may be outdated: with a language or style that is not listed,
`ncco check` warns, and the call goes on. Case does not matter. [Voices and audio](../how-to/voices.md) uses them.
"""


def page() -> str:
    spoken = "".join(f"| `{code}` | {_styles(code)} | {_ssml(code)} |\n" for code in sorted(VOICES, key=str.lower))
    recognised = ", ".join(f"`{code}`" for code in sorted(RECOGNISED, key=str.lower))
    return (
        f"{INTRODUCTION}\n## Spoken languages (text-to-speech)\n\n"
        "The values of `language` and `style` in `talk`; `cmn` is Mandarin Chinese. "
        f"SSML needs a style from the last column.\n\n"
        f"| language | styles | styles with SSML |\n|---|---|---|\n{spoken}\n"
        "## Recognised languages\n\n"
        f"The values of `language` in an input's `speech`, and in `transcription`: {recognised}.\n"
    )


def _styles(code: str) -> str:
    return ", ".join(spans(VOICES[code].styles)) or "not known"


def _ssml(code: str) -> str:
    if VOICES[code].ssml_styles == VOICES[code].styles:
        return "all" if VOICES[code].styles else "not known"
    return ", ".join(spans(VOICES[code].ssml_styles)) or "none"
