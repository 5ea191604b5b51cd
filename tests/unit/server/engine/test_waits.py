from __future__ import annotations

import time
from typing import Any

from ncco_server.engine.waits.dial import DialWait
from ncco_server.engine.waits.input import hear_input
from ncco_server.flow.runtime import Asked
from ncco_server.ncco.webhooks import MOST_RESULTS, InputWebhook, StatusWebhook
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table

OF_ANY_CALL: tuple[Any, Any, Any] = (None, None, None)
"""The step, the session and the wait, on which a status does not depend."""

ASKED = {
    "menu": Asked(
        keys={"1": "sales", "22": "support", "#": "repeat"},
        phrases={"sales": "sales", "sales desk": "desk", "support": "support", "a question": "support"},
        min_confidence=0.5,
    ),
    "keys": Asked(keys={"1": "sales"}),
    "confirm": Asked(phrases={"yes": "yes", "right": "yes", "no": "no", "not right": "no", "no thanks": "no"}),
    "pin": Asked(lengths=(4, 4), sensitive=True),
    "reason": Asked(free_speech=True, min_confidence=0.5),
}


@each_case(("asked", "webhook", "outcome"), table(__file__, "test_what_the_caller_did_has_this_outcome"))
def test_what_the_caller_did_has_this_outcome(asked: str, webhook: dict[str, Any], outcome: str) -> None:
    said = [{"text": text, "confidence": sure} for text, sure in webhook.pop("said", {}).items()]
    if said:
        webhook["speech"] = {"results": said}

    found = hear_input(ASKED[asked], InputWebhook.read(webhook))

    detail = found.choice or found.digits or found.text if found.name in ("choice", "collected") else found.reason
    shown = f"{found.name} {detail}"
    assert outcome == shown
    assert "pin" != asked or found.digits not in found.because


@each_case(
    ("fields", "name"),
    [
        ({"status": "busy", "sip_code": 486}, "busy"),
        ({"status": "unanswered", "detail": "unavailable"}, "unanswered"),
        ({"status": "machine"}, "machine"),
        ({"status": "machine", "sub_state": "beep_start"}, "beep"),
        ({"status": "machine", "sub_state": "beep_timeout"}, "machine"),
        ({}, ""),
    ],
)
def test_every_call_status_except_the_beep_is_its_own_outcome(fields: dict[str, Any], name: str) -> None:
    found = DialWait().hear(*OF_ANY_CALL, StatusWebhook.read(fields), frozenset())

    assert found is not None
    assert name == found.name
    assert f"Vonage reported {fields.get('status', '')}" == found.because.partition(" (")[0]


def test_speech_is_compared_up_to_a_bounded_length() -> None:
    ligatures = "\ufdfa" * 170_000
    results = [{"text": ligatures, "confidence": "0.9"}] * 100
    webhook = InputWebhook.read({"speech": {"results": results}})
    started = time.process_time()

    outcome = hear_input(Asked(phrases={"sales": "sales"}), webhook)

    assert ("nomatch", ligatures) == (outcome.name, outcome.text)
    assert time.process_time() - started < 5


def test_only_the_first_of_very_many_results_are_read() -> None:
    results = [{"text": f"sales {number}", "confidence": "0.5"} for number in range(10_000)]

    assert MOST_RESULTS == len(InputWebhook.read({"speech": {"results": results}}).results)
