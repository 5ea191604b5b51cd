"""Shows the values in a text as names in brackets, such as `[next opening]`, and puts them back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from jinja2 import nodes

from ncco_server.flow.nodes import NOWHERE, Text
from ncco_server.flow.templates.parsing import Templates
from ncco_server.flow.templates.tree import Template

_CODE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_BRACKET: Final = re.compile(r"\[[^\[\]]*\]|[\[\]]")
"""A name in brackets, or a bracket without the other one."""
_FORMS: Final = ("date", "day", "time", "weekday")
_HOURS: Final = {"next_open": "next opening", "next_close": "next closing"}


class Placeholder(NamedTuple):
    """`source` includes the braces, and begins at `start`."""

    name: str
    source: str
    start: int
    node: nodes.Expr


def placeholders_of(template: Template) -> list[Placeholder]:
    """In order. The same source has the same name, which no text in brackets has."""
    text = template.source
    taken = set(_BRACKET.findall(_CODE.sub("{}", text)))
    names = dict[str, str]()
    found = []
    for node in template.written():
        start = text.rindex("{{", 0, template.start(node))
        source = text[start : text.index("}}", template.end(node)) + 2]
        if source not in names:
            words = name = _words(node)
            number = 1
            while f"[{name}]" in taken:
                number += 1
                name = f"{words} {number}"
            names[source] = name
            taken.add(f"[{name}]")
        found.append(Placeholder(names[source], source, start, node))
    return found


def in_brackets(text: str) -> tuple[str, dict[str, str] | None]:
    """The text as it is shown, and the source of each name in it.

    The second value is None for a text that decides what it says: the form leaves it alone.
    """
    if not _CODE.search(text) and "{{" not in text:
        return text, {}
    template = Templates().parsed(Text(text, NOWHERE), "").template
    if "{%" in text or "{#" in text or not template.body:
        return re.sub("…+", "…", _CODE.sub("…", text)), None
    shown = ""
    at = 0
    sources = dict[str, str]()
    for each in placeholders_of(template):
        shown += f"{text[at : each.start]}[{each.name}]"
        at = each.start + len(each.source)
        sources[each.name] = each.source
    return shown + text[at:], sources


def put_back(typed: str, shown: str, sources: Mapping[str, str]) -> str:
    """The reverse of `in_brackets`, which gave `shown` and `sources`. Raises ValueError for an unknown name."""
    values = {f"[{name}]": source for name, source in sources.items()}
    known = _BRACKET.findall(shown)

    def source(bracket: str) -> str:
        if bracket not in known:
            cure = f"use {', '.join(values)}, or no brackets" if values else "write it without brackets"
            raise ValueError(f"{bracket} has no value in this text: {cure}")
        return values.get(bracket, bracket)

    return _replaced(typed, source)


def filled(shown: str, examples: Mapping[str, str]) -> str:
    """Names without an example stay in brackets."""
    return _replaced(shown, lambda bracket: examples.get(bracket[1:-1], bracket))


def _replaced(text: str, value_of: Callable[[str], str]) -> str:
    pieces = re.compile(f"{_CODE.pattern}|{_BRACKET.pattern}", re.DOTALL)
    return pieces.sub(lambda found: value_of(found[0]) if found[0][0] in "[]" else found[0], text)


def _words(node: nodes.Expr) -> str:
    """Such as `next opening time` for `hours.main.next_open | spoken("time")`."""
    path = _path(node)
    if path[:1] == ["hours"]:
        path = [_HOURS.get(path[-1], path[-1])]
    match node:
        case nodes.Filter(name="spoken", args=[nodes.Const(value=form)]) if form in _FORMS:
            path.append(form)
            path = path[-3:]
        case _:
            path = path[-2:]
    return " ".join(re.sub(r"[\W_]+", " ", " ".join(path)).split()) or "value"


def _path(node: nodes.Node) -> list[str]:
    """The first name in an expression, with its fields; or else its first literal."""
    match node:
        case nodes.Getattr(node=of, attr=name):
            return [*_path(of), name]
        case nodes.Getitem(node=of):
            return _path(of)
        case nodes.Name(name=name):
            return [name]
        case nodes.Const(value=value):
            return [str(value)]
    return next(filter(None, map(_path, node.iter_child_nodes())), [])
