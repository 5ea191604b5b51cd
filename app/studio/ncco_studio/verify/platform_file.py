"""The file of settings that describes a platform (`platform.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ncco_server.desk.environment import variables
from ncco_server.errors import SettingsError
from ncco_server.flow.issues import FlowIssue, by_place
from ncco_server.flow.nodes import Node
from ncco_server.flow.report import report
from ncco_server.flow.source import read_yaml
from ncco_server.ncco.value_types import JsonSchema
from ncco_studio.schema import file_schema
from ncco_studio.simulator.assumptions import Assumption, Assumptions, assumptions
from ncco_studio.verify.scenarios.values import ScenarioReader, read_as, read_word

_HOW: Final = "write `after_connect: ends`"


def assumed_platform() -> Assumptions:
    """What NCCO_PLATFORM's file says about the platform, else the defaults. Raises CannotRun, SettingsError."""
    return Assumptions(**seen_platform())


def seen_platform() -> Mapping[str, Any]:
    """The settings in NCCO_PLATFORM's file; {} without one. Raises CannotRun, SettingsError."""
    name = variables().get("NCCO_PLATFORM", "")
    return settings_in(Path(name)) if name else {}


def read_platform(file: str, text: str) -> tuple[Mapping[str, Any], list[FlowIssue]]:
    """Settings by name (none for an empty file), and issues sorted by place."""
    node, found = read_yaml(file, text)
    reader = ScenarioReader(issues=[issue for issue in found if issue.code != "E120"])
    known = assumptions()
    settings: dict[str, Any] = {}
    for entry in reader.entries(node, "a platform", _HOW):
        assumption = known.get(entry.key.value)
        if assumption is None:
            message = f'there is no setting "{entry.key.value}"'
            reader.unknown("S102", entry.key, known, message)
        elif (value := _value(entry.value, assumption, reader)) is not None:
            settings[assumption.name] = value
    return settings, sorted(reader.issues, key=by_place)


def settings_in(path: Path) -> Mapping[str, Any]:
    """The settings that a file contains. Raises SettingsError."""
    cure = "Name a file of assumptions, or leave it out."
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("NCCO_PLATFORM", f"{path} cannot be read", cure) from error
    settings, issues = read_platform(path.as_posix(), text)
    if issues:
        shown = report(issues, {path.as_posix(): text}, "text", colour=False)
        raise SettingsError("NCCO_PLATFORM", f"{path} cannot be used:\n\n{shown}", "See above.")
    return settings


def platform_schema() -> JsonSchema:
    properties = {name: _schema(each) for name, each in assumptions().items()}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return file_schema("What a platform does", schema)


def _schema(assumption: Assumption) -> JsonSchema:
    limits = assumption.limits
    if limits is None:
        values: JsonSchema = {"enum": list(assumption.choices)}
    else:
        values = {"type": "number", "minimum": limits.least, "maximum": limits.most}
    return {"description": assumption.question, "default": assumption.default} | values


def _value(node: Node, assumption: Assumption, reader: ScenarioReader) -> Any:
    what = f"`{assumption.name}`"
    limits = assumption.limits
    if limits is None:
        return read_word(node, assumption.choices, what, reader)
    kind = type(assumption.default)

    def number(text: str) -> float | None:
        try:
            value: float = kind(text)
        except ValueError:
            return None
        return value if limits.least <= value <= limits.most else None

    cure = f"write a number from {limits.least:g} to {limits.most:g}"
    return read_as(number, cure if kind is float else cure.replace("a number", "a whole number"))(node, what, reader)
