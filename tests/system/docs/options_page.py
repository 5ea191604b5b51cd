"""Makes docs/reference/options.md, generated from the models of actions and endpoints: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ncco_server.ncco.schema import json_schema
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "options.md"

INTRODUCTION: Final = """# Options of actions

<!-- written by make docs -->

Every option of the nine NCCO actions and of the five endpoints of `connect`, by its name in the NCCO. In a flow, write
it next to the main value of its action, as in [Actions](actions.md). Write `transcription.language` as
`transcription: {language: en-GB}`. The server fills in its own URLs, and everything that follows from the flow.
"""
ENDPOINT: Final = "_endpoint"


def page() -> str:
    """The page of options: a heading for each action and each endpoint."""
    shapes: Mapping[str, Mapping[str, Any]] = json_schema()["$defs"]
    actions = [_section(name, shape) for name, shape in shapes.items() if not name.endswith(ENDPOINT)]
    endpoints = [
        _section(name.removesuffix(ENDPOINT), shape) for name, shape in shapes.items() if name.endswith(ENDPOINT)
    ]
    return "\n".join([INTRODUCTION, "## Actions\n", *actions, "## Endpoints\n", *endpoints])


def _default(option: Mapping[str, Any]) -> str:
    return f"`{_written(option['default'])}`" if "default" in option else ""


def _section(name: str, shape: Mapping[str, Any]) -> str:
    rows = "".join(f"| `{option}` | {default} | {meaning} |\n" for option, default, meaning in options(shape))
    table = f"| option | default | what it does |\n|---|---|---|\n{rows}" if rows else "It has no options.\n"
    return f"### `{name}`\n\n{shape['description']}\n\n{table}"


def options(shape: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str, str]]:
    """Each option of a shape, with its default and meaning. Nested options have names like `transcription.language`."""
    seen: set[str] = set()
    for name, option in shape.get("properties", {}).items():
        if "const" in option or option.get("description", name) in seen or _is_refused(option):
            continue
        seen.add(option.get("description", name))
        default = _default(option)
        required = " Required." if name in shape.get("required", ()) else ""
        yield f"{within}{name}", default, f"{_cell(option.get('description', ''))}{required}"
        yield from options(option, f"{within}{name}.")


def _is_refused(option: Mapping[str, Any]) -> bool:
    """Whether an option is in the model only so that an error message can explain it."""
    return any(words in option.get("description", "") for words in (" is not an option of ", " was an option of "))


def _written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
