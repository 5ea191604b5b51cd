"""A flow that places calls at any hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from ncco_server.flow.loader import load
from ncco_server.flow.model import Flow

REMINDER: Final = """\
flow: reminder
params: {name: text}
outbound:
  from: "442079460001"
  ringing_timer: 10s
  quiet: false
  on: {otherwise: {send: not_reached}}
hooks: {not_reached: {post: "http://127.0.0.1:9/not-reached"}}
start: hello
steps:
  hello:
    do:
      - talk: "Hello {{ name }}."
    goto: end
"""


def flows_of(text: str) -> Mapping[str, Flow]:
    """The flows of one file."""
    return load({"flows/reminder.yaml": text}).flows


def utc_now() -> datetime:
    """The current time."""
    return datetime.now(UTC)
