"""What is told of a text that is not JSON, by what stands where reading stopped."""

from __future__ import annotations

import pytest

from app.cli.jobs.json_text import NotJsonError, read

QUOTES = "write double quotes: JSON knows no others"
STRAIGHT = "write straight double quotes, as a plain text editor does"
COMMENT = "delete the comment: JSON has none"
LIST = "an NCCO is one list: put all actions between the same square brackets"
DOTS = "leave the dots out: they stand for something that is not shown"
FENCE = "leave out the lines that begin with ```: they are Markdown, around the JSON"
CODE = "leave out what stands in front of the [: an NCCO is JSON, and no code around it"
ENDED = 'the text ends too early: close what is open with ], } or "'


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("[{'action': 'talk'}]", QUOTES),
        ("[{\"action\": 'talk'}]", QUOTES),
        ("[\u201ca\u201d]", STRAIGHT),
        ("[// nothing\n]", COMMENT),
        ("[1 /* one */]", COMMENT),
        ("# an NCCO\n[]", COMMENT),
        ("[{}, # two\n{}]", COMMENT),
        ("[] []", LIST),
        ('{"action": "talk"}\n{"action": "talk"}', LIST),
        ("[] 5", "delete what stands behind the end of the list"),
        ("[] ]", "delete what stands behind the end of the list"),
        ("[True]", "write true"),
        ('[{"a": None}]', "write null"),
        ('[{action: "talk"}]', 'write the name in double quotes: "action"'),
        ("[talk]", 'write texts in double quotes: "talk"'),
        ("[NaN]", "write a number, or null"),
        ("[1,]", "delete the comma"),
        ("[,1]", "delete the comma, or write what is missing in front of it"),
        ("[1; 2]", "write a comma"),
        ('[{"a" = 1}]', "write a colon between a name and its value"),
        ('[{"a" 1}]', "write a colon behind the name"),
        ('[{"a": 1 "b": 2}]', "write a comma in front of it"),
        ('["He said "hi" to me"]', 'write \\" for a quote within a text'),
        ("[1 true]", "write a comma in front of it"),
        ("[+1]", "leave the + out"),
        ("[.5]", "write a 0 in front of the point"),
        ("[{", ENDED),
        ("[1, 2\n", ENDED),
        ('["a', "close the text with a double quote"),
        ('["a\nb"]', "write \\n for a new line within a text, \\t for a tab"),
        ('["a\\d"]', "write \\\\ for a backslash"),
        ("<html>", 'this is HTML or XML; an NCCO is JSON: [{"action": ...}]'),
        ("[{}, ... ]", DOTS),
        ("[\u2026]", DOTS),
        ("```json\n[]\n```", FENCE),
        ("[]\n```", FENCE),
        ('const ncco = [{"action": "talk"}];', CODE),
        ("callback([])", CODE),
        ("[];", "delete the semicolon"),
        ('[{"timeout": 05}]', "write the number without a 0 in front"),
        ('[{"timeout": 0x10}]', "write the number in decimal digits"),
        ('{"action": "talk"}, {"action": "talk"}', LIST),
        ("- action: talk\n", 'this is YAML; an NCCO is JSON: [{"action": ...}]'),
        ("[{\u00a0}]", "write an ordinary blank; this one is U+00A0, as web pages have it"),
        ("[\u200b1]", "write an ordinary blank; this one is U+200B, as web pages have it"),
        ("[] // done", COMMENT),
        ("", None),
        ("[%]", None),
    ],
)
def test_the_cure_is_made_of_what_stands_there(text: str, cure: str | None) -> None:
    with pytest.raises(NotJsonError) as caught:
        read(text)

    assert cure == caught.value.cure
