"""What callers hear: in an opening-hours decision, on a date, and for a value in a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from jinja2 import TemplateError

from ncco_server.engine import CallData, Turn, begin
from ncco_server.engine.flow_scope import new_scope
from ncco_server.engine.records import NOTHING_HEARD, call_record
from ncco_server.errors import StoreError
from ncco_server.flow.checks.facts import reads_in
from ncco_server.flow.hours.calendar import ByHand, Calendar, special_days
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.templates.budget import Budget
from ncco_server.flow.templates.filters import Unfit, as_text
from ncco_server.flow.templates.values import Computed, Expression, Value, compiled_expression
from ncco_server.flow.values import leaves
from ncco_server.ncco.durations import plain
from ncco_server.ncco.value_types.kind import SAMPLE
from ncco_server.sample_calls import ANY_NUMBER
from ncco_studio.console.change.fields import FormField
from ncco_studio.console.change.notation import day_in_words, weekdays_in_words
from ncco_studio.console.change.placeholders import placeholders_of
from ncco_studio.console.stored_rows import PlayedWorld
from ncco_studio.editor.project import ReadProject
from ncco_studio.verify.prove.turns import context_at

_NOON: Final = time(12)
_CALLER: Final = "447700900999"
"""Reserved for fiction, and in no table, so that no caller's own name is among the words."""
WEEKS: Final = 4
"""In which each day of the week is once an ordinary one; our choice."""


class HeardAt(NamedTuple):
    """What callers hear at a time, in each flow and language."""

    moment: datetime
    words: tuple[str, ...]


def form_of(calendar: Calendar) -> str:
    group = f"step-Opening hours: {calendar.name}".replace(" ", "-")
    return f"/change/{quote(calendar.place.file)}#{quote(group)}"


def heard_by_hand(
    read: ReadProject, calendar: Calendar, decided: ByHand, env: Mapping[str, str], played: PlayedWorld
) -> tuple[str, ...]:
    """What callers hear once this is decided, from its beginning."""
    by_hand = {**played.by_hand, calendar.key: (decided, *played.by_hand.get(calendar.key, ()))}
    return _heard(read, calendar, calendar.local_datetime(decided.start), env, played._replace(by_hand=by_hand))


def heard_on(
    read: ReadProject, calendar: Calendar, days: Iterable[date], env: Mapping[str, str], played: PlayedWorld
) -> dict[date, HeardAt]:
    """By the hours in the file. Leave out days on which it depends on more than the time and stored rows."""
    as_written = played._replace(by_hand={})
    usual = replace(calendar, holidays={}, override={})
    found = dict[date, HeardAt]()
    for day in days:
        midnight = datetime.combine(day, time(), calendar.zone)
        moment = _first_difference(usual, calendar, midnight, midnight + timedelta(1))
        moment = moment or datetime.combine(day, _NOON, calendar.zone)
        if words := _heard(read, calendar, moment, env, as_written):
            found[day] = HeardAt(moment, words)
    return found


def week_heard(
    read: ReadProject, calendar: Calendar, env: Mapping[str, str], played: PlayedWorld
) -> list[tuple[str, HeardAt]]:
    """Days with the same words are one line. A day for which something was decided by hand has its own."""
    now = datetime.now(calendar.zone)
    coming = [now.date() + timedelta(days) for days in range(WEEKS * 7)]
    ordinary = sorted({*coming}.difference(special_days(calendar)), reverse=True)
    week = sorted({day.weekday(): day for day in ordinary}.values(), key=date.weekday)
    heard = heard_on(read, calendar, week, env, played)
    alike: dict[tuple[str, ...], list[date]] = {}
    for day, each in heard.items():
        alike.setdefault(each.words, []).append(day)
    found = [(weekdays_in_words(map(date.weekday, days)), heard[days[0]]) for days in alike.values()]
    by_hand = calendar.with_hand(played.by_hand.get(calendar.key, ()))
    for day in coming if by_hand.by_hand else ():
        midnight = datetime.combine(day, time(), calendar.zone)
        moment = _first_difference(calendar, by_hand, max(midnight, now), midnight + timedelta(1))
        if moment and (words := _heard(read, calendar, moment, env, played)):
            found.append((day_in_words(day), HeardAt(moment, words)))
    return found


def examples_of(
    read: ReadProject, file: str, fields: Iterable[FormField], env: Mapping[str, str], played: PlayedWorld
) -> dict[str, dict[str, str]]:
    """An example of each value in a prompt, by its name, by the prompt's. Leave out texts that only a call knows."""
    wanted = {field.start: field.name for field in fields if field.sources}
    found = dict[str, dict[str, str]]()
    for flow in read.project.flows.values():
        texts = {
            wanted[at]: leaf
            for step in flow.steps.values()
            for effect in step.effects
            for leaf in ([] if isinstance(effect.value, Expression) else leaves(effect.value))
            if isinstance(leaf, Computed)
            and leaf.place.file == file
            and (at := (leaf.place.line, leaf.place.column)) in wanted
        }
        names = _sample_names(flow, env, played) if texts else {}
        for name, text in texts.items():
            examples = {each.name: _example(text, each.node, names) for each in placeholders_of(text.template)}
            found[name] = {each: example for each, example in examples.items() if example}
    return found


