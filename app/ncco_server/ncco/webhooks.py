"""Models of Vonage's webhooks, and `recognise`, which chooses the right one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from ncco_server.ncco.statuses import SCREENER

MAX_FIELD_DEPTH = 64
"""Decoded levels of JSON text in a field. Our choice: real webhooks have four."""

MAX_NUMBER_DIGITS: Final = 100
"""Our choice; Python itself reads at most 4,300."""

JSON_FIELDS = frozenset({"dtmf", "speech", "payload", "custom_data", "original_request", "headers"})
"""A GET request has each as one query parameter with JSON text. Source: webhook reference."""


def decode_json_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """Keep text that is not a JSON object, array or null."""
    decoded = dict(fields)
    for name in JSON_FIELDS & decoded.keys():
        value = decoded[name]
        if isinstance(value, str):
            decoded[name] = _decoded(value)
    return decoded


def _decoded(value: str) -> object:
    if not value.lstrip().startswith(("{", "[")):
        return None if value == "null" else value
    try:
        decoded: object = orjson.loads(value)
    except orjson.JSONDecodeError:
        decoded = repaired(value)
    return value if decoded is None or _is_deep(decoded, MAX_FIELD_DEPTH) else decoded


def repaired(text: str) -> object:
    """Decode JSON leniently, so that no bad character loses a call; None if the text is not JSON.

    Lone surrogates become replacement characters; NaN, Infinity and numbers that are too large become null.
    """
    try:
        decoded = json.loads(
            text, parse_constant=lambda _: None, parse_float=_read_float, parse_int=_read_int, strict=False
        )
        value: object = orjson.loads(json.dumps(decoded, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # RecursionError: nested thousands of levels deep
        return None
    return value


def _read_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _read_int(text: str) -> int | None:
    return int(text) if len(text) <= MAX_NUMBER_DIGITS else None


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left < 0 or any(_is_deep(each, left - 1) for each in inner)


def as_text(value: object) -> str:
    """Convert a number to text; return "" for anything else."""
    if isinstance(value, str):
        return value
    try:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
    except ValueError:  # too many digits for Python to convert
        return ""


def _as_number(value: object) -> object:
    """Blank text becomes None. A bool becomes text, so that pydantic refuses it."""
    if isinstance(value, str) and not value.strip():
        return None
    return str(value) if isinstance(value, bool) else value


Text: TypeAlias = str | None
Whole = Annotated[int | None, BeforeValidator(_as_number)]


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


PYTHON_NAMES = frozenset({"from_", "type_"})
"""A field that is sent under its Python name is ignored."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class Webhook(BaseModel):
    """A request from Vonage, parsed leniently.

    Real webhooks leave fields out and add others, so none is required: a missing or mistyped value is None. Source:
    webhook reference.
    """

    model_config = ConfigDict(
        extra="allow", frozen=True, populate_by_name=True, hide_input_in_errors=True, coerce_numbers_to_str=True
    )

    kind: ClassVar[str] = "unknown"

    conversation_uuid: Text = None
    timestamp: Text = None
    """ISO 8601 with milliseconds, as sent. Compare it to find late events."""

    @property
    def problems(self) -> tuple[str, ...]:
        """The names, as sent, of fields that cannot be read."""
        named = {field.alias or name for name, field in type(self).model_fields.items()}
        return tuple(name for name in self.extras if name in named or _SURROGATE.search(name))

    @property
    def extras(self) -> dict[str, Any]:
        """Unknown fields, and the raw values of fields that cannot be read."""
        extras = self.model_extra
        return {} if extras is None else extras

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """Never raises: a wrong value becomes None and is listed in `problems`."""
        wire = fields  # nearly always; a copy takes 5 thousand instructions of an input
        if not PYTHON_NAMES.isdisjoint(fields):
            wire = {name: value for name, value in fields.items() if name not in PYTHON_NAMES}
        try:
            return cls.model_validate(wire)
        except ValidationError as fault:
            errors = fault.errors(include_url=False, include_input=False, include_context=False)
            wrong = dict.fromkeys(str(error["loc"][0]) for error in errors if error["loc"])
            wrong |= dict.fromkeys(name for name in wire if _SURROGATE.search(name))  # pydantic accepts no such name
        except ValueError:  # more digits than Python converts
            wrong = dict.fromkeys(name for name, value in wire.items() if _is_too_long(value))
        webhook = cls.read({name: value for name, value in wire.items() if name not in wrong})
        webhook.extras.update({name: wire[name] for name in wrong})
        return webhook


