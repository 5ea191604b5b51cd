"""Keys and speech: the answer to a question, and keys that are only observed."""

from __future__ import annotations

from typing import ClassVar

from ncco_server.engine.session import OpenWait, Session
from ncco_server.engine.waits.kind import WaitKind
from ncco_server.flow.frame import CallbackKind
from ncco_server.flow.model import Step
from ncco_server.flow.phrases import find_phrases
from ncco_server.flow.runtime import Asked, Outcome
from ncco_server.ncco.webhooks import AnswerWebhook, InputWebhook, SpeechResult, Webhook

ASR_ERRORS = 2
"""How many in a step do not count as failed attempts."""


class InputWait(WaitKind):
    """The caller's answer to a step that asks."""

    word: ClassVar[CallbackKind] = "input"
    asks = True

    def hear(
        self, step: Step, session: Session, wait: OpenWait, webhook: Webhook | None, seen: frozenset[str]
    ) -> Outcome | None:
        asked = step.exit.asked
        if isinstance(webhook, AnswerWebhook):  # it has neither `dtmf` nor `speech`, only numbers
            webhook = InputWebhook()
        if asked is None or not isinstance(webhook, InputWebhook):
            return Outcome("error", because="the input webhook could not be read")
        outcome = hear_input(asked.by_locale.get(session.locale, asked), webhook)
        if outcome.name == "asr_error" and session.asr_errors >= ASR_ERRORS:
            return Outcome("noinput", reason="asr_error", because="the recogniser failed more than twice")
        return outcome

    def hides(self, wait: OpenWait | None) -> bool | None:
        return wait is None or wait.sensitive


class ObservedKeysWait(InputWait):
    """The keys of an asynchronous `input`, which never decide."""

    word = "event"
    name = "input"
    asks = False
    is_observed = True


MOST_RESULTS = 10
"""Speech results to compare; our choice."""


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
    for pressed in (digits, digits.removesuffix("#")):
        if choice := asked.keys.get(pressed):
            return Outcome("choice", choice, digits, because=f'{shown} are the key of choice "{choice}"')
    if asked.lengths:
        return Outcome("collected", digits=digits.removesuffix("#") or digits, because=f"{shown} were entered")
    return Outcome("nomatch", digits=digits, reason="dtmf", because=f"{shown} match no choice")


def _hear_speech(asked: Asked, results: tuple[SpeechResult, ...]) -> Outcome:
    least = asked.min_confidence
    sure = [each for each in results[:MOST_RESULTS] if each.confidence is None or each.confidence >= least]
    for result in sure:
        heard = _hear_result(asked, result)
        if heard is not None:
            return heard
    best = results[0]
    if not sure:
        because = f"no result reaches the required confidence of {least:g}"
        return Outcome("nomatch", "", "", best.text, best.confidence, "low_confidence", because)
    return Outcome("nomatch", "", "", best.text, best.confidence, "speech", "no result contains a phrase of a choice")


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
