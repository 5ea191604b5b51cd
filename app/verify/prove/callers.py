"""Calls that stand for all others, and the variables of the server that they meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from app.engine import Call
from app.flow.exits.collect import Collect
from app.flow.model import Flow
from app.flow.parts.values import leaves
from app.flow.templates import Computed, Native
from app.verify.prove.flows import family, uses_in
from app.verify.prove.literals import Literals, Tested
from app.verify.prove.reading import Path
from app.verify.prove.values import Representatives

NUMBER: Final = "442079460000"
CALLER: Final = "447700900123"
OTHER: Final = "447700900456"
MOST_CALLS: Final = 64
_OFTEN_EMPTY: Final = frozenset({"from_user", "sip", "custom_data"})
_HIDDEN: Final = ("call", "is_hidden")
_NAMELESS: Final = "anonymous"
"""What the `from` of a caller may be who shows no number."""

_FIELDS: Final[Mapping[str, str]] = {"to": "to", "from": "from_number"}
_PHONE: Final = "4477009010{:02}"


def calls_to(root: Flow, shown: Representatives) -> list[Call]:
    """The calls that a flow is walked with: each fact of the call by the literals that it is held against."""
    to = root.numbers[0] if root.numbers else NUMBER
    base = Call(to=to, from_number=CALLER, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone")
    choices = dict(_choices(root, shown))
    rows = list(product(*choices.values()))[:MOST_CALLS]
    return [_made(base, dict(zip(choices, row, strict=True))) for row in rows]


def _choices(root: Flow, shown: Representatives) -> Iterator[tuple[Path, list[Any]]]:
    """What each fact of the call may be that something depends on."""
    literals = shown.literals
    paths = dict.fromkeys(literals.paths_of("", "call"))
    hides = _HIDDEN in paths
    for path in dict.fromkeys(("call", "from") if path == _HIDDEN else path for path in paths):
        tested = literals.of("", path)
        texts = [each for each in tested.literals if isinstance(each, str)]
        texts += [_NAMELESS] if hides and path == ("call", "from") else []
        if len(path) < 2 or not (texts or tested.for_truth):
            continue
        known = [*texts, *([""] if tested.for_truth or path[1] in _OFTEN_EMPTY else [])]
        other = next((each for each in _usual(root, path) if each not in known), "something else")
        found = list(dict.fromkeys([other, *(root.numbers if path[1] == "to" else ()), *known]))
        shown.chosen[".".join(path)] = tuple(found)
        yield path, found


def _usual(root: Flow, path: Path) -> tuple[str, ...]:
    """What a fact of a call mostly is."""
    match path[1]:
        case "to":
            return (*root.numbers, NUMBER)
        case "from":
            return (CALLER, OTHER)
        case "direction":
            return ("inbound",)
        case "endpoint_type":
            return ("phone",)
        case _:
            return ("something",)


def _made(base: Call, facts: Mapping[Path, Any]) -> Call:
    call, sip, custom = base, dict[str, str](), dict[str, Any]()
    for path, value in facts.items():
        if path[1] == "sip":
            sip |= {path[2]: value} if len(path) > 2 and value else {}
        elif path[1] == "custom_data":
            custom |= {path[2]: value} if len(path) > 2 and value else {}
        else:
            call = call._replace(**{_FIELDS.get(path[1], path[1]): value})
    return call._replace(sip=sip, custom_data=custom)


def variables_for(root: Flow, literals: Literals, given: Mapping[str, str]) -> dict[str, str]:
    """A value for each variable of the server that the flow reads: the one that is set, else one that fits."""
    found: dict[str, str] = {}
    for path in dict.fromkeys(literals.paths_of("", "env")):
        if len(path) > 1:
            found[path[1]] = given.get(path[1]) or _fitting(root, literals.of("", path), path[1], len(found))
    for flow in family(root).values():
        for name in _dialled(flow):
            if name not in given:
                found[name] = _PHONE.format(len(found))
    return found


def _fitting(root: Flow, tested: Tested, name: str, number: int) -> str:
    """Digits for what is held against digits that a caller keys in, else an address."""
    flows = family(root)
    for flow, *rest in tested.names:
        for step in flows[flow].steps.values() if flow else ():
            exit_ = step.exit
            if isinstance(exit_, Collect) and rest == [exit_.into] and exit_.wanted.lengths:
                return str(number % 9 + 1) * exit_.wanted.lengths[0]
    texts = [each for each in tested.literals if isinstance(each, str)]
    return texts[0] if texts else f"https://{name.lower().replace('_', '-')}.example.com"


def _dialled(flow: Flow) -> Iterator[str]:
    """The variables of the server that are phone numbers."""
    for use in uses_in(flow):
        for leaf in leaves(use.source) if not hasattr(use.source, "evaluate") else ():
            if isinstance(leaf, Native | Computed) and leaf.type.name == "phone":
                yield from sorted(leaf.used_env)
