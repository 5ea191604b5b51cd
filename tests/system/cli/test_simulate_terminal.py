"""`ncco simulate` in a real terminal: what a person types and sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fork_server import NCCO
from tests.support.server import plain_environment
from tests.support.terminal import Terminal
from tests.system.cli.projects import write_project
from tests.system.cli.simulated import AT, SHOP, saved

ARROW_UP = "\x1b[A"
CTRL_C, CTRL_D, CTRL_U = "\x03", "\x04", "\x15"
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class SimulatedCall(Terminal):
    """The command in a terminal."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        env = plain_environment(folder, TERM="xterm-256color", PROMPT_TOOLKIT_NO_CPR="1", **env)
        super().__init__(folder, env, NCCO, "simulate", *AT, *words)

    def prompts(self) -> None:
        """Wait until a line can be typed; earlier keys would go to the terminal itself."""
        self.sees("\x1b[?12l\x1b[?25h")

    def types(self, line: str) -> None:
        """Type a line once the prompt is there."""
        self.prompts()
        self.send(f"{line}\r")

    @property
    def plain(self) -> str:
        """Everything shown so far, without control sequences."""
        return _STEERING.sub("", self.shown)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield write_project(tmp_path, shop=SHOP)


def asked(folder: Path, *words: str, **env: str) -> SimulatedCall:
    """A terminal with a call that has reached the lookup's question."""
    terminal = SimulatedCall(folder, *words, **env)
    terminal.sees("Enter: its default")
    terminal.sees("answer>")
    return terminal


def called(folder: Path, *words: str, **env: str) -> SimulatedCall:
    """A terminal with a call that has reached the menu."""
    terminal = asked(folder, *words, **env)
    terminal.types("")
    terminal.sees("Enter: silence; ?: help]")
    return terminal


def test_a_person_answers_lookups_and_is_asked_again_after_a_wrong_answer(folder: Path) -> None:
    terminal = asked(folder, "--save", "calls.yaml")
    terminal.types("name=Ann tier=silver")
    terminal.sees("that is not an answer: `tier` is not one of gold, standard")
    terminal.types("nme=Ann")
    terminal.sees('"nme=Ann" does not set a field; the fields are: name, tier')
    terminal.types("name=Ann tier=gold")
    terminal.sees("Hello Ann.")
    terminal.types("hangup")

    assert 0 == terminal.ends()
    assert {"customer": [{"value": {"name": "Ann", "tier": "gold"}}]} == saved(folder / "calls.yaml")["given"]


HANDLER = """\
from dataclasses import dataclass

from ncco_server import Call, RunFailed, call_flow


@dataclass
class Order:
    status: str
    days: int


async def find_order(number: str) -> Order | None:
    return None


@call_flow(default=True)
async def orders(call: Call) -> None:
    try:
        order = await call.run(find_order, "1")
    except RunFailed:
        order = None
    await call.talk(f"It is {order.status}, {order.days} days." if order else "Unknown.")
"""


def test_a_person_answers_a_function_and_is_asked_again_after_a_wrong_answer(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "orders.py").write_text(HANDLER)
    terminal = SimulatedCall(tmp_path, NCCO_PYTHON_FLOWS="orders.py")
    terminal.sees("type its answer: status=.. days=.., JSON, timeout or error 503; Enter: no result; ?: help")
    terminal.types("?")
    terminal.sees("its fields, such as status=")
    terminal.types("status=late")
    terminal.sees("that is not an answer: days is missing")
    terminal.types("status=late days=4")
    terminal.sees("It is late, 4 days.")
    terminal.sees("Enter: leave]")
    terminal.types("")

    assert 0 == terminal.ends()


@pytest.mark.parametrize(("typed", "given"), [("timeout", {"timeout": True}), ("error 503", {"error": "503"})])
def test_a_person_says_how_a_lookup_fails(folder: Path, typed: str, given: object) -> None:
    terminal = asked(folder, "--save", "calls.yaml")
    terminal.types(typed)
    terminal.sees("Enter: silence")
    terminal.types("hangup")

    assert 0 == terminal.ends()
    assert [given] == saved(folder / "calls.yaml")["given"]["customer"]


def test_colours_are_shown_unless_turned_off(folder: Path) -> None:
    coloured, plain = called(folder), called(folder, NO_COLOR="1")
    coloured.types("hangup")
    plain.types("hangup")

    assert (0, 0) == (coloured.ends(), plain.ends())
    assert "\x1b[33m    3.6 s  hangs up\x1b[0m" in coloured.shown
    assert "\x1b[33m" not in plain.shown


def test_tab_completes_and_arrows_go_back(folder: Path) -> None:
    terminal = called(folder)
    terminal.prompts()
    terminal.send("speak sa\t")
    terminal.sees("les")  # the completion appears a moment after the key
    terminal.types("")
    terminal.sees('says      "sales"')
    terminal.sees("is being dialled")
    terminal.prompts()
    terminal.send(ARROW_UP)
    terminal.sees("speak sales")
    terminal.send(CTRL_U)
    terminal.types("why")
    terminal.sees("a phrase of choice")
    terminal.types("dial busy")
    terminal.sees("you are recorded")
    terminal.types("quit")

    assert 0 == terminal.ends()


def test_ctrl_c_hangs_up(folder: Path) -> None:
    terminal = called(folder, "--save", "calls.yaml")
    terminal.prompts()
    terminal.send(CTRL_C)

    assert 0 == terminal.ends()
    assert "hangs up" in terminal.plain
    assert "Traceback" not in terminal.plain
    assert "- hangup" in (folder / "calls.yaml").read_text()


def test_ctrl_d_at_a_lookup_takes_its_default(folder: Path) -> None:
    terminal = asked(folder)
    terminal.prompts()
    terminal.send(CTRL_D)
    terminal.sees("its default is used")
    terminal.sees("Enter: silence")
    terminal.prompts()
    terminal.send(CTRL_D)

    assert 0 == terminal.ends()
