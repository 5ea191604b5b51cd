"""Any sequence of saves and lookups across turns, calls and time gives the same answers and rows as a plain dict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.store import SqliteDatabase, Store
from ncco_server.table_rows import key_of
from tests.support.examples import examples
from tests.unit.server.service.served_call import NOON, POLICY, ServedCall

SHARED = """
shared: true
timezone: Europe/London
tables:
  things:
    key: {name: text, part: int}
    columns: {word: text, tier: [gold, standard], count: {type: int, default: 5}, share: number, due: datetime}
    keep: 1h
"""
KEEP = timedelta(hours=1)
NAMES = ("a", "b", "é")
PARTS = (1, 2)
VALUES: Mapping[str, tuple[str, ...]] = {
    "word": ("x", "y", ""),
    "tier": ("gold", "standard"),
    "count": ("3", "-2"),
    "share": ("0.5", "2"),
    "due": ("2026-03-04T11:30:00+00:00", "2026-03-04T13:10:00+00:00", ""),
}
NUMBERS = ("count", "share")
COLUMNS = tuple(VALUES)
WHERE: Mapping[str, Any] = {
    "": lambda row, now: True,
    "count > 4": lambda row, now: row["count"] > 4,
    'word == "x" or part == 2': lambda row, now: row["word"] == "x" or row["part"] == 2,
    'tier == "gold"': lambda row, now: row["tier"] == "gold",
    "due > now": lambda row, now: row["due"] != "" and datetime.fromisoformat(row["due"]) > now,
    'due < "2026-03-04T12:00"': lambda row, now: row["due"] != "" and row["due"] < "2026-03-04T12:00",
    'due == ""': lambda row, now: row["due"] == "",
}
ORDERS = ("", "count", "-count", "-due", "due", "share", "-name")


class Save(NamedTuple):
    key: tuple[str, int]
    sets: Mapping[str, str]
    increases: Mapping[str, str]
    kind: str = ""


class Read(NamedTuple):
    key: tuple[str, int]


class Search(NamedTuple):
    where: str
    order: str
    is_first: bool


Act: TypeAlias = Save | Read | Search
Calls: TypeAlias = list[tuple[int, list[list[Act]]]]
"""For each call, the minutes before it and the acts of its turns."""


@st.composite
def saves(draw: st.DrawFn) -> Save:
    key = (draw(st.sampled_from(NAMES)), draw(st.sampled_from(PARTS)))
    kind = draw(st.sampled_from(["", "", "", "remove", "only_new"]))
    if kind == "remove":
        return Save(key, {}, {}, kind)
    names = draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=3))
    sets = {name: draw(st.sampled_from(VALUES[name])) for name in names}
    grown = draw(st.lists(st.sampled_from(sorted(set(NUMBERS) - set(names)) or [""]), unique=True, max_size=2))
    increases = {name: draw(st.sampled_from(("1", "-3"))) for name in grown if name}
    return Save(key, sets, {} if kind else increases, kind)


KEYS = st.tuples(st.sampled_from(NAMES), st.sampled_from(PARTS))
ACTS: st.SearchStrategy[Act] = st.one_of(
    saves(),
    saves(),
    st.builds(Read, KEYS),
    st.builds(Search, st.sampled_from(list(WHERE)), st.sampled_from(ORDERS), st.booleans()),
)
TURNS = st.lists(ACTS, min_size=1, max_size=6)
CALLS = st.lists(
    st.tuples(st.sampled_from([1, 50, 61]), st.lists(TURNS, min_size=1, max_size=3)), min_size=1, max_size=3
)


def written(number: int, turns: Sequence[Sequence[Act]]) -> str:
    """The flow of a call: a step for each act, and a question between turns."""
    lookups, variables, steps = [], [], []
    acts = [(act, index == len(turn) - 1) for turn in turns for index, act in enumerate(turn)]
    for index, (act, is_last) in enumerate(acts):
        lines = []
        match act:
            case Save():
                line, said = _saved(act, index)
                lines.append(f"save: {line}")
                if said:
                    variables.append(f"  new{index}: {{type: bool}}")
            case Read():
                lookups.append(f"  got{index}: {{table: things, name: {act.key[0]}, part: {act.key[1]}, {_DEFAULT}}}")
                lines.append(f"lookup: got{index}")
                said = "; ".join(
                    f"{{{{ got{index}.{name}{' | text' * (name == 'due')} }}}}" for name in ("ok", *COLUMNS)
                )
            case Search():
                words = [
                    f"{word}: {text}" for word, text in (("where", f"'{act.where}'"), ("order", act.order)) if text
                ]
                words = words[1:] if not act.where else words
                first = ["first: true", _DEFAULT] if act.is_first else ["first: false"]
                lookups.append(f"  got{index}: {{{', '.join(['table: things', *words, *first])}}}")
                lines.append(f"lookup: got{index}")
                said = f"{{% for row in got{index}.rows %}}{{{{ row.name }}}}{{{{ row.part }}}} {{% endfor %}}."
                if act.is_first:
                    said = "; ".join(f"{{{{ got{index}.{name} }}}}" for name in ("ok", "name", "count", "word"))
        if said:
            lines.append(f'do: [talk: "{index}: {said}"]')
        way = f"choices: {{go: {{dtmf: 1, goto: s{index + 1}}}}}" if is_last else f"goto: s{index + 1}"
        lines.append(way)
        if is_last:
            lines.append("retry: {then: end}")
        steps.append(f"  s{index}:\n" + "".join(f"    {line}\n" for line in lines))
    steps.append(f"  s{len(acts)}: {{do: [talk: Bye.], goto: end}}\n")
    head = f"flow: call{number}\nentry: true\nstart: s0\n"
    parts = [head]
    parts += ["lookups:\n" + "\n".join(lookups) + "\n"] if lookups else []
    parts += ["vars:\n" + "\n".join(variables) + "\n"] if variables else []
    return "".join([*parts, "steps:\n", *steps])


_DEFAULT = "default: {tier: standard}"


def _saved(act: Save, index: int) -> tuple[str, str]:
    words = [f"table: things, name: {act.key[0]}, part: {act.key[1]}"]
    for word, values in (("set", act.sets), ("increase", act.increases)):
        if values:
            words.append(f"{word}: {{{', '.join(f'{name}: {value!r}' for name, value in values.items())}}}")
    if act.kind == "remove":
        words.append("remove: true")
    if act.kind == "only_new":
        words.append(f"only_new: true, into: new{index}")
    return f"{{{', '.join(words)}}}", f"{{{{ new{index} }}}}" if act.kind == "only_new" else ""


@dataclass
class Model:
    """The rows as plain dicts, with the time at which each counts as removed."""

    rows: dict[tuple[str, int], tuple[dict[str, Any], datetime]] = field(default_factory=dict)

    def at(self, now: datetime) -> dict[tuple[str, int], dict[str, Any]]:
        return {key: columns for key, (columns, until) in sorted(self.rows.items()) if until > now}

    def play(self, index: int, act: Act, now: datetime) -> Iterator[str]:
        """Run a step on the dicts; yields the spoken texts."""
        rows = self.at(now)
        match act:
            case Save():
                is_new = act.key not in rows
                if act.kind == "only_new":
                    yield f"{index}: {'true' if is_new else 'false'}"
                if act.kind == "remove":
                    self.rows.pop(act.key, None)
                elif act.kind != "only_new" or is_new:
                    columns = {**rows.get(act.key, {}), **{name: _typed(name, each) for name, each in act.sets.items()}}
                    for name, step in act.increases.items():
                        columns[name] = columns.get(name, _EMPTY[name]) + float(step)
                    self.rows[act.key] = (columns, now + KEEP)
            case Read():
                row = rows.get(act.key)
                shown = {**_EMPTY, "tier": "standard", **(row or {})} if row is not None else {**_NO_ROW}
                yield f"{index}: " + "; ".join(
                    ["true" if row is not None else "false", *(_text(shown[name]) for name in COLUMNS)]
                )
            case Search():
                yield self._searched(index, act, rows, now)

    def _searched(self, index: int, act: Search, rows: dict[tuple[str, int], dict[str, Any]], now: datetime) -> str:
        full = [{"name": key[0], "part": key[1], "tier": "", **_EMPTY, **row} for key, row in rows.items()]
        found = [row for row in full if WHERE[act.where](row, now)]
        if name := act.order.removeprefix("-"):
            there = sorted(
                (row for row in found if row[name] != ""), key=lambda row: row[name], reverse="-" in act.order
            )
            found = [*there, *(row for row in found if row[name] == "")]
        if not act.is_first:
            return f"{index}: " + "".join(f"{row['name']}{row['part']} " for row in found[:100]) + "."
        if not found:
            return f"{index}: false; ; 5; "
        return f"{index}: " + "; ".join(["true", *(_text(found[0][name]) for name in ("name", "count", "word"))])


_EMPTY: dict[str, Any] = {"word": "", "count": 5, "share": 0, "due": ""}
_NO_ROW: dict[str, Any] = {"word": "", "count": 5, "share": 0, "due": "", "tier": "standard"}


def _typed(name: str, written: str) -> Any:
    return float(written) if name in NUMBERS else written


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _plain(text: str) -> str:
    return " ".join(text.split())


@given(calls=CALLS)
@examples(75, deadline=None)
def test_tables_behave_like_plain_dicts(calls: Calls) -> None:
    _try(calls)


@pytest.mark.usefixtures("night")
@given(calls=CALLS)
@examples(30_000, deadline=None)
def test_tables_behave_like_plain_dicts_many_times(calls: Calls) -> None:
    _try(calls)


def _try(calls: Calls) -> None:
    texts = {f"flows/call{number}.yaml": written(number, turns) for number, (_, turns) in enumerate(calls)}
    asyncio.run(_compare({"flows/shared.yaml": SHARED, **texts}, calls))


async def _compare(texts: Mapping[str, str], calls: Calls) -> None:
    model = Model()
    now = NOON
    async with Store(SqliteDatabase()) as store:
        service = CallService(store, lambda: load(texts), POLICY)
        read = await service.library.reload()
        assert not read.has_errors, (read.issues, texts)
        for number, (minutes, turns) in enumerate(calls):
            now += timedelta(minutes=minutes)
            call = ServedCall(service)
            index = 0
            for turn_number, turn in enumerate(turns):
                call.now = now = now + timedelta(milliseconds=1)
                expected = []
                for act in turn:
                    expected += [_plain(each) for each in model.play(index, act, now)]
                    index += 1
                await (call.press("1") if turn_number else call.ring(f"call{number}", uuid=f"leg-{number}"))
                assert expected == [_plain(each) for each in call.said if each[0].isdigit()], texts
        stored = {tuple(key_of(row.name)): row for row in await store.tables.of_table("things")}
        there = {key: row.columns for key, row in stored.items() if (row.expires_at or 0) > now.timestamp() * 1000}
        assert model.at(now) == there, texts
