"""What is sensitive does not stand in what Python shows of an object: a line of a log may hold that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.engine import Lookup, LookupAnswer
from app.engine.scope import LookupAnswers, new_scope
from app.engine.secrets import Secrets
from app.flow.language.lookups import LookupRequest
from app.flow.model import Decision, Go, Outcome, Target
from app.flow.nodes import Place
from app.ncco.webhooks import recognise
from app.service.delivery import Delivery
from app.service.lookups import AnswerCache
from app.service.outbox import Signer
from app.service.policy import Policy
from app.settings import load_settings
from app.vonage.signatures import Verifier
from tests.engine.scripted_call import load_flow

KEYS = "840217395"
SECRET = f"a-signature-secret-{KEYS}-of-32-characters"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PLACE = Place("flows/a.yaml", 1, 1)
FIELDS = {"dtmf": {"digits": KEYS}, "speech": {"results": [{"text": KEYS}], "error": KEYS}, "uuid": "aa"}
REQUEST = LookupRequest("POST", f"https://x.example.com/{KEYS}", {"pin": KEYS}, {"X-Key": KEYS}, "m:f", {"pin": KEYS})
FLOW = """
flow: test
default: true
start: hello
vars: {pin: {type: text, sensitive: true}}
steps:
  hello:
    do: [{talk: Hello.}]
    goto: end
"""


def echoes() -> Secrets:
    known = Secrets()
    known.learn(KEYS)
    return known


def memory() -> AnswerCache:
    kept = AnswerCache(lambda: 0.0)
    kept.put(b"key", KEYS.encode(), 1000)
    return kept


HOLDERS: list[Any] = [
    Delivery("POST", KEYS.encode(), FIELDS, "https://x.example.com", NOON),
    REQUEST,
    Lookup("step", "customer", REQUEST, "key"),
    LookupAnswer({"pin": KEYS}),
    [LookupAnswer(KEYS, "", 3)],
    Outcome("collected", digits=KEYS, text=KEYS),
    Decision(Go(Target("a", PLACE)), "a", PLACE, "because", values={"pin": KEYS}),
    new_scope(load_flow(FLOW), {"pin": KEYS}),
    echoes(),
    LookupAnswers(str),
    memory(),
    recognise(FIELDS),
    Policy((KEYS.encode(),), (), {"TOKEN": KEYS}),
    Verifier([SECRET]),
    Signer(),
    load_settings(None, insecure=True, signature_secret=SECRET, key=SECRET, public_url="https://x.example.com"),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: type(holder).__name__)
def test_an_object_does_not_show_what_is_sensitive_in_it(holder: Any) -> None:
    assert KEYS not in repr(holder)
    assert KEYS not in str(holder)
