from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.scope import Path, by_first_key, has_path, may_overlap, path_of, root_of, written
from tests.support.cases import each_case


@each_case(
    ("path", "text"),
    [
        ((), "customer"),
        (("card",), "customer.card"),
        (("cards", None, "number"), "customer.cards[].number"),
        (("a.b", "c"), 'customer["a.b"].c'),
        (('a"]b', None), 'customer["a\\"]b"][]'),
        (("[]",), 'customer["[]"]'),
        (("",), 'customer[""]'),
    ],
)
def test_a_path_is_written_as_in_a_flow(path: Path, text: str) -> None:
    assert text == written("customer", path)
    assert bool(path) is has_path(text)


@given(st.lists(st.none() | st.text()).map(tuple))
def test_a_written_path_can_be_read_back(path: Path) -> None:
    text = written("customer", path)

    assert ("customer", path) == (root_of(text), path_of(text))


def test_paths_are_distinguished_by_their_first_step() -> None:
    assert {"a": {("b",), ()}, None: {("c",)}} == by_first_key([("a", "b"), ("a",), (None, "c"), ()])


@each_case(
    ("one", "other", "do_meet"),
    [
        ((), ("a",), True),
        (("a",), ("a", "b"), True),
        (("a", "b"), ("a",), True),
        (("a", None, "c"), ("a", "b", "c"), True),
        (("a", None, "c"), ("a", "b", "d"), False),
        (("a",), ("b",), False),
    ],
)
def test_two_paths_overlap_if_one_may_contain_the_other(one: Path, other: Path, do_meet: bool) -> None:
    assert do_meet is may_overlap(one, other)
