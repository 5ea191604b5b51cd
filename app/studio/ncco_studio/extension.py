"""What the studio adds to the command `ncco`; see `ncco_server.desk.studio`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from ncco_server.desk.findings import Finding
    from ncco_server.desk.studio import RunningConsole
    from ncco_server.flow.issues import FlowIssue, FlowRule
    from ncco_server.flow.model import Flow, Project
    from ncco_server.settings import Settings

COMMANDS: Final = {
    "simulate": "Play a call to a flow, or to any webhook server, and print what is heard.",
    "test": "Play a project's scenarios, and report which outcomes they cover.",
    "prove": "Explore every path through the flows, and print the shortest call that goes wrong.",
    "graph": "Draw flows: their steps, and the paths between them.",
    "console": "Set the console's passwords, or print a link that opens it.",
    "schema": "Print the JSON Schema of flow files, of scenarios, or of the NCCO.",
    "agent": "Call a speech bot at a websocket as Vonage does, and print what a caller would meet.",
    "vonage": "Run a virtual Vonage on this machine, with its REST API for calls.",
}
"""The commands with short descriptions. Their modules are `ncco_studio.commands.<name>`, with _ for -."""


def load_command(name: str) -> click.Command:
    command: click.Command = import_module(f"ncco_studio.commands.{name.replace('-', '_')}").command
    return command


def rules() -> Mapping[str, FlowRule]:
    from ncco_studio.verify.faults import FAULTS
    from ncco_studio.verify.scenarios.values import RULES

    return {**RULES, **FAULTS}


def code_pages() -> Mapping[str, str]:
    from ncco_studio.commands import code_pages

    return code_pages.code_pages()


def play_handlers(project: Project, env: Mapping[str, str]) -> tuple[list[FlowIssue], dict[str, str]]:
    from ncco_studio.verify import handler_play

    return handler_play.play_handlers(project, env)


def editor_files(files: Mapping[str, str]) -> dict[str, str]:
    from ncco_studio.schema import flow_schema, project_names
    from ncco_studio.verify.scenarios.model import scenario_schema

    schemas = {"flow": flow_schema(project_names(files)), "scenario": scenario_schema()}
    return {
        f".vscode/{kind}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for kind, schema in schemas.items()
    }


def demo_files() -> dict[str, str]:
    from ncco_studio.commands.demo import practice_files

    return practice_files()


def play_demo(folder: Path, now: datetime) -> int:
    from ncco_studio.commands.demo import play_calls

    return play_calls(folder, now)


def check_proof(settings: Settings, flows: Mapping[str, Flow]) -> Iterable[Finding]:
    from ncco_studio.commands import doctor

    return doctor.check_proof(settings, flows)


def console_beside(
    settings: Settings, *, dev: bool, say: Callable[[str], None]
) -> AbstractContextManager[RunningConsole | None]:
    from ncco_studio.commands import console_process

    return console_process.console_beside(settings, dev=dev, say=say)
