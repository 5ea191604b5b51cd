"""The layered layout: claims about every graph, and what a reader expects of a small one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ncco_studio.pictures.layout import Layout, Link, Point, Rect, Route, Size, arrange
from tests.support.examples import examples

LABEL = Size(60, 16)
SIZES = st.builds(Size, st.integers(20, 240), st.integers(16, 120))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Size], list[Link]]:
    nodes = draw(st.lists(SIZES, min_size=1, max_size=14))
    number = st.integers(0, len(nodes) - 1)
    label = st.none() | st.builds(Size, st.integers(10, 150), st.integers(10, 40))
    link = st.builds(Link, number, number, label, st.none())
    return nodes, draw(st.lists(link, max_size=30))


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def sampled(route: Route) -> Iterator[Point]:
    """Points on the curve: its pieces are vertical at both ends."""
    for (x, y), (next_x, next_y) in zip(route.points, route.points[1:], strict=False):
        for number in range(9):
            part = number / 8
            ease = part * part * (3 - 2 * part)
            yield x + (next_x - x) * ease, y + (next_y - y) * part


def is_inside(point: Point, rect: Rect) -> bool:
    return rect.x + 1 < point[0] < rect.x + rect.width - 1 and rect.y + 1 < point[1] < rect.y + rect.height - 1


def is_on_border(point: Point, rect: Rect) -> bool:
    x, y = point
    is_within = rect.x <= x <= rect.x + rect.width and rect.y <= y <= rect.y + rect.height
    return is_within and not is_inside((x, y), Rect(rect.x - 1, rect.y + 1, rect.width + 2, rect.height - 2))


def middle(rect: Rect) -> float:
    return rect.x + rect.width / 2


@examples(60)
@given(graphs())
def test_nothing_overlaps_and_every_edge_joins_its_nodes(graph: tuple[list[Size], list[Link]]) -> None:
    nodes, links = graph

    layout = arrange(nodes, links)

    boxes = [*layout.nodes, *(route.label for route in layout.routes if route.label)]
    assert [] == [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    assert nodes == [Size(rect.width, rect.height) for rect in layout.nodes]
    assert [link.label for link in links] == [route.label and Size(*route.label[2:]) for route in layout.routes]
    assert all(rect.x >= 0 and rect.x + rect.width <= layout.size.width for rect in boxes)
    assert all(rect.y >= 0 and rect.y + rect.height <= layout.size.height for rect in boxes)
    for link, route in zip(links, layout.routes, strict=True):
        first, last = route.points[0], route.points[-1]
        assert link.start == link.end or is_on_border(first, layout.nodes[link.start])
        assert link.start == link.end or is_on_border(last, layout.nodes[link.end])
        others = [rect for number, rect in enumerate(layout.nodes) if number not in (link.start, link.end)]
        assert [] == [rect for rect in others for point in sampled(route) if is_inside(point, rect)]
        assert route.label is None or route.is_loop or middle(route.label) in [x for x, _ in route.points]
    assert layout == arrange(nodes, links)


@examples(60)
@given(graphs())
def test_edges_of_an_acyclic_graph_point_down(graph: tuple[list[Size], list[Link]]) -> None:
    nodes, links = graph
    acyclic = [link for link in links if link.start < link.end]

    layout = arrange(nodes, acyclic)

    for link, route in zip(acyclic, layout.routes, strict=True):
        ys = [y for _, y in route.points]
        assert ys == sorted(ys)
        assert layout.nodes[link.start].y + layout.nodes[link.start].height < layout.nodes[link.end].y


def laid_out(count: int, *links: tuple[int, int]) -> Layout:
    return arrange([Size(100, 40)] * count, [Link(start, end, LABEL) for start, end in links])


def test_only_the_edge_that_closes_a_cycle_points_up() -> None:
    routes = laid_out(4, (0, 1), (1, 2), (2, 3), (3, 1)).routes

    assert [False, False, False, True] == [route.points[0][1] > route.points[-1][1] for route in routes]


def test_an_upward_edge_leaves_and_arrives_beside_the_downward_edges() -> None:
    down, back = laid_out(2, (0, 1), (1, 0)).routes

    assert not {x for x, _ in (down.points[0], down.points[-1])} & {x for x, _ in (back.points[0], back.points[-1])}


def test_the_branches_of_a_tree_keep_their_order_and_do_not_cross() -> None:
    nodes = laid_out(7, (0, 1), (0, 2), (1, 3), (1, 4), (2, 5), (2, 6)).nodes

    assert [middle(nodes[number]) for number in (3, 4, 5, 6)] == sorted(middle(nodes[number]) for number in range(3, 7))
    assert middle(nodes[1]) < middle(nodes[2])


def test_a_chain_and_an_edge_beside_it_are_straight() -> None:
    layout = laid_out(4, (0, 1), (1, 2), (2, 3), (0, 3))

    assert 1 == len({middle(rect) for rect in layout.nodes[1:3]})
    assert 3 >= len({x for x, _ in layout.routes[-1].points})


def test_long_edges_to_one_node_join() -> None:
    layout = laid_out(5, (0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (1, 4), (2, 4))

    assert 1 == len({route.points[-2] for route in layout.routes[4:]})


def test_edges_of_different_groups_do_not_join() -> None:
    nodes = [Size(100, 40)] * 4
    links = [Link(0, 1), Link(1, 2), Link(2, 3), Link(0, 3, group="a"), Link(0, 3, group="b")]

    one, other = arrange(nodes, links).routes[-2:]

    assert not set(one.points[1:-1]) & set(other.points[1:-1])


def test_a_node_is_as_near_to_its_neighbours_as_their_ranks_allow() -> None:
    """A node without predecessors is directly above its only successor, not in the first rank."""
    nodes = laid_out(5, (0, 1), (1, 2), (2, 3), (4, 3)).nodes

    assert nodes[4].y == nodes[2].y


def test_labels_of_edges_to_the_same_node_are_stacked() -> None:
    routes = laid_out(1, (0, 0), (0, 0)).routes

    assert all(route.is_loop for route in routes)
    assert not overlap(*(route.label or Rect(0, 0, 0, 0) for route in routes))


def test_an_empty_graph_has_no_size() -> None:
    assert Layout(Size(0, 0), (), ()) == arrange([], [])


def test_two_thousand_steps_do_not_bend_their_edges_at_every_rank() -> None:
    links = [Link(number, number + 1, LABEL) for number in range(1998)]
    links += [Link(number, 1999, LABEL) for number in range(1999)]

    layout = arrange([Size(150, 60)] * 2000, links)

    assert 20 * len(links) > sum(len(route.points) for route in layout.routes)
