"""A project whose prompts all name their release."""

from __future__ import annotations

from pathlib import Path

FLOW = """flow: line
default: true
start: first
hooks:
  told: {{post: "{{{{ env.OFFICE_URL }}}}/told"}}
steps:
  first:
    send: told
    do:
      - talk: "Release {number}. Press 1."
    choices:
      further: {{dtmf: 1, goto: second}}
    retry:
      nomatch: ["Release {number}, wrong key.", "Release {number}, wrong again."]
      then: bye
  second:
    do:
      - talk: "Release {number}, second menu. Press 1."
    choices:
      further: {{dtmf: 1, goto: third}}
    retry: {{then: bye}}
  third:
    do:
      - talk: "Release {number}, third menu. Press 1."
    choices:
      further: {{dtmf: 1, goto: bye}}
    retry: {{then: bye}}
  bye:
    do:
      - talk: "Release {number} says goodbye."
    goto: end
"""


def write_release(folder: Path, number: int) -> None:
    """Write a release to a project's folder, replacing the flow file atomically."""
    for name in ("flows", "templates"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    draft = folder / "line.draft"
    draft.write_text(FLOW.format(number=number), encoding="utf-8")
    draft.replace(folder / "flows" / "line.yaml")
