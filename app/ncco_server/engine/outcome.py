"""The outcome that a webhook reports, for the server, the simulator and the prover.

The called party of a `connect` may first hear a flow of its own. When its NCCO ends, the parties are connected, and no
action can hang up: so a party that declines is kept waiting until it hangs up. Source: NCCO reference, Phone
(onAnswer).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ncco_server.engine.session import OpenWait, Session
from ncco_server.flow.action import CONNECTED
from ncco_server.flow.model import Step
from ncco_server.flow.phrases import find_phrases
from ncco_server.flow.runtime import Asked, Outcome
from ncco_server.ncco.statuses import BEEP, DIAL_FAILURES, PICKED_UP
from ncco_server.ncco.webhooks import AnswerWebhook, InputWebhook, NotifyWebhook, SpeechResult, StatusWebhook, Webhook

REACHED = "step.reached"
"""The notify before a step that starts when the caller reaches it. Flows cannot use this name."""

JOINED: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 0.1}
"""Plays nothing: an NCCO needs at least one action. Source: NCCO reference, Wait (the shortest timeout)."""

APART: Final[Mapping[str, Any]] = {"action": "wait", "timeout": 7200}
"""For a party that declined. Source: NCCO reference, Wait (the longest timeout)."""

MOST_RESULTS = 10
"""Speech results to compare; our choice."""

_SOMEBODY_ANSWERED = PICKED_UP | {"completed"}


def hear_input(asked: Asked, webhook: InputWebhook) -> Outcome:
    """Digits win over speech, even if `timed_out` is true, and a key of the menu over data entry.

    A speech result must have sufficient confidence. The best one that contains a phrase as whole words counts, and must
    not contain one of another choice; for free speech, the best one is collected. `speech.error` is not the caller's
    fault.
    Source: webhook reference, Input event (`timed_out` says nothing about digits; `results` may be missing).
    """
    digits = webhook.digits or ""
    if digits:
        return _hear_digits(asked, digits)
    if webhook.results:
        return _hear_speech(asked, webhook.results)
    if webhook.speech_error and (asked.phrases or asked.free_speech):
        return Outcome(
            "asr_error", reason="asr_error", because="the recogniser reported an error and no key was pressed"
        )
    return Outcome("noinput", reason="noinput", because="no key was pressed and nothing was heard")


def _hear_digits(asked: Asked, digits: str) -> Outcome:
    shown = "the keys" if asked.sensitive else f"digits {digits}"
    if asked.keys:
        for pressed in (digits, digits.removesuffix("#")):
            if pressed in asked.keys:
                choice = asked.keys[pressed]
                return Outcome("choice", choice, digits, because=f'{shown} are the key of choice "{choice}"')
    if asked.lengths:
        return Outcome("collected", digits=digits.removesuffix("#") or digits, because=f"{shown} were entered")
    return Outcome("nomatch", digits=digits, reason="dtmf", because=f"{shown} match no choice")


def _hear_speech(asked: Asked, results: tuple[SpeechResult, ...]) -> Outcome:
    sure = [result for result in results[:MOST_RESULTS] if _is_sure(result, asked.min_confidence)]
    for result in sure:
        heard = _hear_result(asked, result)
        if heard is not None:
            return heard
    best = results[0]
    if not sure:
        because = f"no result reaches the required confidence of {asked.min_confidence:g}"
        return Outcome("nomatch", "", "", best.text, best.confidence, "low_confidence", because)
    return Outcome("nomatch", "", "", best.text, best.confidence, "speech", "no result contains a phrase of a choice")


def _is_sure(result: SpeechResult, least: float) -> bool:
    return result.confidence is None or result.confidence >= least


def _hear_result(asked: Asked, result: SpeechResult) -> Outcome | None:
    phrases = find_phrases(asked.phrases, result.text)
    choices = list(dict.fromkeys(asked.phrases[phrase] for phrase in phrases))
    if len(choices) > 1:
        said = " and ".join(f'"{phrase}"' for phrase in phrases)
        because = f"{said} are phrases of different choices: {', '.join(choices)}"
        return Outcome("nomatch", "", "", result.text, result.confidence, "speech", because)
    if choices:
        because = f'"{result.text}" contains "{max(phrases, key=len)}", a phrase of choice "{choices[0]}"'
        return Outcome("choice", choices[0], "", result.text, result.confidence, because=because)
    if asked.free_speech and result.text.strip():
        return Outcome("collected", "", "", result.text, result.confidence, because="speech was given")
    return None


def hear_status(webhook: StatusWebhook) -> Outcome:
    """Source: webhook reference, Call status, machine detection (`beep`)."""
    more = webhook.sub_state or webhook.detail
    because = f"Vonage reported {webhook.status or ''}" + (f" ({more})" if more else "")
    return Outcome(event_of(webhook), because=because)


def event_of(webhook: Webhook) -> str:
    """A call status, `beep`, `record`, `transcription`, ..., as in `on` and `events`."""
    if not isinstance(webhook, StatusWebhook):
        return webhook.kind
    is_beep = BEEP.fields == {"status": webhook.status, "sub_state": webhook.sub_state}
    return BEEP.name if is_beep else webhook.status or ""


def hear_connected(seen: frozenset[str]) -> Outcome:
    """`failed` without a reported answer, and if a party that answered has declined.

    The caller also reaches the `notify` after a connect if the event of a failed dial was lost: so a lost `busy` never
    takes the path of a completed call.
    """
    declined = sorted(seen & set(DIAL_FAILURES))
    if declined:
        return Outcome(declined[0], because="the other party answered but was not connected")
    if seen & _SOMEBODY_ANSWERED:
        return Outcome("completed", because="the connect is over, and the other party had answered")
    return Outcome("failed", because="the connect is over, and no answer was reported")


def declined(returned: str, *, is_over: bool) -> str:
    """Return "" if the called party was connected after its own flow.

    `returned` is that flow's outcome, "" for none; `is_over`: it was played to the end.
    """
    if returned in DIAL_FAILURES:
        return returned
    return "" if is_over else "rejected"


ASR_ERRORS = 2
"""How many in a step do not count as failed attempts."""


def hear(step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]) -> Outcome | None:
    """None if the webhook does not steer, the outcome `error` if it is unreadable."""
    match wait.kind:
        case "input":
            return _hear_answer(step, session, webhook)
        case "notify":
            return hear_connected(seen) if wait.name == CONNECTED else _hear_checkpoint(wait, webhook)
        case _:  # an event
            if not isinstance(webhook, StatusWebhook) or webhook.status == "completed":
                return None
            return hear_status(webhook)


def _hear_answer(step: Step, session: Session, webhook: Webhook | None) -> Outcome:
    asked = step.exit.asked
    if isinstance(webhook, AnswerWebhook):  # it has neither `dtmf` nor `speech`, only numbers
        webhook = InputWebhook()
    if asked is None or not isinstance(webhook, InputWebhook):
        return Outcome("error", because="the input webhook could not be read")
    outcome = hear_input(asked.by_locale.get(session.locale, asked), webhook)
    if outcome.name == "asr_error" and session.asr_errors >= ASR_ERRORS:
        return Outcome("noinput", reason="asr_error", because="the recogniser failed more than twice")
    return outcome


def _hear_checkpoint(wait: OpenWait, webhook: Webhook | None) -> Outcome:
    if not isinstance(webhook, NotifyWebhook):
        return Outcome("error", because="the notify webhook could not be read")
    return Outcome(wait.name, because=f"the checkpoint {wait.name} was reached")