def _is_too_long(value: object) -> bool:
    return isinstance(value, int) and _number_text(value) is None


class LegWebhook(Webhook):
    """A webhook about one leg."""

    uuid: Text = None
    """`human` and `machine` events send it as `call_uuid`."""
    from_: Text = Field(default=None, alias="from")
    to: Text = None


class AnswerWebhook(LegWebhook):
    """A call has reached one of our numbers, or an outbound call was answered. The reply is its first NCCO.

    The webhook has no status, direction or timestamp. Source: webhook reference, Answer.
    """

    kind: ClassVar[str] = "answer"

    from_user: Text = None
    """The name of a Client SDK user who is calling; `from_` is then missing."""
    endpoint_type: Text = None
    """phone, sip, websocket, app or vbc."""
    region_url: Text = None
    """The REST host that controls this call."""
    custom_data: Any = None

    @property
    def sip_headers(self) -> Mapping[str, str]:
        """The custom SIP headers under their own names (`X-Tenant`, `User-to-User`)."""
        prefix = "SipHeader_"
        return {
            name.removeprefix(prefix): value
            for name, value in self.extras.items()
            if name.startswith(prefix) and isinstance(value, str)
        }


FALLBACK_REASONS: Final = (
    "Connection closed.",
    "Connection reset.",
    "Socket timeout.",
    "Invalid NCCO.",
    "Invalid response code.",
)
"""Why Vonage sends a webhook to the fallback URL. Source: webhook reference, Fallback."""


class FallbackWebhook(LegWebhook):
    """A webhook that expects an NCCO has failed, so Vonage asks the fallback URL for one.

    It repeats the fields of the failed request. Source: webhook reference, Fallback.
    """

    kind: ClassVar[str] = "fallback"

    reason: Text = None
    """One of FALLBACK_REASONS."""
    original_request: Any = None
    _original: Webhook = PrivateAttr(default_factory=Webhook)

    @property
    def original(self) -> Webhook:
        return self._original

    def add_original(self, webhook: Webhook) -> None:
        self._original = webhook

    @property
    def original_url(self) -> str | None:
        return self._request_field("url")

    @property
    def original_type(self) -> str | None:
        """Either `answer` or `event`."""
        return self._request_field("type")

    def _request_field(self, name: str) -> str | None:
        value = mapping(self.original_request).get(name)
        return value if isinstance(value, str) else None


class StatusWebhook(LegWebhook):
    """A leg has changed its state. Source: webhook reference, Call status events."""

    kind: ClassVar[str] = "event"

    status: Text = None
    """started, ringing, answered, human, machine, busy, cancelled, unanswered, timeout, rejected, failed, disconnected
    or completed; there may be others.
    """
    direction: Text = None
    """inbound or outbound; not sent for human, machine and websocket legs."""
    detail: Text = None
    sub_state: Text = None
    """beep_start or beep_timeout, with status machine; screener (alpha)."""
    sip_code: Whole = None
    disconnected_by: Text = None
    """platform or user, with status completed."""
    start_time: Text = None
    end_time: Text = None
    duration: Whole = None
    """Seconds, with status completed."""
    rate: Text = None
    price: Text = None
    network: Text = None


class RecordWebhook(Webhook):
    """A recording is ready. No leg is named. Source: webhook reference, Record."""

    kind: ClassVar[str] = "record"

    recording_url: Text = None
    """Fetching it requires the application's JWT."""
    recording_uuid: Text = None
    size: Whole = None
    """Bytes."""
    start_time: Text = None
    end_time: Text = None


class TranscriptionWebhook(Webhook):
    """A recording has been transcribed. Source: webhook reference, Transcription."""

    kind: ClassVar[str] = "transcription"

    transcription_url: Text = None
    """Fetching it requires the application's JWT."""
    recording_uuid: Text = None
    status: Text = None


class NotifyWebhook(Webhook):
    """A call has reached a `notify` action. No leg is named. Source: webhook reference, Notify."""

    kind: ClassVar[str] = "notify"

    payload: Any = None


