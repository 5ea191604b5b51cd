"""Calls that stand for all others, and the variables of the server that they meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.engine import Call
from app.flow.actions.values import leaves
from app.flow.language.collect import Collect
from app.flow.model import Flow
from app.flow.templates import Computed, Native
from app.verify.prove.combining import combined
from app.verify.prove.flows import family, uses_in
from app.verify.prove.literals import Literals
from app.verify.prove.reading import Path
from app.verify.prove.shared import CALLER, NUMBER
from app.verify.prove.tested import Tested, different
from app.verify.prove.values import Representatives

OTHERS: Final = ("447700900456", "33199000123", "15550100123", "8618812345678")
MOST_CALLS: Final = 128
_LONGEST: Final = 40
_ELSE: Final = ("something", "anything else", "xyz")
MOST_VARIANTS: Final = 8
"""Settings of the variables of the server that are walked in every combination."""
_OFTEN_EMPTY: Final = frozenset({"from_user", "sip", "custom_data"})
_FROM: Final = ("call", "from")
_HIDDEN: Final = ("call", "is_hidden")
ENDPOINTS: Final = ("phone", "sip", "app", "vbc", "websocket")
"""What calls come from. Source: webhook reference, Answer (endpoint_type)."""
NO_NUMBERS: Final = ("anonymous", "", "sip:caller@example.com")
"""What the `from` of a caller may be who shows no number."""
_USER: Final = "something"

_FIELDS: Final[Mapping[str, str]] = {"to": "to", "from": "from_number"}
_PHONE: Final = "4477009010{:02}"


def calls_to(root: Flow, shown: Representatives) -> list[Call]:
    """The calls that a flow is walked with: each fact of the call by the literals that it is held against.

    Every call of which this server hears is inbound. Source: webhook reference, Answer (it has no `direction`).
    """
    to = root.numbers[0] if root.numbers else NUMBER
    base = Call(to=to, from_number=CALLER, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone")
    choices = dict(_choices(root, shown))
    rows, how = combined(choices, MOST_CALLS)
    if how:
        shown.chosen["call"] = (how,)
    return different(_made(base, row) for row in rows)


def _choices(root: Flow, shown: Representatives) -> Iterator[tuple[Path, list[Any]]]:
    """What each fact of the call may be that something depends on; of the caller's number, whatever reads it."""
    literals = shown.literals
    for path in dict.fromkeys(map(_fact, literals.paths_of("", "call"))):
        tested = literals.of("", path)
        texts = [*tested.texts, *_with_parts(tested, path[1]), *(NO_NUMBERS if path == _FROM else ())]
        if len(path) < 2 or path[1] == "direction" or not (texts or tested.for_truth or tested.is_related):
            continue
        if path[1] == "endpoint_type":
            yield path, _endpoints(tested)
            continue
        known = [*texts, *([""] if tested.for_truth or path[1] in _OFTEN_EMPTY else [])]
        usual = [each for each in _usual(root, path) if each not in known]
        other = next((each for each in usual if tested.has_none(each)), "something else")
        found = list(dict.fromkeys([*usual[:1], other, *(root.numbers if path[1] == "to" else ()), *known]))
        if path[1] == "to":
            found = [each for each in found if _leads_to(root, each)]
        is_whole = set(found) == set(root.numbers) if path[1] == "to" else path == _FROM and not _decides(literals)
        if not is_whole:
            shown.chosen[".".join(path)] = tuple(found)
        yield path, found


def _endpoints(tested: Tested) -> list[str]:
    """What a call may come from, as far as that makes a difference; every one where it is not only compared."""
    held = [each for each in ENDPOINTS[1:] if not tested.has_none(each) or not tested.texts or tested.parts]
    others = [each for each in ENDPOINTS if each not in held]
    return [*others[:1], *held]


def _decides(literals: Literals) -> bool:
    """Whether it matters who calls, and not only whether that can be told."""
    paths = [path for path in literals.paths_of("", "call") if _fact(path) == _FROM]
    return any(literals.of("", path).decides for path in paths)


def _fact(path: Path) -> Path:
    """The fact of the call that a path is of: whoever asks whether a number is hidden asks for the number."""
    fact = path if len(path) > 1 and path[1] in ("sip", "custom_data") else path[:2]
    return _FROM if fact == _HIDDEN else fact


