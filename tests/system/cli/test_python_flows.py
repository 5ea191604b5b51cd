"""Which Python files in flows/ are run, and the issues of the others."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support import loopback
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.fork_server import NCCO, run
from tests.support.server import free_port, plain_environment

HANDLER = """\
from ncco_server import Call, call_flow
{imports}

@call_flow(numbers=["44207946{number:04}"])
async def {name}(call: Call) -> None:
    await call.talk("Welcome.")
"""


CALL = {"to": "442079460000", "from": "447700900123", "uuid": "u", "conversation_uuid": "CON-1"}


def write(path: Path, name: str, number: int, imports: str = "") -> None:
    """Write a handler that also notes that its file was run."""
    note = f"open({str(path.with_suffix('.ran'))!r}, 'w').close()"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HANDLER.format(name=name, number=number, imports=f"{imports}\n{note}"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder / "flows/pizza.py", "pizza", 1)
    return folder


@each_case(
    ("listed", "words"),
    [
        ("../flows/pizza.py", 'NCCO_PYTHON_FLOWS: "../flows/pizza.py" is not the path of a Python file'),
        ("sub/../pizza.py", 'NCCO_PYTHON_FLOWS: "sub/../pizza.py" is not the path'),
        ("./pizza.py", 'NCCO_PYTHON_FLOWS: "./pizza.py" is not the path'),
        ("/etc/pizza.py", 'NCCO_PYTHON_FLOWS: "/etc/pizza.py" is not the path'),
        ("sub\\pizza.py", "is not the path of a Python file below the flows folder"),
        ("pizza.py;bar.py", 'NCCO_PYTHON_FLOWS: "pizza.py;bar.py" is not the path'),
        ("pizza.py bar.py", "separated by commas"),
        ("pizza", "such as pizza.py,shop/orders.py"),
        ("", "if it is yours, set NCCO_PYTHON_FLOWS=pizza.py"),
        ("pizza.py.bak.py", "if it is yours, set NCCO_PYTHON_FLOWS=pizza.py"),
        ("PIZZA.py", "if it is yours, set NCCO_PYTHON_FLOWS=pizza.py"),
    ],
)
def test_a_file_is_run_only_if_it_is_listed(project: Path, listed: str, words: str) -> None:
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": listed})
    assert 0 != found.exit_code
    assert words in found.output
    assert not (project / "flows/pizza.ran").exists()


@each_case(
    ("listed", "meant"),
    [("flows/pizza.py", 'write "pizza.py"'), ("shop/pizza.py", 'write "pizza.py"'), ("piza.py", '"pizza.py"?')],
)
def test_a_listed_file_that_does_not_exist_is_a_warning(project: Path, listed: str, meant: str) -> None:
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": f"pizza.py,{listed}"})
    assert 0 == found.exit_code, found.output
    assert "W707  NCCO_PYTHON_FLOWS lists a file that does not exist" in found.output
    assert meant in found.output


def test_a_misspelt_list_is_one_issue(project: Path) -> None:
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "piza.py"})
    assert "NCCO_PYTHON_FLOWS lists piza.py, which does not exist" in found.output
    assert "set NCCO_PYTHON_FLOWS=pizza.py in .env" in found.output
    assert "W707" not in found.output


def test_one_fix_lists_all_files_with_handlers(project: Path) -> None:
    write(project / "flows/shop/bakery.py", "bakery", 2)
    write(project / "flows/bar.py", "bar", 3)
    found = ncco("check", cwd=project)
    assert 3 == found.output.count("set NCCO_PYTHON_FLOWS=bar.py,pizza.py,shop/bakery.py")
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "bar.py,pizza.py,shop/bakery.py"})
    assert "no issues: 3 flows" in found.output


def test_symlinks_out_of_the_folder_are_not_followed(project: Path) -> None:
    write(project.parent / "outside/bar.py", "bar", 2)
    (project / "flows/bar.py").symlink_to(project.parent / "outside/bar.py")
    (project / "flows/more").symlink_to(project.parent / "outside")
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,bar.py,more/bar.py"})
    assert 1 == found.exit_code
    assert 2 == found.output.count("E122  this link leads out of its folder"), found.output
    assert not (project.parent / "outside/bar.ran").exists()


def test_a_symlink_within_the_folder_is_the_same_flow(project: Path) -> None:
    (project / "flows/alias.py").symlink_to("pizza.py")
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,alias.py"})
    assert 'the flow "pizza" already exists in flows/alias.py' in found.output


def test_two_files_with_the_same_flow_are_an_error(project: Path) -> None:
    write(project / "flows/other.py", "pizza", 2)
    (project / "flows/third.yaml").write_text("flow: pizza\nentry: true\nstart: a\nsteps: {a: {goto: end}}\n")
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,other.py"})
    assert 2 == found.output.count('E210  the flow "pizza" already exists in flows/'), found.output


def test_handlers_import_modules_of_the_project_and_hide_none(project: Path) -> None:
    (project / "prices.py").write_text("MARGHERITA = 9\n")
    (project / "flows/kitchen.py").write_text("OVENS = 2\n")
    (project / "flows/package/__init__.py").parent.mkdir()
    (project / "flows/package/__init__.py").write_text("")
    imports = "import random\nfrom prices import MARGHERITA\nfrom .kitchen import OVENS\nrandom.Random\n"
    write(project / "flows/random.py", "bar", 2, imports)
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,random.py"})
    assert "no issues: 2 flows" in found.output, found.output
    sys.modules.pop("prices", None)
    sys.modules.pop("flows.kitchen", None)
    sys.modules.pop("flows", None)


@each_case(
    ("imports", "words"),
    [
        ("import sys; sys.exit(3)", "this line raised SystemExit: 3"),
        ("raise KeyboardInterrupt", "this line raised KeyboardInterrupt"),
        ("import no_such_module", "this line raised ModuleNotFoundError: No module named 'no_such_module'"),
        ("from .kitchen import OVENS", "this line raised ModuleNotFoundError: No module named 'flows.kitchen'"),
        ("def (", "this is not Python: invalid syntax"),
        ("x = '\0'", "this is not Python: source code string cannot contain null bytes"),
    ],
)
def test_code_that_cannot_be_loaded_is_reported_at_its_line(project: Path, imports: str, words: str) -> None:
    write(project / "flows/bar.py", "bar", 2, imports)
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,bar.py"})
    assert 1 == found.exit_code
    assert words in found.output, found.output


def test_a_listed_module_without_a_handler_need_not_be_listed(project: Path) -> None:
    (project / "flows/kitchen.py").write_text("OVENS = 2\n")
    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,kitchen.py"})
    assert "take the file out of NCCO_PYTHON_FLOWS: what handlers import need not be listed" in found.output
    assert 0 == ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py"}).exit_code


def test_commands_accept_the_file_of_a_handler(project: Path) -> None:
    env = {"NCCO_PYTHON_FLOWS": "pizza.py"}
    (project / "flows/faulty.yaml").write_text("flow: faulty\n")
    assert "no issues: 1 flow in 1 file" in ncco("check", "flows/pizza.py", cwd=project, env=env).output
    called = ncco("simulate", "flows/pizza.py", cwd=project, env=env)
    assert 'hears     "Welcome."' in called.output


def test_a_file_is_checked_with_the_flows_that_it_names(project: Path) -> None:
    (project / "flows/night.yaml").write_text("flow: night\nstart: a\nsteps: {a: {goto: nowhere}}\n")
    (project / "flows/faulty.yaml").write_text("flow: faulty\n")
    write(project / "flows/bar.py", "late_bar", 2)
    text = (project / "flows/pizza.py").read_text()
    going = '    if call.from_:\n        await call.goto("late-bar")\n    await call.goto("night")\n'
    (project / "flows/pizza.py").write_text(text + going)
    found = ncco("check", "flows/pizza.py", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py,bar.py"})
    assert "night.yaml" in found.output
    assert "faulty.yaml" not in found.output
    assert "bar.py" not in found.output


UNLIKELY = """\
    number = await call.collect("Your number.", digits=4)
    if number and sum(int(each) for each in number) == 31:
        await call.talk("You have won.")
    await call.talk("Goodbye.")
