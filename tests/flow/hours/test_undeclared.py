"""Opening hours that nobody has declared, and other names without fields."""

from __future__ import annotations

from app.flow.loader import load

FLOW = """
flow: test
default: true
start: a
HOURS
steps:
  a:
    do: [{talk: "Hello."}]
    branch:
      - if: hours.office.open
        goto: end
      - else: end
"""


def cures(hours: str = "") -> list[tuple[str, str]]:
    return [(issue.code, issue.cure) for issue in load({"flows/test.yaml": FLOW.replace("HOURS", hours)}).issues]


def test_the_cure_of_hours_that_nobody_declares_shows_how() -> None:
    [(code, cure)] = cures()
    shown = cure.partition("`")[2].rstrip("`")

    assert "E304" == code
    assert [] == cures(shown)


def test_the_cure_of_other_hours_names_those_there_are() -> None:
    declared = "hours: {shop: {timezone: UTC, week: {mon: 09:00-17:30}}}"

    assert [("E304", "its fields are: shop")] == [(code, cure) for code, cure in cures(declared) if code == "E304"]