class TransferWebhook(Webhook):
    """A leg has moved from one conversation to another. Source: webhook reference, Transfer."""

    kind: ClassVar[str] = "transfer"

    uuid: Text = None
    conversation_uuid_from: Text = None
    conversation_uuid_to: Text = None


class ErrorWebhook(Webhook):
    """Vonage could not do something, such as read our NCCO. Source: webhook reference, Error."""

    kind: ClassVar[str] = "error"

    reason: Text = None


class PaymentWebhook(LegWebhook):
    """The outcome of the former `pay` action: `status` is success or failure. Source: webhook reference, Payment."""

    kind: ClassVar[str] = "payment"

    status: Text = None
    type_: Text = Field(default=None, alias="type")


class UnknownWebhook(Webhook):
    """Any other webhook. Its fields are in `extras`."""

    kind: ClassVar[str] = "unknown"


EXPECTED_SPEECH_ERRORS = ("Speech was not enabled", "Speech overridden by DTMF")
"""The values of `speech.error` when keys were expected or pressed. Any other one is a recognition error.

Source: webhook reference, Input (speech recognition results).
"""


MOST_RESULTS: Final = 100
"""Our choice: Vonage sends about ten results."""


@dataclass(frozen=True, slots=True)
class SpeechResult:
    """One result of speech recognition.

    Attributes:
        text: what the caller may have said.
        confidence: 0 to 1; None if missing or unreadable.
    """

    text: str
    confidence: float | None


class InputWebhook(LegWebhook):
    """The keys that the caller pressed, or what the caller said, in an `input` action.

    `dtmf` is an object; it was plain text until 2020. `dtmf` and `speech` may both be missing. Source: webhook
    reference, Input; NCCO reference, Input.
    """

    kind: ClassVar[str] = "input"

    dtmf: Any = Field(default=None, repr=False)
    speech: Any = Field(default=None, repr=False)

    @property
    def digits(self) -> str | None:
        """None or "" if no keys were pressed."""
        raw = self.dtmf.get("digits") if isinstance(self.dtmf, Mapping) else self.dtmf
        if isinstance(raw, int) and not isinstance(raw, bool):
            return _number_text(raw)
        return raw if isinstance(raw, str) else None

    @property
    def timed_out(self) -> bool:
        """Whether a timeout ended the input, perhaps after some digits."""
        source = self.dtmf if isinstance(self.dtmf, Mapping) else self.extras
        return str(source.get("timed_out")).lower() == "true"

    @property
    def results(self) -> tuple[SpeechResult, ...]:
        """What was recognised, best first. Empty if nothing was recognised, or the list cannot be read."""
        raw = mapping(self.speech).get("results")
        guesses = [guess for item in (raw[:MOST_RESULTS] if isinstance(raw, list) else []) if (guess := _guess(item))]
        return tuple(sorted(guesses, key=_confidence_order))

    @property
    def speech_error(self) -> str | None:
        """Why speech was not recognised, in Vonage's words; None if no reason is given."""
        return _text(self.speech, "error")

    @property
    def timeout_reason(self) -> str | None:
        """Why listening ended: end_on_silence_timeout, max_duration or start_timeout."""
        return _text(self.speech, "timeout_reason")

    @property
    def recording_url(self) -> str | None:
        """The URL of the recorded speech, if the action had `saveAudio`. Fetching it requires the application's JWT."""
        return _text(self.speech, "recording_url")

    @property
    def is_speech(self) -> bool:
        """Whether there are words without digits, or listening ended or failed without a keypress."""
        if self.digits:
            return False
        listened = bool(self.results) or self.timeout_reason is not None
        return listened or self._has_failed or (self.dtmf is None and self.speech is not None)

    @property
    def _has_failed(self) -> bool:
        return self.speech_error is not None and self.speech_error not in EXPECTED_SPEECH_ERRORS


def _number_text(number: int) -> str | None:
    try:
        return str(number)
    except ValueError:  # more digits than Python converts, and than any keypad sends
        return None


def _text(source: object, name: str) -> str | None:
    value = mapping(source).get(name)
    return value if isinstance(value, str) else None


