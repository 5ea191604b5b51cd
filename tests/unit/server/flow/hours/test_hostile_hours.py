"""Reading hours never raises, however strange the text."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.hours.declaration import read_hours
from ncco_server.flow.loader import calendar_sources
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from tests.support.examples import examples

PLACE = Place("flows/shared.yaml", 1, 1)
WORDS = (
    *("timezone", "week", "holidays", "override", "hours", "name", "country", "subdivision", "language", "office"),
    *("Europe/London", "UTC", "mon-fri", "sat,sun", "mon", "GB", "ENG", "closed", "09:00-17:30", "18:00-02:00"),
    *("2026-12-24", "2026-12-24..2026-12-31", "2026-02-30", "9am-5pm", "24.12.2026", "{{ env.X }}", "", "..", "-", ","),
)
TEXTS = st.builds(Text, st.sampled_from(WORDS) | st.text(max_size=12), st.just(PLACE), st.booleans())


def branches(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    entries = st.lists(st.builds(Entry, TEXTS, children), max_size=5, unique_by=lambda entry: entry.key.value)
    lists = st.lists(children, max_size=4)
    return st.builds(Map, entries.map(tuple), st.just(PLACE)) | st.builds(Seq, lists.map(tuple), st.just(PLACE))


NODES: st.SearchStrategy[Node] = st.recursive(TEXTS, branches, max_leaves=12)


def text(value: str) -> Text:
    return Text(value, PLACE)


def entries(**values: Node) -> Map:
    return Map(tuple(Entry(text(word), value) for word, value in values.items()), PLACE)


@examples(15)
@given(NODES, NODES, NODES, NODES)
@example(text("UTC"), entries(mon=text("09:00-10:00")), Seq((), PLACE), entries())
def test_any_text_gives_calendars_that_can_be_queried(
    timezone: Node, week: Node, holidays: Node, override: Node
) -> None:
    node = entries(office=entries(timezone=timezone, week=week, holidays=holidays, override=override))
    reader = Reader()

    calendars = read_hours(node, reader, {})

    moment = calendars["office"].at(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    assert set(moment) == set(dict(moment))
    assert calendars == read_hours(node, reader, calendar_sources(calendars.values()))


@examples(60)
@given(NODES)
def test_any_value_under_hours_is_read(node: Node) -> None:
    reader = Reader()

    calendars = read_hours(node, reader, {})

    assert list(calendars) == [calendar.name for calendar in calendars.values()]
    assert all(issue.message and issue.cure for issue in reader.issues)
