from __future__ import annotations

from typing import Any

from tests.support.cases import each_case
from tests.unit.server.flow.lookups.lookup_flows import definition_of

RETURNS = """
get: "https://crm.example.com/c"
returns:
  text: text
  word: [open, secret]
  flag: bool
  count: int
  share: number
  number: phone
  url: url
  any: list
  map: map
  inner: {text: text, code: {type: text, sensitive: true}}
  each: [{text: text, code: {type: int, sensitive: true}}]
default: {word: open}
"""
OPEN = {
    "text": "open",
    "word": "secret",
    "flag": True,
    "count": 1,
    "share": 0.5,
    "number": "447700900123",
    "url": "https://example.com/",
    "any": [1, None, True, "open", {"a": ["open"]}],
    "map": {"a": "open"},
    "inner": {"text": "open", "code": "secret"},
    "each": [{"text": "open", "code": 7}],
    "ok": True,
}
PHONE = "447700900999"


class Known:
    """Knows a word and a number."""

    def are_in(self, text: str) -> bool:
        return "secret" in text

    def are_part_of(self, value: object) -> bool:
        return "secret" in str(value) or "999" in str(value)


def redacted(**fields: Any) -> tuple[Any, str]:
    """The answer with these fields."""
    return definition_of(RETURNS).redact({**OPEN, **fields}, Known(), lambda text: f"<{text}>")


def test_harmless_and_declared_sensitive_values_stay() -> None:
    assert (OPEN, "") == redacted()


@each_case(
    ("name", "value", "kept"),
    [
        ("text", "a secret", "<a secret>"),
        (
            "any",
            ["secret", 999, 0.999, {"secret": ["secret"]}],
            ["<secret>", "<999>", "<0.999>", {"<secret>": ["<secret>"]}],
        ),
        ("map", {"secret": {"a": "secret"}}, {"<secret>": {"a": "<secret>"}}),
        ("inner", {"text": "secret", "code": "secret"}, {"text": "<secret>", "code": "secret"}),
        ("each", [{"text": "secret", "code": 999}], [{"text": "<secret>", "code": 999}]),
    ],
)
def test_a_text_that_reveals_something_is_a_token(name: str, value: Any, kept: Any) -> None:
    answer, problem = redacted(**{name: value})

    assert ("", {**OPEN, name: kept}) == (problem, answer)


@each_case(
    ("name", "value"), [("count", 999), ("share", 999.5), ("number", PHONE), ("url", "https://secret.example.com/")]
)
def test_an_answer_that_cannot_contain_a_token_is_none(name: str, value: Any) -> None:
    answer, problem = redacted(**{name: value})

    assert f"`{name}` contains something sensitive, but is not declared `sensitive`" == problem
    assert (False, "", 0) == (answer["ok"], answer["text"], answer["count"])