def _leads_to(root: Flow, number: str) -> bool:
    """Whether a call to this number begins in the flow."""
    return number in root.numbers or root.default or root.entry or not root.numbers


def _with_parts(tested: Tested, fact: str) -> list[str]:
    """Values that have the parts that are looked for: of a number, numbers of the usual length."""
    length = len(CALLER) if fact in _FIELDS else 0
    return different([*tested.made(length, _LONGEST), *(() if length else (part.text for part in tested.parts))])


def _usual(root: Flow, path: Path) -> tuple[str, ...]:
    """What a fact of a call mostly is."""
    match path[1]:
        case "to":
            return (*root.numbers, NUMBER, *OTHERS)
        case "from":
            return (CALLER, *OTHERS)
        case _:
            return ("something", "anything else", "xyz")


def _made(base: Call, facts: Mapping[Path, Any]) -> Call:
    call, sip, custom = base, dict[str, str](), dict[str, Any]()
    for path, value in facts.items():
        if path[1] == "sip":
            sip |= {path[2]: value} if len(path) > 2 and value else {}
        elif path[1] == "custom_data":
            custom |= {path[2]: value} if len(path) > 2 and value else {}
        else:
            call = call._replace(**{_FIELDS.get(path[1], path[1]): value})
    return _possible(call._replace(sip=sip, custom_data=custom))


def _possible(call: Call) -> Call:
    """The same call, as it may come in: a user of an application has no number, and only such a call brings data.

    Source: webhook reference, Answer (`from_user` is never sent together with `from`).
    """
    if call.from_user or call.custom_data or call.endpoint_type == "app":
        return call._replace(from_user=call.from_user or _USER, from_number="", endpoint_type="app", sip={})
    is_sip = call.from_number.startswith("sip:")
    if call.endpoint_type == "sip" and not (call.sip or is_sip):
        return call._replace(from_number=NO_NUMBERS[-1])
    return call._replace(endpoint_type="sip") if call.sip or is_sip else call


def variables_for(root: Flow, literals: Literals, given: Mapping[str, str]) -> dict[str, str]:
    """A value for each variable of the server that the flow reads: the one that is set, else one that fits."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(path[1] for path in literals.paths_of("", "env") if len(path) > 1):
        found[name] = given.get(name) or _fitting(root, literals.of("", ("env", name)), name, len(found))
    for flow in family(root).values():
        for name in _dialled(flow):
            if name not in given:
                found[name] = _PHONE.format(len(found))
    return found


def variants_of(literals: Literals, base: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables as they may be set: as they are, and as each literal that one of them is held against."""
    choices = {name: [value, *_held_against(literals, name, value)] for name, value in base.items()}
    rows, _ = combined(choices, MOST_VARIANTS)
    return rows


def _held_against(literals: Literals, name: str, value: str) -> list[str]:
    tested = literals.of("", ("env", name))
    others = [each for each in _ELSE if tested.has_none(each)][:1] if value in tested.literals else []
    known = [*tested.texts, *(part.text for part in tested.parts), *others] if _is_compared(tested) else []
    return [each for each in dict.fromkeys(known) if each != value]


def _is_compared(tested: Tested) -> bool:
    """Whether it is held against literals and nothing that a caller gives."""
    return not tested.is_related and bool(tested.literals or tested.parts)


def _fitting(root: Flow, tested: Tested, name: str, number: int) -> str:
    """Digits for what is held against digits that a caller keys in, else an address."""
    flows = family(root)
    for flow, *rest in tested.names:
        for step in flows[flow].steps.values() if flow else ():
            exit_ = step.exit
            if isinstance(exit_, Collect) and rest == [exit_.into] and exit_.digits:
                return str(number % 9 + 1) * exit_.digits[0]
    texts = [each for each in tested.literals if isinstance(each, str)]
    return texts[0] if texts else f"https://{name.lower().replace('_', '-')}.example.com"


def _dialled(flow: Flow) -> Iterator[str]:
    """The variables of the server that are phone numbers."""
    for use in uses_in(flow):
        for leaf in leaves(use.source) if not hasattr(use.source, "evaluate") else ():
            if isinstance(leaf, Native | Computed) and leaf.type.name == "phone":
                yield from sorted(leaf.used_env)