"""


def test_lines_that_no_call_came_to_are_listed(project: Path) -> None:
    write(project / "flows/pizza.py", "pizza", 1)
    with (project / "flows/pizza.py").open("a") as file:
        file.write(UNLIKELY)

    found = ncco("check", cwd=project, env={"NCCO_PYTHON_FLOWS": "pizza.py"})

    lines = ["no issues: 1 flow in 1 file", "flows/pizza.py: no call came to line 10"]
    assert (0, lines) == (found.exit_code, found.stdout.splitlines())


def test_what_callers_enter_has_no_name(project: Path) -> None:
    env = {"NCCO_PYTHON_FLOWS": "pizza.py"}
    with (project / "flows/pizza.py").open("a") as file:
        file.write(
            '    number = await call.collect("Your number.", digits=4)\n    await call.talk(f"Thank you. {number}")\n'
        )
    (project / "scenarios").mkdir()
    (project / "scenarios/pizza.yaml").write_text("a number: {script: [press: 1234, hear: Goodbye.]}\n")

    played = ncco("test", cwd=project, env=env).output

    assert "collected: 4 digits go to the handler" in played


@pytest.mark.parametrize("words", ["check", "render shop", "test", "prove"])
def test_a_command_ends_though_the_file_of_a_handler_starts_a_thread_and_moves(tmp_path: Path, words: str) -> None:
    left = "import os\nimport threading\nos.chdir('/')\nthreading.Thread(target=threading.Event().wait).start()"
    write(tmp_path / "flows/shop.py", "shop", 1, left)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios/shop.yaml").write_text("a call:\n  flow: shop\n  script: [hear: Welcome., end]\n")

    env = plain_environment(tmp_path, NCCO_PYTHON_FLOWS="shop.py")
    done = run([NCCO, *words.split()], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)

    assert (True, 0) == ((tmp_path / "flows/shop.ran").exists(), done.returncode), done.stderr


PROGRAM = """\
from fastapi import FastAPI

