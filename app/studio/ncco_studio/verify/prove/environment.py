"""The inputs for exploring a flow: sample calls, environment variables and moments in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import UndefinedError, nodes

from ncco_server.engine import CallData
from ncco_server.engine.interpreter import param_of_query
from ncco_server.errors import RenderError
from ncco_server.flow.actions.connect import ConnectTarget
from ncco_server.flow.hours.calendar import ByHand, Calendar, changes, seconds, special_days
from ncco_server.flow.model import Flow
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE, Unfit
from ncco_server.flow.templates.references import Occurrence, root_names, walk
from ncco_server.flow.templates.values import Evaluator, Value, compiled_expression
from ncco_server.flow.values import OurNumber, find
from ncco_server.ncco.value_types import TYPES, WITHHELD, Kind, write
from ncco_server.sample_calls import ANY_NUMBER, FROM
from ncco_server.service.delivery import ANSWER_FIELDS
from ncco_studio.verify.prove.expressions import expressions_of, paths_of, templates_in
from ncco_studio.verify.prove.literals import Literals
from ncco_studio.verify.prove.samples import Representatives
from ncco_studio.verify.prove.uses import assigned, collected_digits, flows_run_from, played_by, tested_by, uses_in
from ncco_studio.verify.sample_values import LONGEST_SAMPLE, Compared, Path, cast_or_none, different


class Arrival(NamedTuple):
    """A call to explore, as it begins.

    Attributes:
        given: the params: texts from the answer URL's query or, for a placed call, typed values.
        detected: the result of machine detection that changes a placed call's first step, or "".
    """

    call: CallData
    given: Mapping[str, Any]
    detected: str = ""

    @property
    def is_placed(self) -> bool:
        return bool(self.call.request)


MOST_CALLS: Final = 128
MOST_SETTINGS: Final = 8
"""Of more combinations of environment variables, only some are explored."""
MOST_SAMPLES: Final = 1_000
"""Of the combinations of samples that a field may take, more are not tried."""
NUMBERLESS_CALLERS: Final = (WITHHELD[0], "", "sip:caller@example.com")
ENDPOINTS: Final = ("phone", "sip", "app", "vbc", "websocket")
"""Source: webhook reference, Answer (endpoint_type)."""
APP_TO: Final = "support"
"""The `to` of a call from an app: a name, or missing."""
_OTHER_NUMBERS: Final = ("447700900456", "33199000123", "15550100123", "8618812345678")
_USUAL: Final = {"to": (ANY_NUMBER, *_OTHER_NUMBERS), "from": (FROM, *_OTHER_NUMBERS)}
CLOSED_FOR: Final = "a reason given by hand"
_CLOSED_AFTER_S: Final = 10
"""After an opening, in seconds. One second after it, where `changes` looks, it must be open."""
_OTHER_TEXTS: Final = ("something", "anything else", "xyz")
_OFTEN_EMPTY: Final = frozenset({"from_user", "sip", "custom_data"})
_MAPS: Final = ("sip", "custom_data")
_FROM: Final = ("call", "from")
_TO: Final = ("call", "to")
_QUERY: Final = "query"
DIRECTIONS: Final = ("inbound", "outbound")
"""Our choice: the answer URL's query gives the direction, the answer webhook does not."""
_CALL_FIELDS: Final[Mapping[str, str]] = {"to": "to", "from": "from_number"}


