"""Representative calls, and the variables of the server that they meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.engine import Call
from app.flow.language.collect import Collect
from app.flow.model import Flow
from app.verify.prove.comparisons import Compared, different
from app.verify.prove.literals import CALLER, NUMBER, Literals
from app.verify.prove.uses import Path, family, templates_in, uses_in
from app.verify.prove.values import LONGEST_TEXT, Representatives, combined

MOST_CALLS: Final = 128
MOST_SETTINGS: Final = 8
"""Settings of the variables of the server that are tried in every combination."""
NO_NUMBERS: Final = ("anonymous", "", "sip:caller@example.com")
"""The `from` of callers without a number."""
ENDPOINTS: Final = ("phone", "sip", "app", "vbc", "websocket")
"""What calls come from. Source: webhook reference, Answer (endpoint_type)."""
_OTHER_NUMBERS: Final = ("447700900456", "33199000123", "15550100123", "8618812345678")
_OTHER_TEXTS: Final = ("something", "anything else", "xyz")
_OFTEN_EMPTY: Final = frozenset({"from_user", "sip", "custom_data"})
_FROM: Final = ("call", "from")
_CALL_FIELDS: Final[Mapping[str, str]] = {"to": "to", "from": "from_number"}


def calls_to(root: Flow, values: Representatives) -> list[Call]:
    """The calls to explore a flow with: each fact of the call by the literals that it is compared with.

    Every call that this server answers is inbound. Source: webhook reference, Answer (it has no `direction`).
    """
    to = root.numbers[0] if root.numbers else NUMBER
    base = Call(to=to, from_number=CALLER, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone")
    rows, how = combined(dict(_choices(root, values)), MOST_CALLS)
    if how:
        values.chosen["call"] = (how,)
    return different(_call_of(base, row) for row in rows)


def _choices(root: Flow, values: Representatives) -> Iterator[tuple[Path, list[Any]]]:
    """The values of each fact of the call that something depends on."""
    literals = values.literals
    for path in dict.fromkeys(map(_fact, literals.paths_of("", "call"))):
        if len(path) < 2 or path[1] == "direction":
            continue
        compared = literals.of("", path)
        texts = [*compared.texts, *_with_parts(compared, path[1]), *(NO_NUMBERS if path == _FROM else ())]
        is_optional = path[1] in _OFTEN_EMPTY
        if not (texts or is_optional or compared.has("truth") or compared.has("related")):
            continue
        if path[1] == "endpoint_type":
            yield path, _endpoints(compared)
            continue
        known = [*texts, *([""] if compared.has("truth") or is_optional else [])]
        usual = [each for each in _usual(root, path) if each not in known]
        other = next((each for each in usual if compared.excludes(each)), "something else")
        found = list(dict.fromkeys([*usual[:1], other, *(root.numbers if path[1] == "to" else ()), *known]))
        if path[1] == "to":
            found = [each for each in found if each in root.numbers or not _is_numbered(root)]
        is_spoken = path == _FROM or (is_optional and not texts)
        is_whole = set(found) == set(root.numbers) if path[1] == "to" else is_spoken and not _decides(literals, path)
        if not is_whole:
            values.chosen[".".join(path)] = tuple(found)
        yield path, found


def _is_numbered(root: Flow) -> bool:
    """Whether only calls to its numbers reach a flow."""
    return bool(root.numbers) and not (root.default or root.entry)


def _endpoints(compared: Compared) -> list[str]:
    """The endpoint types that make a difference; all of them where they are not only compared."""
    is_all = not compared.texts or compared.parts
    tested = [each for each in ENDPOINTS[1:] if is_all or not compared.excludes(each)]
    return [*[each for each in ENDPOINTS if each not in tested][:1], *tested]


def _decides(literals: Literals, fact: Path) -> bool:
    """Whether the value of a fact matters, and not only whether it is known."""
    paths = [path for path in literals.paths_of("", "call") if _fact(path) == fact]
    return any(literals.of("", path).has("decides") for path in paths)


def _fact(path: Path) -> Path:
    """The fact of the call that a path belongs to; whether a number is hidden follows from the number."""
    fact = path if len(path) > 1 and path[1] in ("sip", "custom_data") else path[:2]
    return _FROM if fact == ("call", "is_hidden") else fact


def _with_parts(compared: Compared, fact: str) -> list[str]:
    """Values that have the parts that are compared; for a number, numbers of the usual length."""
    length = len(CALLER) if fact in _CALL_FIELDS else 0
    return different([*compared.made(length, LONGEST_TEXT), *(part.text for part in compared.parts if not length)])


def _usual(root: Flow, path: Path) -> tuple[str, ...]:
    match path[1]:
        case "to":
            return (*root.numbers, NUMBER, *_OTHER_NUMBERS)
        case "from":
            return (CALLER, *_OTHER_NUMBERS)
    return _OTHER_TEXTS


def _call_of(base: Call, facts: Mapping[Path, Any]) -> Call:
    """The call with these facts, as it may come in: an app user has no number, and only such a call brings data.

    Source: webhook reference, Answer (`from_user` is never sent together with `from`).
    """
    call, sip, custom = base, dict[str, str](), dict[str, Any]()
    for path, value in facts.items():
        if path[1] in ("sip", "custom_data"):
            (sip if path[1] == "sip" else custom).update({path[2]: value} if len(path) > 2 and value else {})
        else:
            call = call._replace(**{_CALL_FIELDS.get(path[1], path[1]): value})
    if call.from_user or custom or call.endpoint_type == "app":
        user = call.from_user or _OTHER_TEXTS[0]
        return call._replace(from_user=user, from_number="", endpoint_type="app", sip={}, custom_data=custom)
    call = call._replace(sip=sip, custom_data=custom)
    is_sip = bool(sip) or call.from_number.startswith("sip:")
    if call.endpoint_type == "sip" and not is_sip:
        return call._replace(from_number=NO_NUMBERS[-1])
    return call._replace(endpoint_type="sip") if is_sip else call


# variables of the server


def variables_for(root: Flow, literals: Literals, given: Mapping[str, str]) -> dict[str, str]:
    """A value for each variable of the server that the flow reads: the given one, else one that fits."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(path[1] for path in literals.paths_of("", "env") if len(path) > 1):
        found[name] = given.get(name) or _fitting(root, literals.of("", ("env", name)), name, len(found))
    dialled = (leaf for flow in family(root).values() for use in uses_in(flow) for leaf in templates_in(use.source))
    for name in (name for leaf in dialled if leaf.type.name == "phone" for name in sorted(leaf.used_env)):
        if name not in given:
            found[name] = f"4477009010{len(found):02}"
    return found


def settings_of(literals: Literals, base: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables as they may be set: as they are, and to each literal that one of them is compared with."""
    choices = {name: [value, *_other_settings(literals, name, value)] for name, value in base.items()}
    return combined(choices, MOST_SETTINGS)[0]


def _other_settings(literals: Literals, name: str, value: str) -> list[str]:
    compared = literals.of("", ("env", name))
    if compared.has("related"):
        return []
    others = [each for each in _OTHER_TEXTS if compared.excludes(each)][:1] if value in compared.literals else []
    known = dict.fromkeys([*compared.texts, *(part.text for part in compared.parts), *others])
    return [each for each in known if each != value]


def _fitting(root: Flow, compared: Compared, name: str, number: int) -> str:
    """Digits for a variable that is compared with keyed-in digits, else a literal, else an address."""
    flows = family(root)
    for flow, *rest in compared.names:
        for step in flows[flow].steps.values() if flow in flows else ():
            exit_ = step.exit
            if isinstance(exit_, Collect) and rest == [exit_.into] and exit_.digits:
                return str(number % 9 + 1) * exit_.digits[0]
    return compared.texts[0] if compared.texts else f"https://{name.lower().replace('_', '-')}.example.com"
