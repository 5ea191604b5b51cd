"""The shell and Python blocks of the pages do what the pages say, with a real server."""

from __future__ import annotations

import doctest
import os
import re
from collections.abc import Mapping
from pathlib import Path

from tests.support.cases import each_case
from tests.support.fork_server import PIPE, STDOUT, run, run_in_shell
from tests.support.tracked import ROOT
from tests.system.docs.blocks import RUN, Example, blocks_of, examples_of, is_followed, pages
from tests.system.docs.page_servers import servers_of

SHELL_PAGES = [page for page in pages() if examples_of(page, "bash") and not is_followed(page)]
PYTHON_EXAMPLES = [example for page in pages() for example in examples_of(page, "python")]

CHECKER = doctest.OutputChecker()
LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def really(text: str, addresses: Mapping[str, str]) -> str:
    """Replace the addresses in `text` by those of the real servers."""
    for told, address in addresses.items():
        text = text.replace(told, address)
    return text


def run_in_one_shell(examples: list[Example], addresses: Mapping[str, str], home: Path) -> list[str]:
    """The output of each block (both streams), up to the first block that fails."""
    mark = "=== end of a block ==="
    script = "\n".join(f"{really(example.block.code, addresses)}\nprintf '\\n{mark}\\n'" for example in examples)
    env = {"HOME": str(home), "NO_COLOR": "1", "NCCO_DATABASE_URL": f"sqlite:///{home}/ncco.db"}
    return run_in_shell(script, cwd=ROOT, env=env).stdout.split(f"\n{mark}\n")


def as_printed(text: str) -> str:
    """A text without trailing spaces; JSON also loses spaces around punctuation, since pages may format it."""
    text = text.strip()
    if text.startswith(("[", "{")):
        return re.sub(r"\s*([\[\]{},:])\s*", r"\1", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


@each_case("page", SHELL_PAGES)
def test_shell_blocks_print_what_the_page_says(page: str, tmp_path: Path) -> None:
    examples = examples_of(page, "bash")

    with servers_of(page, tmp_path) as addresses:
        printed = run_in_one_shell(examples, addresses, tmp_path)

    assert len(examples) == len(printed) - 1, f"{examples[len(printed) - 1].block}: {printed[-1]}"
    for example, got in zip(examples, printed, strict=False):
        want = example.printed if example.printed is not None else got
        assert CHECKER.check_output(as_printed(really(want, addresses)), as_printed(got), LOOSELY), (
            f"{example.block}: {got}"
        )


@each_case("example", PYTHON_EXAMPLES, ids=lambda example: str(example.block))
def test_python_blocks_print_what_the_page_says(example: Example, tmp_path: Path) -> None:
    script = tmp_path / "block.py"
    script.write_text(f"import warnings; warnings.simplefilter('error')\n{example.block.code}", encoding="utf-8")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = run([script], cwd=ROOT, env=env, stdout=PIPE, stderr=STDOUT, text=True)

    assert 0 == done.returncode, done.stdout
    assert CHECKER.check_output(as_printed(example.printed or ""), as_printed(done.stdout), LOOSELY), done.stdout


@each_case("page", pages())
def test_every_block_names_its_language(page: str) -> None:
    assert [] == [str(block) for block in blocks_of(page) if not block.language]


@each_case("page", pages())
def test_a_block_that_is_not_run_says_why(page: str) -> None:
    silent = [
        str(block)
        for block in blocks_of(page)
        if block.language in (*RUN, "sh", "shell", "console", "py") and not block.is_run and not block.source
        if not re.fullmatch(r"not run: \S.+", block.comment)
    ]

    assert [] == silent


def test_the_walk_is_on_the_front_page() -> None:
    assert [] != examples_of("README.md", "bash")