def calls_to(root: Flow, values: Representatives) -> list[Arrival]:
    """Fields and params take the literals that they are compared with."""
    to = root.numbers[0] if root.numbers else ANY_NUMBER
    base = CallData(to=to, from_number=FROM, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone")
    rows, how = values.combined({**dict(_choices(root, values)), **dict(_queries(root, values))}, MOST_CALLS)
    if how:
        values.chosen["call"] = (how,)
        values.chosen |= dict.fromkeys(root.params, (how,))
    calls = [_arrival_of(base, row) for row in rows]
    is_shown = any(isinstance(target.fields.get("from"), OurNumber) for target in _dialled(root))
    is_read = _TO in map(_fact, values.literals.paths_of("", "call"))
    if (is_shown or is_read) and not _is_numbered(root):
        calls += [call._replace(call=_from_app(call.call)) for call in calls[:1]]
    return different(calls)


def _from_app(call: CallData) -> CallData:
    """Source: webhook reference, Answer (`from_user`)."""
    return call._replace(to=APP_TO, from_number="", from_user=_OTHER_TEXTS[0], endpoint_type="app", sip={})


PLACED: Final = "placed"
"""`call.request` of the placed calls that are explored."""


def placed_calls(root: Flow, values: Representatives) -> list[Arrival]:
    """Combine all samples of the params with each result of machine detection."""
    outbound = root.outbound
    if outbound is None:
        return []
    call = CallData(
        FROM, outbound.from_number or ANY_NUMBER, uuid="leg", conversation_uuid="CON-leg", endpoint_type="phone",
        direction=DIRECTIONS[1], request=PLACED,
    )  # fmt: skip
    choices = {name: _given_to(root, name, values) for name in root.params}
    rows, how = values.combined(choices, MOST_CALLS)
    if how:
        values.chosen |= dict.fromkeys(root.params, (how,))
    return [Arrival(call, row, detected) for row in rows for detected in ("", *outbound.ways)]


def _given_to(root: Flow, name: str, values: Representatives) -> list[Any]:
    param = root.params[name]
    is_read = bool(values.literals.of(root.name, (name,)).names)
    usual = param.default if param.has_default else param.type.sample
    if not is_read:
        return [param.type.sample]
    given = (each for each in values.samples(root.name, name, param.type) if cast_or_none(param.type, each) is not None)
    return different([usual, *given])


def _queries(root: Flow, values: Representatives) -> Iterator[tuple[Path, list[Any]]]:
    """Texts to try in the query for each param that is read; None for a missing param."""
    for name, param in root.params.items():
        if name not in ANSWER_FIELDS and values.literals.of(root.name, (name,)).names:
            samples = values.samples(root.name, name, param.type)
            texts = dict.fromkeys(text for sample in samples if (text := _in_query(param.type, sample)) is not None)
            yield (_QUERY, name), [None, *texts]


def _in_query(type_: Kind, value: Any) -> str | None:
    """Return None if a query cannot contain the value, such as a map."""
    if isinstance(value, Mapping):
        return None
    try:
        text = ",".join(map(write, value)) if isinstance(value, list) else write(value)
        return text if param_of_query(type_, text) == value else None
    except ValueError:
        return None


def _choices(root: Flow, values: Representatives) -> Iterator[tuple[Path, list[Any]]]:
    literals = values.literals
    for path in dict.fromkeys(map(_fact, literals.paths_of("", "call"))):
        if len(path) < 2:
            continue
        if path[1] == "direction":
            yield path, [*DIRECTIONS]
            continue
        compared = literals.of("", path)
        if path[1] in _MAPS and len(path) == 2:
            fields = {fact for fact in map(_fact, literals.paths_of("", "call")) if fact[:2] == path} - {path}
            yield from (((*path, key), [_OTHER_TEXTS[0], ""]) for key in compared.texts if (*path, key) not in fields)
            continue
        texts = _values_of(values, path, compared)
        is_optional = path[1] in _OFTEN_EMPTY
        if not (texts or is_optional or compared.has("truth") or compared.has("related")):
            continue
        if path[1] == "endpoint_type":
            yield path, _endpoints(compared)
            continue
        may_be_empty = is_optional or (compared.has("truth") and path != _TO)  # every call has a `to`
        known = [*texts, *([""] if may_be_empty else [])]
        numbers = root.numbers if path[1] == "to" else ()
        usual = [number for number in (*numbers, *_USUAL.get(path[1], _OTHER_TEXTS)) if number not in known]
        other = next((each for each in usual if compared.excludes(each)), "something else")
        found = different([*usual[:1], other, *numbers, *known])
        if path[1] == "to":
            found = [each for each in found if each in root.numbers or not _is_numbered(root)]
        is_spoken = path == _FROM or (is_optional and not texts)
        is_whole = set(found) == set(root.numbers) if path[1] == "to" else is_spoken and not _decides(literals, path)
        if not is_whole:
            values.chosen[".".join(path)] = tuple(found)
        yield path, found


def _values_of(values: Representatives, path: Path, compared: Compared) -> list[Any]:
    found = [*compared.texts, *_with_parts(compared, path[1])]
    if path[1] == "sip":
        return [*found, *compared.written()]
    if path[1] == "custom_data":
        return [*found, *(each for each in values.untyped("", path) if each not in _OTHER_TEXTS)]
    return [*found, *(NUMBERLESS_CALLERS if path == _FROM else ())]


def _is_numbered(root: Flow) -> bool:
    return bool(root.numbers) and not (root.default or root.entry)


def _endpoints(compared: Compared) -> list[str]:
    """The types in comparisons and one other; all types if the flow uses them otherwise."""
    is_all = not compared.texts or compared.parts
    tested = [each for each in ENDPOINTS if is_all or not compared.excludes(each)]
    return [*[each for each in ENDPOINTS if each not in tested][:1], *tested]


def _decides(literals: Literals, fact: Path) -> bool:
    paths = [path for path in literals.paths_of("", "call") if _fact(path) == fact]
    return any(literals.of("", path).has("decides") for path in paths)


def _fact(path: Path) -> Path:
    """`call.is_hidden` and `call.person` belong to `call.from`."""
    fact = path[:3] if len(path) > 1 and path[1] in _MAPS else path[:2]
    return _FROM if fact in (("call", "is_hidden"), ("call", "person")) else fact


def _with_parts(compared: Compared, fact: str) -> list[str]:
    length = len(FROM) if fact in _CALL_FIELDS else 0
    return different([*compared.made(length, LONGEST_SAMPLE), *(part.text for part in compared.parts if not length)])


def _arrival_of(base: CallData, facts: Mapping[Path, Any]) -> Arrival:
    given = {path[1]: value for path, value in facts.items() if path[0] == _QUERY and value is not None}
    return Arrival(_call_of(base, {path: value for path, value in facts.items() if path[0] != _QUERY}), given)


def _call_of(base: CallData, facts: Mapping[Path, Any]) -> CallData:
    """Keep fields consistent: a call from an app user has no number, others no custom data.

    Source: webhook reference, Answer (`from_user` is never sent together with `from`).
    """
    call = base
    data = {"sip": dict[str, Any](), "custom_data": dict[str, Any]()}
    for path, value in facts.items():
        if path[1] not in data:
            call = call._replace(**{_CALL_FIELDS.get(path[1], path[1]): value})
        elif len(path) > 2 and value:
            data[path[1]][path[2]] = value
    sip, custom = data.values()
    if call.from_user or custom or call.endpoint_type == "app":
        user = call.from_user or _OTHER_TEXTS[0]
        return call._replace(from_user=user, from_number="", endpoint_type="app", sip={}, custom_data=custom)
    call = call._replace(sip=sip, custom_data=custom)
    is_sip = bool(sip) or call.from_number.startswith("sip:")
    if call.endpoint_type == "sip" and not is_sip:
        return call._replace(from_number=NUMBERLESS_CALLERS[-1])
    return call._replace(endpoint_type="sip") if is_sip else call


# environment variables


def variables_for(root: Flow, literals: Literals, given: Mapping[str, str]) -> dict[str, str]:
    """Keep given values of variables that a step plays or tests; others get samples.

    Counterexamples show these values. Values only used in requests and hooks, or compared with a caller's input, can
    be secret, so samples replace them.
    """
    steps = [(flow, step) for flow in flows_run_from(root).values() for step in flow.all_steps]
    uses = [use.source for _, step in steps for use in (*played_by(step), *tested_by(step))]
    uses += [value for flow, step in steps for _, value in assigned(flow, step)]
    steering = {path[1] for use in uses for path in paths_of(use) if path[0] == "env" and len(path) > 1}
    found: dict[str, str] = {}
    for name in dict.fromkeys(path[1] for path in literals.paths_of("", "env") if len(path) > 1):
        compared = literals.of("", ("env", name))
        is_keyed = any(any(collected_digits(root, path)) for path in compared.names)
        value = given.get(name) if name in steering and not is_keyed else ""
        found[name] = value or _fitting(root, compared, name, len(found))
    dialled = (
        leaf for flow in flows_run_from(root).values() for use in uses_in(flow) for leaf in templates_in(use.source)
    )
    for name in (name for leaf in dialled if leaf.type.name == "phone" for name in sorted(leaf.used_env)):
        if name not in given:
            found[name] = f"447700900{800 + len(found) % 200}"  # Source: Ofcom, telephone numbers for drama
    for name in (name for value in _socket_uris(root) for leaf in templates_in(value) for name in leaf.used_env):
        if name not in given and found[name].startswith("https:"):
            found[name] = found[name].replace("https:", "wss:", 1)
    _fit_to_fields(root, found, given)
    return found


def _fit_to_fields(root: Flow, found: dict[str, str], given: Mapping[str, str]) -> None:
    """Replace samples that a field refuses (an address, a number, a time), unless it refuses the given value, too."""
    leaves = [
        leaf
        for flow in flows_run_from(root).values()
        for use in uses_in(flow)
        for leaf in templates_in(use.source)
        if leaf.used_env and leaf.used_names <= {"env"}
    ]
    for leaf in leaves:
        texts = [write(kind.sample) for kind in (leaf.type, *TYPES.values()) if kind.family not in ("list", "map")]
        for names in (*([name] for name in sorted(leaf.used_env)), sorted(leaf.used_env)):
            if _fits(leaf, found):
                break
            own = {name: given[name] for name in names if name in given}
            tried = (found | dict(zip(names, each, strict=True)) for each in product(texts, repeat=len(names)))
            fitting = (each for each in islice(tried, MOST_SAMPLES) if _fits(leaf, each) and _fits(leaf, each | own))
            found.update(next(fitting, {}))


def _fits(value: Value, env: Mapping[str, str]) -> bool:
    try:
        value.render({"env": env})
    except RenderError:
        return False
    return True


def _socket_uris(root: Flow) -> Iterator[Value]:
    for target in _dialled(root):
        if target.kind == "websocket" and (uri := find(target.fields["endpoint"], ("0", "uri"))) is not None:
            yield uri


def _dialled(root: Flow) -> Iterator[ConnectTarget]:
    steps = [step for flow in flows_run_from(root).values() for step in flow.all_steps]
    yield from (target for step in steps for target in step.targets)


def settings_of(values: Representatives) -> list[dict[str, str]]:
    """Combine the given values and the literals that they are compared with."""
    choices = {name: [value, *_other_settings(values.literals, name, value)] for name, value in values.env.items()}
    return values.combined(choices, MOST_SETTINGS)[0]


def _other_settings(literals: Literals, name: str, value: str) -> list[str]:
    compared = literals.of("", ("env", name))
    if compared.has("related"):
        return []
    others = [each for each in _OTHER_TEXTS if compared.excludes(each)][:1] if value in compared.literals else []
    known = dict.fromkeys([*compared.texts, *(part.text for part in compared.parts), *others])
    return [each for each in known if each != value]


def _fitting(root: Flow, compared: Compared, name: str, number: int) -> str:
    """Digits if it is compared with entered digits, else the first literal, or a URL."""
    lengths = [length for path in compared.names for length in collected_digits(root, path)]
    if lengths:
        return str(number % 9 + 1) * lengths[0]
    return compared.texts[0] if compared.texts else _sample_url(name)


def _sample_url(name: str) -> str:
    return f"https://{name.lower().replace('_', '-')}.example.com"


MOST_RESULTS: Final = 32
"""An expression over `now` with more results counts as only spoken."""
_WEEK_MINUTES: Final = 7 * 24 * 60
_STEP_MINUTES: Final = 30
_YEAR_DAYS: Final = 366
_OPTIONAL: Final = ("reopens", "next_open", "next_close")
"""Fields of opening hours that can be absent."""


def with_closings(root: Flow, now: datetime) -> Flow:
    """The flow with opening hours that somebody closes by hand for a second, with and without a reason."""
    keys = sorted(root.asks_hours)

    def closed(calendar: Calendar) -> Calendar:
        hours = calendar.at(now)
        if calendar.key not in keys or not hours.reopens:
            return calendar
        second = seconds(hours["next_open"] or now) + _CLOSED_AFTER_S + 2 * keys.index(calendar.key)
        reasons = enumerate(("", CLOSED_FOR))
        return calendar.with_hand(ByHand(False, second + each, second + each + 1, why) for each, why in reasons)

    def of(flow: Flow) -> Flow:
        return replace(flow, calendars={name: closed(each) for name, each in flow.calendars.items()})

    return replace(of(root), subs={name: of(flow) for name, flow in root.subs.items()})


def moments_of(root: Flow, values: Representatives, now: datetime) -> tuple[datetime, ...]:
    """Return one moment, `now` or later, for each situation that the flow can distinguish.

    In one situation, every calendar is open or closed for the same reason (also by hand), and every expression over
    `now` has the same result.
    """
    some = list[datetime]()
    compared = values.literals.of("", ("now",))
    if compared.has("related") and compared.has("joined"):  # such as a date that is made of pressed keys
        zone = ZoneInfo(root.zone or "UTC")
        ends = ((1, 1, 0, 0), (12, 31, 23, 59))  # of next year
        some += [datetime(now.year + 1, *end, tzinfo=zone).astimezone(UTC) for end in ends]
    calendars = {id(each): each for flow in flows_run_from(root).values() for each in flow.calendars.values()}.values()
    questions = _questions_of(root)
    if not calendars and not questions:
        return tuple(some) or (now,)
    moments = sorted(dict.fromkeys([*changes(calendars, now), *(_asked_at(root, values, now) if questions else ())]))
    results = _results(questions, moments)
    kinds = [_kind_in(calendar, values.literals) for calendar in calendars]
    found: dict[Any, datetime] = {}
    for moment in sorted(moments, key=lambda at: at < now):
        found.setdefault((tuple(kind(moment) for kind in kinds), results[moment]), moment)
    coming = tuple(moment for moment in found.values() if moment >= now)
    for calendar in calendars:
        if len(coming) < len(found) and special_days(calendar):
            values.chosen[f"hours.{calendar.name}"] = (f"dates from {now:%Y-%m-%d} on",)
    return tuple(dict.fromkeys([*some, *coming]))


# opening hours


def _kind_in(calendar: Calendar, literals: Literals) -> Callable[[datetime], tuple[Any, ...]]:
    holidays = literals.of("", ("hours", calendar.name, "holiday")).literals
    read = [name for name in _OPTIONAL if literals.of("", ("hours", calendar.name, name)).names]

    whys = ("reason", "holiday")
    asks_why = any(literals.of("", ("hours", calendar.name, name)).names for name in whys)

    def kind(at: datetime) -> tuple[Any, ...]:
        view = calendar.at(at)
        if view.told and not asks_why:
            return "closed", False, tuple(True for _ in read)
        holiday = str(view["holiday"])
        coming = tuple(view[name] not in (None, False) for name in read)
        return view["reason"], holiday if holiday in holidays else bool(holiday), coming

    return kind


# expressions over `now`


def _questions_of(root: Flow) -> tuple[Evaluator, ...]:
    """Conditions that read only `now`, and stored values computed from it alone."""
    found: dict[tuple[str, Any], Evaluator] = {}
    for flow in flows_run_from(root).values():
        languages = dict.fromkeys((LANGUAGE, *(locale.language for locale in flow.locales.values())))
        for question in _questions(flow):
            for language in languages if root_names(question.node) == {"now"} else ():
                run = compiled_expression(question.template, question.node, language)
                found.setdefault((language, _key_of(question.node)), run)
    return tuple(found.values())


def _key_of(node: nodes.Node) -> Any:
    """Equal expressions have equal keys, wherever they are written."""
    own = (value for _, value in node.iter_fields())
    plain = tuple((type(value).__name__, value) for value in own if isinstance(value, str | int | float))
    return (type(node).__name__, plain, tuple(map(_key_of, node.iter_child_nodes())))


def _questions(flow: Flow) -> Iterator[Occurrence]:
    for occurrence in (each for use in uses_in(flow) for each in expressions_of(use.source)):
        for part in walk(occurrence.node):
            is_test = isinstance(part, nodes.Filter) and FILTERS[part.name].is_test
            if isinstance(part, nodes.Compare) or is_test:
                yield occurrence._replace(node=part)
    for step in flow.all_steps:
        for _, value in assigned(flow, step):
            yield from expressions_of(value)


def _asked_at(root: Flow, values: Representatives, now: datetime) -> Iterator[datetime]:
    """Each half hour of the next week, each day of the next year, and moments around literals."""
    type_ = TYPES["datetime"].with_zone(root.zone)
    for text in values.literals.of("", ("now",)).texts:
        try:
            literal = type_.operand(type_.cast(text)).astimezone(UTC)
        except ValueError:
            continue  # a date or a time, which is compared with a part of `now`
        yield from (literal + timedelta(minutes=minutes) for minutes in (-1, 0, 1))
    yield from (now + timedelta(minutes=minute) for minute in range(0, _WEEK_MINUTES, _STEP_MINUTES))
    yield from (now + timedelta(days=ahead) for ahead in range(_YEAR_DAYS))


def _results(questions: tuple[Evaluator, ...], moments: list[datetime]) -> dict[datetime, tuple[str, ...]]:
    """Leave out expressions with more than MOST_RESULTS results."""
    rows = [[_result(run, moment) for moment in moments] for run in questions]
    few = [row for row in rows if len(set(row)) <= MOST_RESULTS]
    return {moment: tuple(row[number] for row in few) for number, moment in enumerate(moments)}


def _result(run: Evaluator, moment: datetime) -> str:
    try:
        return repr(run({"now": moment}))
    except (UndefinedError, Unfit):
        return ""
