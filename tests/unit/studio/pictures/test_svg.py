"""Drawings as SVG: well-formed whatever the texts are, with whole prompts and the place of each step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.files import read_project
from ncco_server.flow.loader import load
from ncco_server.flow.model import Project
from ncco_studio.pictures.graph import Drawing, GraphNode, Subgraph, draw
from ncco_studio.pictures.svg import as_svg, text_width
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.studio.pictures.test_draw import TEXTS
from tests.unit.studio.pictures.test_written import NASTY, drawing

ROOT = Path(__file__).parents[4]
FOLDERS = [ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/flows"))]
XMLNS = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "style", "g", "rect", "text", "title", "path", "polygon"}


def of_class(root: ET.Element, name: str) -> Iterator[ET.Element]:
    return (each for each in root.iter() if name in each.get("class", "").split())


def title(element: ET.Element) -> str:
    return element.findtext(f"{XMLNS}title") or ""


@cache
def project_in(folder: Path) -> Project:
    texts, issues = read_project(folder / "flows", folder / "templates")
    assert [] == issues
    handlers = [path.removeprefix("flows/") for path in texts if path.endswith(".py")]
    return load(texts, {}, extent="project", handlers=handlers)


@each_case("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_step_and_edge_of_the_sample_flows_is_in_the_picture(folder: Path) -> None:
    project = project_in(folder)
    drawn = draw(project.flows.values(), errors=True)

    root = ET.fromstring(as_svg(drawn))  # noqa: S314 - our own text

    steps = [(node.get("data-flow"), node.get("data-step")) for node in of_class(root, "node") if node.get("data-step")]
    assert sorted(steps) == sorted((flow.name, step) for flow in project.flows.values() for step in flow.steps)
    assert len(drawn.arrows) == len(list(of_class(root, "edge")))
    assert {each.tag.removeprefix(XMLNS) for each in root.iter()} <= ELEMENTS
    assert not [each for each in root.iter() if "style" in each.attrib or "id" in each.attrib]


@each_case("folder", FOLDERS, ids=lambda folder: folder.name)
def test_frames_lie_side_by_side_within_the_picture_and_texts_fit_into_their_shapes(folder: Path) -> None:
    root = ET.fromstring(as_svg(draw(project_in(folder).flows.values())))  # noqa: S314 - our own text

    frames = []
    for flow in of_class(root, "flow"):
        x, y = map(float, flow.get("transform", "").removeprefix("translate(").removesuffix(")").split())
        rect = flow[0]
        frames.append((x, y, x + float(rect.get("width", 0)), y + float(rect.get("height", 0))))
    assert not [
        (one, other)
        for one, other in combinations(frames, 2)
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]
    assert f"0 0 {root.get('width')} {root.get('height')}" == root.get("viewBox")
    assert max(frame[2] for frame in frames) < float(root.get("width", 0)) + 0.2  # each number is rounded to a tenth
    for node in of_class(root, "step"):
        shape = next(node.iter(f"{XMLNS}rect"))
        for text in node.iter(f"{XMLNS}text"):
            assert text_width(text.text or "", 12) < float(shape.get("width", 0))


def test_a_node_shows_whole_prompts_on_hover_and_where_it_is_written() -> None:
    root = ET.fromstring(as_svg(draw([load(TEXTS, {}).flows["main"]])))  # noqa: S314 - our own text

    menu = next(node for node in of_class(root, "node") if node.get("data-step") == "menu")
    assert "node ask" == menu.get("class")
    assert ("main", "flows/main.yaml", "8") == (menu.get("data-flow"), menu.get("data-file"), menu.get("data-line"))
    assert ("menu\n“For sales, press 1 or say sales. For support, press 2, or stay on the line.”") == title(menu)
    edge = next(edge for edge in of_class(root, "edge") if title(edge).startswith("menu → sales"))
    assert "menu → sales: sales, 1, “sales”, “buy”, “order”, …" == title(edge)


def test_an_edge_to_another_flow_ends_at_a_node_that_names_it() -> None:
    root = ET.fromstring(as_svg(draw([load(TEXTS, {}).flows["main"]])))  # noqa: S314 - our own text

    links = list(of_class(root, "link"))
    assert [("child", "child")] == [(node.get("data-flow"), title(node)) for node in links]
    assert {"menu → child: noinput, after 2 tries", "check → child: run child"} == {
        title(edge) for edge in of_class(root, "edge") if "dotted" in edge.get("class", "")
    }


def test_a_style_sheet_makes_the_file_self_contained() -> None:
    text = as_svg(drawing("x"), ".a > .b::after { content: '<&'; }")

    style = ET.fromstring(text).findtext(f"{XMLNS}style")  # noqa: S314 - our own text
    assert ".a > .b::after { content: '<&'; }" == style
    assert "<style" not in as_svg(drawing("x"))


def test_the_initial_view_of_a_file_shows_the_start() -> None:
    root = ET.fromstring(as_svg(drawing("x"), ".a {}"))  # noqa: S314 - our own text

    (view,) = root.iter(f"{XMLNS}view")
    x, y, width, height = map(float, view.get("viewBox", "").split())
    name = next(node for node in of_class(root, "start")).find(f"{XMLNS}text")
    assert name is not None
    assert x < float(name.get("x", "")) < x + width
    assert y < float(name.get("y", "")) < y + height


@each_case("text", [*NASTY, "</title><script>", '" onload="x', "]]>", "\x00\ufffe\ud800"])
def test_no_text_changes_the_structure(text: str) -> None:
    assert shape(drawing(text)) == shape(drawing("x"))


@examples(50)
@given(st.text(max_size=60))
def test_any_text_is_drawn(text: str) -> None:
    root = ET.fromstring(as_svg(drawing(text)))  # noqa: S314 - our own text

    assert 2 == len(list(of_class(root, "node")))


def shape(drawn: Drawing) -> list[tuple[str, list[str]]]:
    """Tags and attribute names, without repetitions in a row, because a long text is broken into lines."""
    root = ET.fromstring(as_svg(drawn))  # noqa: S314 - our own text
    found = [(each.tag, sorted(each.attrib)) for each in root.iter()]
    return [each for before, each in zip([None, *found], found, strict=False) if each != before]


def test_a_long_word_is_broken_and_nothing_of_it_is_lost() -> None:
    word = "Donaudampfschifffahrtsgesellschaftskapitaen" * 4
    node = GraphNode("a", "step", (word,))
    root = ET.fromstring(as_svg(Drawing((Subgraph("f", "f", (node,)),), ())))  # noqa: S314 - our own text

    lines = [text.text or "" for text in next(of_class(root, "step")).iter(f"{XMLNS}text")]
    assert word == "".join(lines)
    assert max(text_width(line, 13) for line in lines) <= 210


def test_widths_are_those_of_letters_ideographs_and_marks() -> None:
    assert text_width("W", 10) > text_width("i", 10)
    assert text_width("é", 10) == text_width("e", 10)
    assert 10 == text_width("你", 10)


def box(element: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the shape of a node or label."""
    rect = element.find(f"{XMLNS}rect")
    if rect is not None:
        x, y, width, height = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height"))
        return x, y, x + width, y + height
    polygon = element.find(f"{XMLNS}polygon")
    assert polygon is not None
    numbers = [float(number) for number in polygon.get("points", "").split()]
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def is_at(point: tuple[float, float], shape: tuple[float, float, float, float]) -> bool:
    """Whether an edge that ends there touches a shape; the line ends within the arrowhead."""
    left, top, right, bottom = shape
    return left - 1 <= point[0] <= right + 1 and top - 5 <= point[1] <= bottom + 5


@each_case("folder", FOLDERS, ids=lambda folder: folder.name)
def test_in_the_sample_flows_nothing_overlaps_and_edges_lead_from_node_to_node(folder: Path) -> None:
    for flow in project_in(folder).flows.values():
        drawn = draw([flow], errors=True)
        root = ET.fromstring(as_svg(drawn))  # noqa: S314 - our own text
        for frame in of_class(root, "flow"):
            nodes = list(of_class(frame, "node"))
            shapes = {(node.get("data-step"), title(node).split("\n")[0]): box(node) for node in nodes}
            boxes = [*map(box, nodes), *map(box, of_class(frame, "label"))]
            assert not [
                (one, other)
                for one, other in combinations(boxes, 2)
                if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
            ]
            for edge in of_class(frame, "edge"):
                start, end = title(edge).split(": ")[0].split(" → ")
                path = [float(number) for number in re.findall(r"-?[\d.]+", edge[1].get("d", ""))]
                head = [float(number) for number in re.findall(r"-?[\d.]+", edge[2].get("d", ""))]
                assert is_at((path[0], path[1]), shapes[edge.get("data-start"), start])
                assert is_at((head[0], head[1]), shapes[edge.get("data-end"), end])