from ncco_server import Call, Choice, call_flow, ncco_router
from prices import price

with open("ran", "a") as file:
    file.write(".")


@call_flow(numbers=["442079460000"])
async def shop(call: Call) -> None:
    await call.talk("Hello.")
    choice = await call.choose("Press 1 or 2.", {"one": Choice(dtmf=1), "two": Choice(dtmf=2)}, tries=1, name="menu")
    await call.talk(f"You chose {choice}, for {price()}.")


@call_flow(numbers=["442079460001"])
async def office(call: Call) -> None:
    await call.talk("This is the office.")


app = FastAPI()
app.include_router(ncco_router(shop, office, dev=True))
"""
SCENARIO = "one: {flow: shop, script: [hear: Hello, press: 1, hear: 'You chose one, for five pounds']}\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a program, without any for flows."""
    (tmp_path / "main.py").write_text(PROGRAM)
    (tmp_path / "prices.py").write_text('def price() -> str:\n    return "five pounds"\n')
    (tmp_path / "tests/scenarios").mkdir(parents=True)
    (tmp_path / "tests/scenarios/shop.yaml").write_text(SCENARIO)
    return tmp_path


@each_case(
    ("words", "shown"),
    [
        ("check main.py", "no issues: 2 flows in 1 file"),
        ("test main.py", "1 scenario played, all hold"),
        ("simulate main.py 1", '"You chose one, for five pounds."'),
        ("simulate office --flows main.py", '"This is the office."'),
        ("render office --flows main.py", '"This is the office."'),
    ],
)
def test_a_program_is_a_project(program: Path, words: str, shown: str) -> None:
    found = ncco(*words.split(), cwd=program)

    assert (0, True) == (found.exit_code, shown in found.output), found.output
    assert "." == (program / "ran").read_text()


def test_a_program_is_a_project_by_its_setting_too(program: Path) -> None:
    (program / ".env").write_text("NCCO_FLOWS=main.py\n")

    assert "no issues: 2 flows in 1 file" in ncco("check", cwd=program).output
    assert "all hold" in ncco("test", cwd=program).output


def test_a_mistake_of_a_program_is_shown_at_its_line(program: Path) -> None:
    (program / "main.py").write_text(PROGRAM.replace('talk("This', 'tell("This'))
    found = ncco("check", "main.py", cwd=program)

    assert 1 == found.exit_code
    assert "main.py:19:1  R110" in found.output
    assert (
        "R110: main.py:19:1: the handler raised" in ncco("simulate", "office", "--flows", "main.py", cwd=program).output
    )


@pytest.mark.parametrize("module", [".prices", "shop.prices"])
def test_a_program_of_a_package_imports_its_modules(program: Path, module: str) -> None:
    package = program / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (program / "prices.py").rename(package / "prices.py")
    (package / "main.py").write_text(PROGRAM.replace("from prices", f"from {module}"))

    assert "no issues: 2 flows in 1 file" in ncco("check", "shop/main.py", cwd=program).output


def test_a_program_whose_handlers_are_in_flows_is_not_a_project(program: Path) -> None:
    write(program / "flows/pizza.py", "pizza", 2)
    (program / "main.py").write_text("from flows.pizza import pizza\n")
    found = ncco("check", "main.py", cwd=program)

    assert 1 == found.exit_code
    assert "name the file that has the handlers" in found.output
    assert "set NCCO_PYTHON_FLOWS=pizza.py in .env" in found.output


@contextmanager
def served(*words: str, cwd: Path, port: int) -> Iterator[None]:
    environment = plain_environment(cwd, NCCO_PORT=str(port), PYTHONPATH=str(cwd))
    server = Popen(words, cwd=cwd, env=environment, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        server.terminate()
        server.wait(30)


def asked(port: int, path: str, **body: object) -> Any:
    for _ in range(300):
        try:
            return loopback.post(f"http://127.0.0.1:{port}{path}", json={**CALL, **body}).json()
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_a_call_that_a_program_answered_goes_on_in_the_command_with_the_code_of_today(program: Path) -> None:
    """As after a deployment that also moves from uvicorn to `ncco serve`; the stored results still fit."""
    port = free_port()
    with served(str(Path(NCCO).with_name("uvicorn")), "main:app", "--port", str(port), cwd=program, port=port):
        answer = asked(port, "/webhooks/answer")
    (program / "main.py").write_text(PROGRAM.replace("You chose", "You took").replace("the office", "our office"))
    with served(NCCO, "serve", "--dev", "main.py", cwd=program, port=port):
        path = urlsplit(answer[-2]["eventUrl"][0]).path
        goes_on = asked(port, path, dtmf={"digits": "2"})

    assert ["Hello.", "Press 1 or 2."] == [each["text"] for each in answer[:2]]
    assert "You took two, for five pounds." == goes_on[0]["text"]
    assert ".." == (program / "ran").read_text()[:2]