def _sample_names(flow: Flow, env: Mapping[str, str], played: PlayedWorld) -> Mapping[str, Any]:
    unknown = (each for each in flow.variables.values() if not each.has_default)
    scope = new_scope(flow, {each.name: _without_texts(each.type.sample) for each in unknown})
    for asked in (asked for step in flow.steps.values() for asked in step.all_asks):
        scope = scope.with_answer(asked.name, _without_texts(asked.definition.returns.type.sample))
    return scope.names(
        call_record(_sample_call(flow)),
        NOTHING_HEARD,
        env,
        now=datetime.now(UTC),
        locale="",
        budget=Budget(),
        calendars=flow.calendars_with(played.by_hand),
        numbers=flow.numbers,
    )


def _without_texts(sample: Any) -> Any:
    """A text like any other would be no example."""
    if isinstance(sample, Mapping):
        return {name: _without_texts(each) for name, each in sample.items()}
    return "" if sample == SAMPLE else sample


def _example(text: Computed, node: Any, names: Mapping[str, Any]) -> str:
    try:
        return as_text(compiled_expression(text.template, node, text.language)(names))
    except (Unfit, TemplateError, TypeError, ArithmeticError):
        return ""


def _first_difference(before: Calendar, after: Calendar, start: datetime, end: datetime) -> datetime | None:
    openings = [opening for each in (before, after) for opening in each.openings(start, end)]
    edges = map(after.local_datetime, sorted({edge for opening in openings for edge in opening}))
    moments = (each for each in (start, *edges) if each < end)
    return next((each for each in moments if before.is_open(each) != after.is_open(each)), None)


def _heard(
    read: ReadProject, calendar: Calendar, moment: datetime, env: Mapping[str, str], played: PlayedWorld
) -> tuple[str, ...]:
    words = dict[str, None]()
    for flow in read.project.flows.values():
        names = [name for name, each in flow.calendars.items() if each.key == calendar.key]
        steps = [step.name for step in flow.steps.values() if any(_leads(step, name) for name in names)]
        steps = steps or [step.name for step in flow.steps.values() if any(_says(step, name) for name in names)]
        if steps and flow.handler is None:
            for locale in flow.locales or [""]:
                others = {name: each for name, each in flow.locales.items() if name != locale}
                spoken = {locale: flow.locales[locale], **others} if locale else {}
                words[_words(replace(flow, locales=spoken, stretches={}), steps, moment, env, played)] = None
    words.pop("", None)
    return tuple(words)


def _words(flow: Flow, steps: list[str], moment: datetime, env: Mapping[str, str], played: PlayedWorld) -> str:
    """What a caller with the sample number hears from the beginning, if that leads to one of the steps at once."""
    for start in dict.fromkeys((flow.start, steps[0])):
        turn = _first_turn(replace(flow, start=start), moment, env, played)
        if turn is not None and any(line.step in steps for line in turn.trace):
            heard = takewhile(lambda action: action["action"] != "input", turn.ncco)
            return " ".join(plain(action["text"]) for action in heard if action["action"] == "talk")
    return ""


def _first_turn(flow: Flow, moment: datetime, env: Mapping[str, str], played: PlayedWorld) -> Turn | None:
    """None if it fails, or depends on a lookup that is not in a table."""
    context = context_at(moment.astimezone(UTC), env)._replace(by_hand=played.by_hand)
    playing = begin(flow, "call", _sample_call(flow), context)
    try:
        wanted = next(playing)
        while all(each.request.method == "TABLE" for each in wanted):
            wanted = playing.send(played.rows(wanted))
    except StoreError:
        return None
    except StopIteration as done:
        turn: Turn = done.value
        return None if turn.has_fault else turn
    return None


def _sample_call(flow: Flow) -> CallData:
    return CallData(next(iter(flow.numbers), ANY_NUMBER), _CALLER, uuid="leg")


def _leads(step: Step, hours: str) -> bool:
    return any(_asks(test, hours) for test in step.exit.reads())


def _says(step: Step, hours: str) -> bool:
    return any(_asks(effect.value, hours) for effect in step.effects if effect.phase == "do")


def _asks(value: Value | Expression, hours: str) -> bool:
    return "hours" in value.used_names and any(
        each.name == "hours" and each.field in ("", hours) for each in reads_in(value)
    )
