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
    from ncco_server.flow.handlers.reading import Explore
    from ncco_server.flow.issues import FlowRule
    from ncco_server.flow.model import Flow
    from ncco_server.settings import Settings

COMMANDS: Final = {
    "simulate": "Call a flow, or any webhook server, from the terminal: listen, press keys, speak.",
    "test": "Play a project's scenarios, and report which outcomes they cover.",
    "prove": "Explore every path through the flows, and print the shortest call that goes wrong.",
    "graph": "Draw flows: their steps, and the paths between them.",
    "console": "Set the console's passwords, or print a link that opens it.",
    "schema": "Print the JSON Schema of flow files, of scenarios, or of the NCCO.",
    "lsp": "Run the language server for an editor, on standard input and output.",
    "vonage": "Run a virtual Vonage on this machine, with its REST API for calls.",
    "platform-check": "Ask Vonage itself how it behaves, by short calls between two of your numbers.",
}
"""The commands with short descriptions. Their modules are `ncco_studio.commands.<name>`, with _ for -."""


def load_command(name: str) -> click.Command:
    command: click.Command = import_module(f"ncco_studio.commands.{name.replace('-', '_')}").command
    return command


def rules() -> Mapping[str, FlowRule]:
    faults = import_module("ncco_studio.verify.faults").FAULTS
    return {**import_module("ncco_studio.verify.scenarios.values").RULES, **faults}


def code_pages() -> Mapping[str, str]:
    pages: Mapping[str, str] = import_module("ncco_studio.lsp.code_pages").code_pages()
    return pages


def explorer() -> Explore:
    explore: Explore = import_module("ncco_studio.verify.prove.handler_steps").explore
    return explore


def editor_files(files: Mapping[str, str]) -> dict[str, str]:
    names = import_module("ncco_studio.editing.names").ProjectNames(files).offered()
    schemas = {
        "flow": import_module("ncco_studio.schema").flow_schema(names),
        "scenario": import_module("ncco_studio.verify.scenarios.model").scenario_schema(),
    }
    return {
        f".vscode/{kind}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for kind, schema in schemas.items()
    }


def demo_files() -> dict[str, str]:
    files: dict[str, str] = import_module("ncco_studio.commands.demo").practice_files()
    return files


def play_demo(folder: Path, now: datetime) -> int:
    played: int = import_module("ncco_studio.commands.demo").play_calls(folder, now)
    return played


def check_proof(settings: Settings, flows: Mapping[str, Flow]) -> Iterable[Finding]:
    found: Iterable[Finding] = import_module("ncco_studio.commands.doctor").check_proof(settings, flows)
    return found


def console_beside(
    settings: Settings, *, dev: bool, say: Callable[[str], None]
) -> AbstractContextManager[RunningConsole | None]:
    beside = import_module("ncco_studio.commands.console_process").console_beside
    console: AbstractContextManager[RunningConsole | None] = beside(settings, dev=dev, say=say)
    return console
