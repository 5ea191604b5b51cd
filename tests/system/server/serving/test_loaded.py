"""What a server has loaded after its first calls: what answers them, what its flows need, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from benchmarks.loaded import FLOWS, measured

TOOLS_AND_PEOPLE: Final = frozenset({"console", "editor", "simulator", "verify"})
RARE: Final = {
    "lookups": "ncco_server.service.lookups",
    "hooks": "ncco_server.service.hook_posts",
    "mail": "ncco_server.service.mail",
    "recordings": "ncco_server.service.recordings",
    "calls that it places": "ncco_server.service.placing.webhooks",
    "calls that hooks place": "ncco_server.service.placing.hooks",
    "the Voice API": "ncco_server.vonage.voice_api",
    "the placing API": "ncco_server.web.placing_api",
    "the console's process": "ncco_studio.commands.console_process",
    "pictures": "ncco_studio.pictures.svg",
}
FLOW: Final = """flow: shop
default: true
start: welcome
defaults:
  retry: {noinput: ["Sorry?"], then: bye}
steps:
  welcome: {do: [{talk: "Press 1."}], choices: {one: {dtmf: 1, goto: later}}}
  later: {lookup: customer, send: [told, mailed], do: [{talk: "Hello."}], goto: end}
  bye: {do: [{talk: "Goodbye."}], goto: end}
lookups:
  customer: {get: 'https://crm.example/x', returns: {tier: text}, default: {tier: ''}}
hooks:
  told: {post: 'https://crm.example/x'}
  mailed: {mail: {to: 'office@example.com', subject: A call}}
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules of a server after calls to a flow that needs nothing rare."""
    return measured(tmp_path_factory.mktemp("plain"), 20, FLOWS).modules


def test_no_tool_and_no_page_for_people_is_loaded(loaded: frozenset[str]) -> None:
    assert "ncco_server.web.webhooks" in loaded
    assert set() == {name for name in loaded if name.split(".")[1:2] and name.split(".")[1] in TOOLS_AND_PEOPLE}


def test_nothing_is_loaded_that_its_flows_and_settings_do_not_need(loaded: frozenset[str]) -> None:
    assert [] == [what for what, module in RARE.items() if module in loaded]


def test_modules_that_a_flow_needs_later_are_loaded_before_a_call_gets_there(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "shop.yaml").write_text(FLOW)

    modules = measured(tmp_path, 1, flows).modules

    assert [] == [name for name in ("lookups", "hooks", "mail") if RARE[name] not in modules]
