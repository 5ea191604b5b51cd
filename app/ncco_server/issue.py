"""Issues found in NCCOs, and the rules that they break."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

Severity = Literal["error", "warning"]
R = TypeVar("R")
MAX_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue found in an NCCO.

    Attributes:
        code: the rule's code, e.g. `N108`.
        severity: "error" if Vonage refuses the NCCO or does not do what it says; "warning" if that can happen.
        path: where the issue is, as a JSON Pointer (RFC 6901); "" is the whole document.
        message: what is wrong, in one sentence.
        fix: what to write instead, in one sentence.
        span: start and length of the faulty part of the text at `path`, in characters; None for the whole value.
    """

    code: str
    severity: Severity
    path: str
    message: str
    fix: str
    span: tuple[int, int] | None = None

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def inside(self, key: object) -> Issue:
        """The same issue relative to the enclosing value, in which the value has this key or index."""
        return replace(self, path=pointer(key) + self.path)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for NCCOs.

    Attributes:
        source: the page that states the rule, e.g. "NCCO reference, Record".
        bad: JSON text that breaks only this rule; `good` is the same text, corrected.
        fix: what to write instead, in one sentence.
    """

    code: str
    severity: Severity
    title: str
    fix: str
    source: str
    bad: str
    good: str

    def at(self, path: str, message: str, cure: str | None = None) -> Issue:
        """`cure` replaces the rule's own fix."""
        return Issue(self.code, self.severity, path, message, self.fix if cure is None else cure)


class RuleBook(Mapping[str, R]):
    """Rules by code, from YAML files that are read on first use."""

    def __init__(self, rule: Callable[..., R], *files: Path) -> None:
        self._rule = rule
        self._files = files

    @cached_property
    def _rules(self) -> Mapping[str, R]:
        entries: dict[str, dict[str, Any]] = {}
        for file in self._files:
            entries |= yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return {code: self._rule(code=code, **fields) for code, fields in entries.items()}

    def __getitem__(self, code: str) -> R:
        return self._rules[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


RULES: Mapping[str, Rule] = RuleBook(Rule, Path(__file__).parent / "ncco" / "rules.yaml")


def fault(code: str, message: str, cure: str | None = None, path: str = "") -> Issue:
    return RULES[code].at(path, message, cure)


def pointer(*keys: object) -> str:
    """Source: RFC 6901 (JSON Pointer)."""
    return "".join("/" + encodable(str(key)).replace("~", "~0").replace("/", "~1") for key in keys)


def keys_of(path: str) -> tuple[str, ...]:
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in path.split("/")[1:])


def wrong_type(value: object, expected: str, cure: str) -> Issue:
    """`expected` is a phrase, such as "a number"."""
    if expected == "an object" and isinstance(value, str) and value.lstrip().startswith("{"):
        cure = "Write the object itself, not text that contains it."
    return fault("N107", f"{shown(value)} is not {expected}.", cure)


def shown(value: object) -> str:
    """At most 60 characters of JSON; "an array" or "an object" stands for one."""
    if isinstance(value, (dict, list, tuple)):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, str):
        short = value[: MAX_SHOWN_CHARACTERS - 3] + "..." if len(value) > MAX_SHOWN_CHARACTERS else value
        return encodable(json.dumps(short, ensure_ascii=False))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that JSON does not know"
    try:
        text = str(value) if isinstance(value, (int, float)) else type(value).__name__
    except ValueError:  # too many digits for Python to convert
        return "a huge number"
    return text if len(text) <= MAX_SHOWN_CHARACTERS else "a huge number"


def encodable(text: str) -> str:
    """Escape lone surrogates, so that the text can be printed."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def listed(words: Sequence[object], last: str = "or") -> str:
    *front, end = (str(word) for word in words)
    return f"{', '.join(front)} {last} {end}" if front else end
