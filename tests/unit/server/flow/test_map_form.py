"""The maps of a flow file as records: each error is reported once, at its place, and the rest is read."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from ncco_server.flow.grammar.forms import Notation
from ncco_server.flow.grammar.map_form import MapForm, SetByCode, written_as
from ncco_server.flow.grammar.reader import Reader
from ncco_server.flow.nodes import Map, Node
from ncco_server.flow.source import read_yaml
from ncco_server.ncco.value_types import WholeNumber
from tests.support.cases import each_case


def read_shout(node: Node, what: str, reader: Reader) -> str | None:
    text = reader.text(node, what)
    return text.value.upper() if text else None


class Queue(MapForm):
    """An invented map."""

    hints: ClassVar = {"max": "most", "music": "write `- stream: ..` under `do`"}
    cures: ClassVar = {"most": "add `most: 5`"}

    most: Annotated[int, WholeNumber(1, 10)]
    """How many callers wait."""
    order: Literal["first", "last"] = "first"
    """Who is next."""
    is_open: bool = written_as("open", default=True)
    """Whether it takes callers."""
    title: Annotated[str | None, Notation(read_shout, {"type": "string"})] = None
    """Its name in capitals."""
    number: SetByCode[int] = 0


def read(text: str, **made: Any) -> tuple[Queue | None, list[str]]:
    node, issues = read_yaml("flows/test.yaml", text)
    assert isinstance(node, Map), issues
    reader = Reader()
    queue = Queue.read(node, "`queue`", reader, **made)
    return queue, [f"{each.place.line}:{each.place.column} {each.code} {each.cure}" for each in reader.issues]


def test_keys_become_fields_of_their_types() -> None:
    queue, issues = read("{most: 5, order: last, open: false, title: help}", number=3)

    assert [] == issues
    assert queue is not None
    assert (5, "last", False, "HELP", 3) == (queue.most, queue.order, queue.is_open, queue.title, queue.number)


@each_case(
    ("text", "issue"),
    [
        ("{moost: 5}", '1:2 E202 did you mean "most"?'),
        ("{max: 5}", "1:2 E202 write `most`"),
        ("{most: 5, music: x.mp3}", "1:11 E202 write `- stream: ..` under `do`"),
        ("{most: 5, colour: red}", "1:11 E202 write one of: most, order, open, title"),
        ("{most: 5, order: third}", "1:18 E203 write first or last"),
        ("{most: 5, open: maybe}", "1:17 E203 true or false is needed"),
        ("{most: 5, open: [yes]}", "1:17 E201 write true or false"),
        ("{most: 5, title: {a: b}}", "1:18 E201 write a text here"),
    ],
)
def test_an_error_is_reported_once_and_the_rest_is_read(text: str, issue: str) -> None:
    queue, issues = read(text)

    assert [issue] == issues
    assert queue is not None
    assert (5, "first", True, None) == (queue.most, queue.order, queue.is_open, queue.title)


@each_case(
    ("text", "issue"),
    [
        ("{order: last}", "1:1 E204 add `most: 5`"),
        ("{most: 50}", "1:8 E203 write a whole number from 1 to 10"),
        ("{most: many}", "1:8 E203 write a whole number from 1 to 10"),
    ],
)
def test_an_error_in_a_required_key_leaves_no_model(text: str, issue: str) -> None:
    assert (None, [issue]) == read(text)


def test_a_missing_key_is_not_reported_if_an_unknown_one_may_be_its_misspelling() -> None:
    assert (None, ["1:2 E202 write one of: most, order, open, title"]) == read("{colour: red}")


def test_every_error_of_a_map_is_reported() -> None:
    _, issues = read("{most: 0, order: third, open: maybe, titel: x}")

    assert ["E202", "E203", "E203", "E203"] == sorted(issue.split()[1] for issue in issues)


def test_the_schema_has_the_keys_with_their_ranges_and_defaults() -> None:
    schema = Queue.json_schema()

    assert ["most", "order", "open", "title"] == list(schema["properties"])
    assert ["most"] == schema["required"]
    assert WholeNumber(1, 10).json_schema().items() <= schema["properties"]["most"].items()
    assert schema["properties"]["open"]["default"] is True
    assert "Who is next." == schema["properties"]["order"]["description"]
