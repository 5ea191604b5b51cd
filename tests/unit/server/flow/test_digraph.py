"""Searches in directed graphs."""

from __future__ import annotations

from collections.abc import Iterator

from ncco_server.flow.digraph import components, reachable, shortest_path

GRAPH = {"a": "bc", "b": "d", "c": "d", "d": "ae", "e": "", "f": "a"}


def edges(node: str) -> Iterator[tuple[str, str | None]]:
    """The edges of a node, by both ends; `e` has one that leads to no node."""
    yield from ((node + target, target) for target in GRAPH[node])
    yield from [("e.", None)] if node == "e" else []


def test_the_first_of_the_shortest_paths_is_found() -> None:
    assert ["ab", "bd", "de"] == shortest_path("a", edges, lambda edge: edge[1] == "e")


def test_a_path_may_lead_back_to_its_start() -> None:
    assert ["ab", "bd", "da"] == shortest_path("a", edges, lambda edge: edge[1] == "a")


def test_the_last_edge_may_lead_to_no_node() -> None:
    assert ["de", "e."] == shortest_path("d", edges, lambda edge: edge[1] == ".")


def test_there_may_be_no_path() -> None:
    assert [] == shortest_path("a", edges, lambda edge: edge[1] == "f")


def test_starts_are_reachable() -> None:
    assert ["f", "e", "a", "b", "c", "d"] == list(reachable("fe", GRAPH.__getitem__))


def test_components_are_in_reverse_topological_order() -> None:
    assert [{"e"}, {"a", "b", "c", "d"}, {"f"}] == [set(each) for each in components(GRAPH)]
