"""Makes docs/prove.svg, the README's animation, from the real output of commands: `make docs`."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Final

from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "prove.svg"
COMMANDS: Final = (
    "sed -n 19,23p docs/examples/lost/flows/workshop.yaml",
    "ncco check docs/examples/lost",
    "ncco prove docs/examples/lost",
)
TYPED_S, READ_S, LINE_S, SHOWN_S = 0.8, 2.2, 0.15, 5.0
"""Seconds to type a command, to read its output, between two lines of output, and to show the end."""
WIDTH, LINE_PX, LEFT_PX = 900, 18, 16
STYLE: Final = """\
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre; }
  .command { fill: #88c0d0; }
  .found { fill: #ff7b86; }
  .line { opacity: 0; animation: step-end infinite; animation-duration: %.1fs; }
  @media (prefers-reduced-motion: reduce) { .line { opacity: 1; animation: none; } }"""


def page() -> str:
    """The animated picture: the lines appear one after another, and the animation repeats."""
    lines: list[tuple[float, str, str]] = []
    now = 0.3
    for command in COMMANDS:
        lines.append((now, "command", f"$ {command}"))
        now += TYPED_S
        for text in _printed(command):
            lines.append((now, "found" if "dead_end  " in text or "^^^" in text or "refuted" in text else "", text))
            now += LINE_S
        now += READ_S
    whole = now - READ_S + SHOWN_S
    moments = "\n".join(
        f"  @keyframes l{n} {{ 0% {{ opacity: 0; }} {100 * at / whole:.2f}%, 100% {{ opacity: 1; }} }}"
        for n, (at, _, _) in enumerate(lines)
    )
    texts = "\n".join(_line(n, kind, text) for n, (_, kind, text) in enumerate(lines) if text)
    height = (len(lines) + 2) * LINE_PX
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" {size}>\n'
        f"<title>ncco prove finds a lost caller</title>\n<style>\n{STYLE % whole}\n{moments}\n</style>\n"
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#1e2430"/>\n{texts}\n</svg>\n'
    )


def _line(number: int, kind: str, text: str) -> str:
    words = f"line {kind}".strip()
    place = f'x="{LEFT_PX}" y="{(number + 2) * LINE_PX}"'
    return f'<text class="{words}" style="animation-name: l{number}" {place}>{escape(text)}</text>'


def _printed(command: str) -> list[str]:
    """A command's output (both streams), with its number of seconds replaced so that it is always the same."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return re.sub(r"\d+\.\d+ s$", "0.1 s", done.stdout, flags=re.M).rstrip("\n").split("\n")
