from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.flow.actions.do import KINDS, read_do
from app.flow.actions.waits import with_dial, with_input
from app.flow.checks.ncco import check_step
from app.flow.nodes import Entry, Map, Node, Place, Seq, Text
from tests.flow.parts.reading_parts import EXIT, a_reader

HERE = Place("flows/test.yaml", 1, 1)
WORDS = [kind.word for kind in KINDS] + ["action", "text", "endpoint", "number", "type", "dtmf", "template", "uri"]
TEXTS = st.one_of(
    st.sampled_from([*WORDS, "true", "447700900111", "sip:a@b.example", "{{ caller }}", "phone", "<speak>a</speak>"]),
    st.text(max_size=8),
).map(lambda value: Text(value, HERE))


def maps(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    keys = st.one_of(st.sampled_from(WORDS), st.text(max_size=4))
    return st.dictionaries(keys, inner, max_size=3).map(
        lambda found: Map(tuple(Entry(Text(key, HERE), node) for key, node in found.items()), HERE)
    )


def lists(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.lists(inner, max_size=3).map(lambda found: Seq(tuple(found), HERE))


NODES: st.SearchStrategy[Node] = st.recursive(TEXTS, lambda inner: st.one_of(maps(inner), lists(inner)), max_leaves=8)
LISTS = st.lists(st.one_of(maps(NODES), NODES), max_size=3).map(lambda found: Seq(tuple(found), HERE))


@given(node=st.one_of(LISTS, NODES))
def test_whatever_is_written_under_do_is_read_without_an_exception(node: Node) -> None:
    reader = a_reader()
    parts = read_do(node, reader, {})
    needs = {"type": ["dtmf", "speech"], "dtmf": {"maxDigits": 2}, "speech": {"context": ["a"]}}

    assert isinstance(with_input(parts, needs, False, EXIT, reader), tuple)
    assert isinstance(with_dial(parts, frozenset({"busy", "beep", "mark"}), False, EXIT, reader), tuple)
    assert isinstance(check_step(parts, reader.scope, goes_on=True), list)
