"""Which Python files in flows/ are run, and the issues of the others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.fork_server import NCCO, run
from tests.support.server import plain_environment

HANDLER = """\
from ncco_server import Call, call_flow
{imports}

@call_flow(numbers=["44207946{number:04}"])
async def {name}(call: Call) -> None:
    await call.talk("Welcome.")
"""


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
    imports = "import random\nfrom prices import MARGHERITA\nfrom flows.kitchen import OVENS\nrandom.Random\n"
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
        ("from .kitchen import OVENS", "this line raised ImportError: attempted relative import"),
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