def _guess(item: object) -> SpeechResult | None:
    text = _text(item, "text")
    return None if text is None else SpeechResult(text, _confidence(mapping(item).get("confidence")))


def _confidence(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _confidence_order(guess: SpeechResult) -> float:
    """Unknown confidence comes last."""
    return math.inf if guess.confidence is None else -guess.confidence


Fields = Mapping[str, object]


def _is_transcription(fields: Fields) -> bool:
    """A failed transcription has only the type `record`, or the status `transcription_failed` (alpha)."""
    if "transcription_url" in fields or fields.get("status") in ("transcribed", "transcription_failed"):
        return True
    return fields.get("type") == "record" and "recording_url" not in fields


def _is_answer(fields: Fields) -> bool:
    """An answer webhook has no field of its own, so naming a caller or called party counts."""
    if isinstance(fields.get("type"), str):  # RTC events have `from`, but also a type
        return False
    parties = any(fields.get(name) is not None for name in ("to", "from", "from_user"))
    return parties or {"uuid", "conversation_uuid"} <= fields.keys()


RECOGNITION_ORDER: tuple[tuple[type[Webhook], Callable[[Fields], bool]], ...] = (
    (FallbackWebhook, lambda fields: "original_request" in fields),
    (TransferWebhook, lambda fields: "conversation_uuid_from" in fields or fields.get("type") == "transfer"),
    (TranscriptionWebhook, _is_transcription),
    (RecordWebhook, lambda fields: "recording_url" in fields),
    (NotifyWebhook, lambda fields: "payload" in fields),
    (InputWebhook, lambda fields: "dtmf" in fields or "speech" in fields),
    (PaymentWebhook, lambda fields: fields.get("type") == "payment" or fields.get("status") in ("success", "failure")),
    (StatusWebhook, lambda fields: isinstance(fields.get("status"), (str, int, float))),
    (ErrorWebhook, lambda fields: fields.get("reason") is not None),
    (AnswerWebhook, _is_answer),
)
"""Source: webhook reference; the order is that of the official SDKs."""


def recognise(fields: Fields) -> Webhook:
    """The webhook made from the fields of a JSON body, a form or a query string.

    Never raises. Nested JSON text (GET) is decoded, `call_uuid` becomes `uuid`, and anything unknown becomes an
    `UnknownWebhook`. In the alpha of call screeners, `sub_state: screener` becomes the status `screener`, and
    `human_answered` becomes `human`.
    """
    wire = decode_json_fields(fields)
    if wire.get("uuid") in (None, "") and "call_uuid" in wire:
        wire["uuid"] = wire["call_uuid"]
    if wire.get("sub_state") == SCREENER:  # neither a person nor a mailbox, whatever its status
        wire["status"] = SCREENER
    elif wire.get("status") == "human_answered":
        wire["status"] = "human"
    webhook = _class_of(wire).read(wire)
    if isinstance(webhook, FallbackWebhook):
        webhook.add_original(recognise(without_failure(wire)))
    return webhook


def _class_of(wire: Fields) -> type[Webhook]:
    """Null fields only count if nothing else matches, because events contain nulls."""
    if None not in wire.values():
        return _first_fitting(wire)
    found = _first_fitting({name: value for name, value in wire.items() if value is not None})
    return _first_fitting(wire) if found in (AnswerWebhook, ErrorWebhook, UnknownWebhook) else found


def _first_fitting(values: Fields) -> type[Webhook]:
    for webhook, fits in RECOGNITION_ORDER:
        if fits(values):
            return webhook
    return UnknownWebhook


def without_failure(fields: Fields) -> dict[str, Any]:
    """The fields of the request that failed, from those of a `FallbackWebhook`."""
    return {name: value for name, value in fields.items() if name not in ("original_request", "reason")}


def webhook_type(webhook: Webhook) -> str:
    """The type of a webhook in one word, for logs and metrics.

    One of answer, event-<status>, input-dtmf, input-speech, notify, record, transcription, transfer, error, fallback,
    payment and unknown.
    """
    if isinstance(webhook, StatusWebhook):
        return f"{webhook.kind}-{webhook.status}"
    if isinstance(webhook, InputWebhook):
        return f"{webhook.kind}-{'speech' if webhook.is_speech else 'dtmf'}"
    return webhook.kind
