"""The settings of one voice application, and of the platform where its documents disagree or are silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.simulator.servers import Method

STEERING: Final = frozenset({"timeout", "failed", "rejected", "unanswered", "busy"})
"""Statuses of a synchronous connect whose reply is played. Source: webhook reference, Connect events."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the dashboard knows of an application, and which reading of the documents the platform follows.

    Attributes:
        answer_url: asked for the first NCCO. event_url: gets everything else that has no URL of its own.
        fallback_url: asked when a request that expects an NCCO has failed; "" for none.
        answer_method: also of the fallback. Source: webhook reference, methods (answer and fallback GET, event POST).
        signature_secret: of the account; "" sends unsigned webhooks.
        numbers: of this application; a connect to a phone from any other fails. (): every number is ours.
        connect_s, answer_s, event_s: time-outs in seconds. Source: delivery rules.
        retries: how often a failed request is sent again: 1 by the current support article, 2 by former ones.
        retry_after_s: seconds before it is; unverified but for one blog.
        empty_array: what `[]` in reply to an event does: nothing, or it replaces the NCCO and so ends the call.
        object_reply: what an object such as {"status": "ok"} in reply to an event is: an invalid NCCO, or nothing.
        steering: statuses of a synchronous connect whose reply counts.
        completed_after: failures of a dial that a `completed` follows; declined calls get none. Unverified in detail.
        speech_when_off: what `speech` holds when an input asked for keys alone: an empty list of results, or the error
            "Speech was not enabled". Both were seen.
        records_block: whether a record with an end condition is waited for. Source: NCCO reference, Record; its own
            table and introduction disagree.
        detection_s: seconds until machine detection knows who answered.
        recording_s, transcription_s: seconds from the end of a recording to its webhook, and from there to its text.
        region_url: the REST host that webhooks name.
    """

    answer_url: str
    event_url: str
    fallback_url: str = ""
    answer_method: Method = "POST"
    event_method: Method = "POST"
    signature_secret: str = ""
    api_key: str = ""
    application_id: str = ""
    numbers: tuple[str, ...] = ()
    connect_s: float = 1.0
    answer_s: float = 5.0
    event_s: float = 10.0
    retries: int = 1
    retry_after_s: float = 1.0
    empty_array: Literal["ignore", "replace"] = "ignore"
    object_reply: Literal["invalid", "ignore"] = "invalid"
    steering: frozenset[str] = STEERING
    completed_after: frozenset[str] = frozenset({"busy", "cancelled", "timeout"})
    speech_when_off: Literal["results", "error"] = "results"
    records_block: bool = True
    detection_s: float = 5.0
    recording_s: float = 0.64
    transcription_s: float = 10.0
    region_url: str = "https://api-eu-3.vonage.com"
