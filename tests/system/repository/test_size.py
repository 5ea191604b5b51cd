"""`make size`: what each counter counts, and that an excess fails."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from tests.support.cases import each_case
from tests.system.repository.size import CONCEPTS, COUNTERS, Sizes, as_toml, excesses, lowered, main, measure

PROGRAM: Final = '''"""What it is."""
import os
x: int = 1
def f(a: str) -> str:
    """Do it."""
    return a
'''


@each_case(
    "suffix, text, nodes",
    [
        pytest.param(".py", "x = 1\n", 4, id="a module, an assignment, its target and its value"),
        pytest.param(".py", PROGRAM, 9, id="an import, a docstring and annotations count nothing"),
        pytest.param(".py", "x = [\n    1,\n    2,\n]\n", 6, id="line breaks change nothing"),
        pytest.param(".yaml", "key: [1, 2]  # a comment\n", 5, id="a map, its key, a list and its items"),
        pytest.param(".html", "<p><b>{{ name }}</b></p>\n", 6, id="tags, outputs, their text and names"),
        pytest.param(".js", '// what it is\nconst a = "" /* here */\n', 5, id="names, operators and quotes"),
        pytest.param(".css", "a { color: red; margin: 0; }\n", 3, id="a rule and its declarations"),
        pytest.param(".sql", "CREATE TABLE calls (uuid TEXT);\n", 5, id="words"),
    ],
)
def test_a_counter_counts(suffix: str, text: str, nodes: int) -> None:
    assert nodes == COUNTERS[suffix](text)


def test_all_files_of_a_room_and_all_concepts_are_counted(tmp_path: Path) -> None:
    files = {
        "server/errors.py": "class Failure(Exception): ...\n",
        "server/web/routes.py": '@router.get("/ready")\n@click.option("--quiet")\ndef ready(): ...\n',
        "server/web/page.html": "<p>",
        "server/web/vendor/library.js": "const a = 1",
        "server/store/schema.sql": "CREATE TABLE calls (\n  uuid TEXT,\n  began BIGINT\n);\n",
        "studio/console/rules.yaml": "S101:\n  title: a rule\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    sizes = measure(tmp_path)

    assert {"server/(root)", "server/web", "server/store", "console/(root)"} == sizes["rooms"].keys()
    assert COUNTERS[".py"](files["server/web/routes.py"]) + COUNTERS[".html"]("<p>") == sizes["rooms"]["server/web"]
    assert {"classes": 1, "columns": 2, "command options": 1, "HTTP routes": 1, "issue codes": 1} == sizes["concepts"]


SIZES: Final[Sizes] = {"rooms": {"server/web": 10, "server/store": 5}, "concepts": {"classes": 3}}


def test_what_exceeds_its_line_or_has_none_is_named() -> None:
    limits = {"rooms": {"server/web": 9}, "concepts": {"classes": 3}}

    found = excesses(SIZES, limits)

    assert ["server/web has 10", "server/store has 5"] == [text.split(";")[0] for text in found]


def test_lines_are_lowered_and_never_raised() -> None:
    limits = {"rooms": {"server/web": 9, "server/store": 7, "server/gone": 4}, "concepts": {"classes": 3}}

    lower = lowered(SIZES, limits)

    assert {"rooms": {"server/web": 9, "server/store": 5}, "concepts": {"classes": 3}} == lower
    assert lower == tomllib.loads(as_toml(lower))


def test_the_command_fails_on_an_excess_and_lowers_lines(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "main.py").write_text("x = 1\n", encoding="utf-8")
    limits = tmp_path / "size.toml"
    concepts = "[concepts]\n" + "".join(f'"{name}" = 0\n' for name in CONCEPTS)

    def run(allowed: int, *options: str) -> int:
        limits.write_text(f'[rooms]\n"web/(root)" = {allowed}\n{concepts}', encoding="utf-8")
        return CliRunner().invoke(main, [str(tmp_path), *options]).exit_code

    assert (1, 0) == (run(3), run(4))
    assert 0 == run(9, "--lower")
    assert 4 == tomllib.loads(limits.read_text(encoding="utf-8"))["rooms"]["web/(root)"]
    assert 1 == run(3, "--lower")
    assert 3 == tomllib.loads(limits.read_text(encoding="utf-8"))["rooms"]["web/(root)"]
