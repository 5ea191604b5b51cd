"""Simulated calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import Result
from starlette.types import ASGIApp

from tests.support.command import ncco
from tests.support.serving_thread import serving_thread

SHOP = """\
flow: shop
numbers: ["442079460000"]
start: menu
lookups:
  customer:
    get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
    returns: {name: text, tier: [gold, standard]}
    default: {name: "", tier: standard}
hooks:
  sold: {post: "{{ env.CRM_URL }}/sales"}
defaults:
  on: {error: end}
steps:
  menu:
    lookup: customer
    do:
      - talk: "Hello {{ customer.name }}. For sales, press 1 or say sales."
    choices:
      sales: {dtmf: 1, speech: [sales, buy], goto: sales}
    min_confidence: 0.5
    retry: {noinput: ["I did not hear you."], nomatch: ["I did not hear you."], tries: 2, then: message}
  sales:
    send: sold
    do:
      - talk: "Connecting you."
      - connect: "447700900111"
        timeout: 20
    on: {completed: end, otherwise: message}
  message:
    do:
      - talk: "Leave a message."
      - record: {beepStart: true, endOnKey: "#", endOnSilence: 3, timeOut: 60}
      - talk: "Goodbye."
    goto: end
"""


def call(*words: str | Path, **options: Any) -> Result:
    """Run `ncco simulate`."""
    return ncco("simulate", *words, **options)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application on a free port of this machine. Yields its URL."""
    with serving_thread(app) as port:
        yield f"http://127.0.0.1:{port}"
