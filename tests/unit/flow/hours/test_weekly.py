"""What a range of hours that is written in another way is taken for."""

from __future__ import annotations

import pytest

from app.flow.loader import load

FLOW = """\
flow: shop
default: true
start: open
hours: {office: {timezone: Europe/London, week: {mon-fri: "HOURS"}}}
steps: {open: {branch: [{if: hours.office.open, goto: end}, {else: end}]}}
"""


@pytest.mark.parametrize(
    ("written", "meant"),
    [("9 to 5", "09:00-17:00"), ("9-5", "09:00-17:00"), ("9-17", "09:00-17:00"), ("22-6", "22:00-06:00")],
)
def test_the_cure_is_what_was_probably_meant(written: str, meant: str) -> None:
    issues = load({"flows/shop.yaml": FLOW.replace("HOURS", written)}).issues

    assert [("E501", f"write {meant}")] == [(issue.code, str(issue.cure)) for issue in issues]
