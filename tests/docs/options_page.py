"""Writes docs/reference/options.md from the models of actions, endpoints and the flow language: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.flow.language.schema import flow_schema
from app.ncco.schema import json_schema
from tests.house.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "options.md"

INTRODUCTION: Final = """# Options of actions

<!-- written by make docs -->

Every option of the nine actions of an NCCO, and of the five endpoints of `connect`, by its name in the NCCO. In a flow
each may be written beside the main value of its action; see [What is played](actions.md). An option within another is
written as a map: `transcription: {language: en-GB}`. Of what is due the server writes its own URLs, and whatever
follows from the flow, by itself. At the end are the words of the flow language itself.
"""
ENDPOINT: Final = "_endpoint"
WORDS: Final = {
    "flow_file": "A flow file",
    "shared_file": "A shared file",
    "defaults": "`defaults`",
    "limits": "`limits`",
    "vars": "A variable or a param",
    "locales": "A locale",
    "lookups": "A look-up",
    "hooks": "A hook",
    "events": "`events`",
    "step": "A step",
    "choices": "A choice",
    "collect": "`collect`",
    "retry": "`retry`",
    "hold": "`hold`",
    "on": "`on`",
    "goto": "A target that is a map",
}
"""What has words of the flow language, by its name in the schema."""


def page() -> str:
    """The page of the options: a heading for each action and each endpoint."""
    shapes: Mapping[str, Mapping[str, Any]] = json_schema()["$defs"]
    actions = [_section(name, shape) for name, shape in shapes.items() if not name.endswith(ENDPOINT)]
    endpoints = [
        _section(name.removesuffix(ENDPOINT), shape) for name, shape in shapes.items() if name.endswith(ENDPOINT)
    ]
    definitions = flow_schema()["definitions"]
    words = [_words(title, definitions[name]) for name, title in WORDS.items()]
    parts = [INTRODUCTION, "## Actions\n", *actions, "## Endpoints\n", *endpoints, "## Words of the flow language\n"]
    return "\n".join([*parts, *words])


def _words(title: str, schema: Mapping[str, Any]) -> str:
    """The words of a map of a flow file, in the order of its model."""
    found = next((each for each in schema.get("anyOf", ()) if "properties" in each), schema)
    if not found["properties"]:
        found = found["additionalProperties"]
    due = found.get("required", ())
    rows = "".join(
        f"| `{word}` | {_default(option)} | {_cell(option.get('description', ''))}{' Required.' * (word in due)} |\n"
        for word, option in found["properties"].items()
    )
    return f"### {title}\n\n| word | default | what it does |\n|---|---|---|\n{rows}"


def _default(option: Mapping[str, Any]) -> str:
    return f"`{_written(option['default'])}`" if "default" in option else ""


def _section(name: str, shape: Mapping[str, Any]) -> str:
    rows = "".join(f"| `{option}` | {default} | {told} |\n" for option, default, told in options(shape))
    table = f"| option | default | what it does |\n|---|---|---|\n{rows}" if rows else "It has no options.\n"
    return f"### `{name}`\n\n{shape['description']}\n\n{table}"


def options(shape: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str, str]]:
    """Each option of a shape with its default and what it does; of those within another, `transcription.language`."""
    told: set[str] = set()
    for name, option in shape.get("properties", {}).items():
        if "const" in option or option.get("description", name) in told or _is_refused(option):
            continue
        told.add(option.get("description", name))
        default = _default(option)
        due = " Due." if name in shape.get("required", ()) else ""
        yield f"{within}{name}", default, f"{_cell(option.get('description', ''))}{due}"
        yield from options(option, f"{within}{name}.")


def _is_refused(option: Mapping[str, Any]) -> bool:
    """Whether it is only known so that a message can say what is wrong with it."""
    return any(words in option.get("description", "") for words in (" is no option of ", " was an option of "))


def _written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
