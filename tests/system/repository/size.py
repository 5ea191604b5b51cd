"""The size of each room, in nodes, and of what users must know, in concepts; fails above the lines of `app/size.toml`.

Long lines don't make a room smaller, nor does moving code into YAML, templates, scripts, styles or SQL.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import click
import jinja2
import yaml

from tests.support.tracked import ROOT

ENVIRONMENT: Final = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"], autoescape=True)
Sizes: TypeAlias = dict[str, dict[str, int]]
"""Names and their sizes, below `rooms` and `concepts`."""


def python_nodes(text: str) -> int:
    """Count the nodes without imports, docstrings and annotations."""
    return sum(1 for _ in _counted(ast.parse(text)))


def _counted(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
            return
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "ctx"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _counted(child)


def yaml_nodes(text: str) -> int:
    """Count scalars, maps and lists."""
    nodes = (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent)
    return sum(isinstance(event, nodes) for event in yaml.parse(text, yaml.CSafeLoader))


def template_nodes(text: str) -> int:
    """Count the nodes of Jinja and the tags of HTML."""
    nodes = sum(1 for _ in ENVIRONMENT.parse(text).find_all(jinja2.nodes.Node))
    return nodes + len(re.findall(r"<\w+", text))


def script_tokens(text: str) -> int:
    """Count names, operators and quotes of JavaScript without comments."""
    bare = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return len(re.findall(r"[A-Za-z_$][\w$]*|[-+*/%=<>!&|?:.]+|[\"'`]", bare))


def declarations(text: str) -> int:
    """Count the rules and declarations of a style sheet."""
    return len(re.findall(r"[{;]", text))


def words(text: str) -> int:
    """Count the words of SQL."""
    return len(re.findall(r"\w+", text))


COUNTERS: Final[Mapping[str, Callable[[str], int]]] = {
    ".py": python_nodes,
    ".yaml": yaml_nodes,
    ".html": template_nodes,
    ".js": script_tokens,
    ".css": declarations,
    ".sql": words,
}
CONCEPTS: Final = {
    "classes": ("*.py", r"^class "),
    "columns": ("schema.sql", r"^\s+\w+ (?:BIGINT|TEXT|INTEGER|text|bigint|integer|boolean|BYTEA|bytea|blob)"),
    "command options": ("*.py", r"@click\.option|@click\.argument"),
    "HTTP routes": ("*.py", r"@\w*router\.(?:get|post|put|patch|delete)\(|^@webhook\("),
    "issue codes": ("*.yaml", r"^[A-Z]\d{3}:"),
}


def measure(app: Path) -> Sizes:
    """Count the nodes of each room below `app`, and the concepts in all of it."""
    rooms: Counter[str] = Counter()
    for path in sorted(app.rglob("*")):
        place = path.relative_to(app)
        if path.suffix in COUNTERS and not {"vendor", "__pycache__"} & set(place.parts):
            rooms[_room(place)] += COUNTERS[path.suffix](path.read_text(encoding="utf-8"))
    concepts = {
        name: sum(len(re.findall(pattern, path.read_text(encoding="utf-8"), re.M)) for path in app.rglob(files))
        for name, (files, pattern) in CONCEPTS.items()
    }
    return {"rooms": dict(rooms), "concepts": concepts}


def _room(path: Path) -> str:
    parts = path.parts[1:] if path.parts[0] == "studio" else path.parts
    return f"{parts[0]}/{parts[1]}" if len(parts) > 2 else f"{parts[0]}/(root)"


def excesses(sizes: Sizes, limits: Sizes) -> list[str]:
    """Describe each room and concept that is larger than its line, or has none."""
    return [
        f"{name} has {size:,}; its line in app/size.toml allows {limit:,}"
        for table, found in sizes.items()
        for name, size in found.items()
        if size > (limit := limits.get(table, {}).get(name, 0))
    ]


def lowered(sizes: Sizes, limits: Sizes) -> Sizes:
    """Lower the lines to what there is; the line of what is gone goes."""
    return {
        table: {name: min(limit, sizes[table][name]) for name, limit in lines.items() if name in sizes[table]}
        for table, lines in limits.items()
    }


def as_toml(limits: Sizes) -> str:
    """Write the file of limits."""
    heading = "# The most that `make size` allows. A commit that raises a line does nothing else."
    tables = [
        "\n".join([f"[{table}]", *(f'"{name}" = {limit}' for name, limit in sorted(lines.items()))])
        for table, lines in limits.items()
    ]
    return "\n\n".join([heading, *tables]) + "\n"


@click.command()
@click.argument("app", type=click.Path(path_type=Path), default=ROOT / "app")
@click.option("--lower", is_flag=True, help="Lower each line to what there is.")
def main(app: Path, lower: bool) -> None:
    """Print all sizes; fail if one exceeds its line."""
    file = app / "size.toml"
    sizes = measure(app)
    limits = tomllib.loads(file.read_text(encoding="utf-8"))
    if lower:
        limits = lowered(sizes, limits)
        file.write_text(as_toml(limits), encoding="utf-8")
    for table, found in sizes.items():
        for name, size in sorted(found.items()):
            click.echo(f"{name:26}{size:>9,} of {limits.get(table, {}).get(name, 0):>9,}")
    click.echo(f"{'all rooms':26}{sum(sizes['rooms'].values()):>9,} of {sum(limits['rooms'].values()):>9,}")
    if found_excesses := excesses(sizes, limits):
        raise click.ClickException("\n".join(["too large", *found_excesses]))


if __name__ == "__main__":
    main()
