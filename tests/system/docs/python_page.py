"""Makes docs/reference/python.md, generated from what the package exports: `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Final, is_typeddict

import ncco_server
import ncco_server.ncco
from ncco_server.flow.handlers import options
from ncco_server.issue import Issue, Rule
from ncco_server.ncco import NccoModel
from tests.support.tracked import ROOT

PAGE: Final = ROOT / "docs" / "reference" / "python.md"

INTRODUCTION: Final = """---
search:
  boost: 0.5
---

# Python

<!-- written by make docs -->

What Python code can import. `ncco_server` is for [calls in Python](../how-to/python.md) and
[your own application](../how-to/own-application.md); `ncco_server.ncco` has everything about NCCOs and webhooks,
without a server. The options of actions are in [Options of actions](options.md).
"""
NCCO: Final[Any] = ncco_server.ncco
PACKAGES: Final[tuple[Any, ...]] = (ncco_server, NCCO)
_SENTENCE: Final = re.compile(r"(?<=\.) +")
_HEADINGS: Final = re.compile(r"(Args|Attributes|Raises|Returns):")


def page() -> str:
    sections = [f"## `{package.__name__}`\n\n{''.join(_sections(package))}" for package in PACKAGES]
    models = ", ".join(f"`{name}`" for name in NCCO.__all__ if _is_model(getattr(NCCO, name)))
    about = (
        "### Models\n\nThe actions and endpoints, and their parts, as pydantic models; their fields are the options in "
        f"`snake_case`: {models}.\n\nTypes and constants: {', '.join(_others())}."
    )
    return "\n".join([INTRODUCTION, *sections, about]) + "\n"


def _others() -> Iterator[str]:
    for name in NCCO.__all__:
        found = getattr(NCCO, name)
        if not inspect.isclass(found) and not inspect.isfunction(found):
            yield f"`{name}`"


def _is_model(found: Any) -> bool:
    return inspect.isclass(found) and issubclass(found, NccoModel)


def _sections(package: Any) -> Iterator[str]:
    for name in package.__all__:
        found = getattr(package, name)
        if package is NCCO and name in PACKAGES[0].__all__:
            continue
        if not _is_model(found) and (inspect.isclass(found) or inspect.isfunction(found)):
            code = f"```text\n{_signature(name, found)}\n```"
            yield f"### `{name}`\n\n{code}\n\n{_text(found)}{''.join(_members(found))}"


def _signature(name: str, found: Any) -> str:
    if not inspect.isclass(found):
        return f"def {name}{_call(found)}"
    if is_dataclass(found) or issubclass(found, str):
        return f"class {name}{_call(found)}"
    bases = ", ".join(base.__name__ for base in found.__bases__ if base is not object)
    return f"class {name}({bases})" if bases else f"class {name}"


def _call(found: Any) -> str:
    """The arguments, without types: editors show these."""
    signature = inspect.signature(found)
    kept = [
        each.replace(
            annotation=each.empty, default=each.empty if each.default is each.empty else _default(each.default)
        )
        for each in signature.parameters.values()
        if each.name not in ("self", "cls")
    ]
    return str(signature.replace(parameters=kept, return_annotation=signature.empty)).replace("Ellipsis", "...")


def _default(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return value
    return ... if callable(value) or isinstance(value, Mapping | datetime) else value


def _text(found: Any) -> str:
    """The docstring as Markdown: lists of arguments and attributes become lists, and indented code is fenced."""
    text = inspect.getdoc(found) if found.__doc__ else ""
    return "".join(f"{_block(each)}\n\n" for each in (text or "").split("\n\n"))


def _block(block: str) -> str:
    first, *rest = block.splitlines() or [""]
    if heading := _HEADINGS.fullmatch(first):
        items: list[str] = []
        for line in rest:
            if re.match(r" {4}\S", line):
                name, _, meaning = line.strip().partition(": ")
                items.append(f"- `{name}`: {meaning}")
            else:
                items[-1] += f" {line.strip()}"
        return "\n".join([f"{heading[1]}:", "", *items])
    if block.startswith("    "):
        return f"```text\n{inspect.cleandoc(block)}\n```"
    return block.replace("```python", "```text", 1)


def _members(found: Any) -> Iterator[str]:
    """The public methods of a class that is no model, each with its first sentence."""
    if not inspect.isclass(found) or found in (Issue, Rule):
        return
    for name, member in vars(found).items():
        function = getattr(member, "__func__", member)
        if name.startswith("_") or not (inspect.isfunction(function) or isinstance(member, property)):
            continue
        text = _SENTENCE.split((inspect.getdoc(member) or "").replace("\n", " "), maxsplit=1)[0]
        shown = name if isinstance(member, property) else f"{name}{_call(function)}"
        yield f"- `{shown}`{': ' if text else ''}{text}\n"
    yield "\n"
    yield from _options() if found is ncco_server.Call else ()


def _options() -> Iterator[str]:
    """The arguments that `**options` stands for."""
    for name, found in vars(options).items():
        if is_typeddict(found):
            own = ", ".join(f"`{each}`" for each in found.__annotations__)
            yield f"### `{name}`\n\n{_text(found)}Options: {own}.\n\n"
