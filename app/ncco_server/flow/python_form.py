"""Writes the fixes of the flow language as a handler in Python has its words: with quotes, `=` and `True`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import yaml

_CODE: Final = re.compile(r"`([^`]+)`")
_KEY: Final = re.compile(r"[\w.-]+(?: [\w.-]+)*")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
_WORDS: Final[Mapping[str, str]] = {"true": "True", "false": "False", "null": "None", "..": ".."}
_CONSTANT: Final = re.compile(r"(?<![\w\"'-])(?:true|false|null)(?![\w\"'-])")
_ARGUMENT: Final = re.compile(
    "numbers|default|entry|outcomes|returns|timezone|locales|hours|lookups|hooks|results|events|outbound|defaults"
    "|set|increase|remove|only_new|where|order|first|digits|tries|noinput|nomatch|reprompt|timeout|limit"
)
"""Words that are arguments of `call_flow` or of a call's method. Others are keys of their dicts."""


def in_python(cure: str) -> str:
    """The fix with the Python of each passage of YAML, such as `"talk": {"style": 2}`. Other code stays as it is."""
    written = _CODE.sub(lambda code: f"`{_code(code[1])}`", cure)
    return _CONSTANT.sub(lambda word: _WORDS[word[0]], written)


def _code(code: str) -> str:
    try:
        node = yaml.compose(code, yaml.CSafeLoader)
        if not isinstance(node, yaml.MappingNode):
            return code
        return _value(node) if node.flow_style else ", ".join(map(_argument, *zip(*node.value, strict=True)))
    except (yaml.YAMLError, ValueError):
        return code


def _argument(key: yaml.Node, value: yaml.Node) -> str:
    entry = _entry(key, value)
    if entry.endswith(': ""'):
        raise ValueError("a line of Python")
    return f"{key.value}={_value(value)}" if _ARGUMENT.fullmatch(key.value) else entry


def _entry(key: yaml.Node, value: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode) or key.style or not _KEY.fullmatch(key.value):
        raise ValueError("not as in a flow file")
    return ".." if key.value == ".." else f'"{key.value}": {_value(value)}'


def _value(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return f"{{{', '.join(_entry(key, value) for key, value in node.value)}}}"
    if isinstance(node, yaml.SequenceNode):
        return f"[{', '.join(map(_value, node.value))}]"
    text, is_plain = str(node.value), isinstance(node, yaml.ScalarNode) and not node.style
    if is_plain and (text in _WORDS or _NUMBER.fullmatch(text)):
        return _WORDS.get(text, text)
    bounds = _RANGE.fullmatch(text) if is_plain else None
    return f"({bounds[1]}, {bounds[2]})" if bounds else json.dumps(text, ensure_ascii=False)
