"""The settings objects inside actions and endpoints."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.ncco.kinds.lists import ListOf
from app.ncco.kinds.objects import Free
from app.ncco.kinds.plain import Flag, Name, Number, Word
from app.ncco.kinds.shape import Note
from app.ncco.kinds.talk import SPEECH_LANGUAGE
from app.ncco.kinds.web import Url
from app.ncco.models.base import Default, NccoModel
from app.ncco.rules.manner import UNUSUAL_SPELLING

EVENT_URL = ListOf(Url(), usually_one=True, noun="URL")
METHOD = Word(
    ("GET", "POST"),
    dict.fromkeys(("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"), "the application settings know only GET and POST"),
    any_case=True,
)
"""Source: NCCO reference (which lists no methods); Application API, which knows only GET and POST."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
LEG_UUIDS = ListOf(Name("the uuid of a leg"))


class TranscriptionSettings(NccoModel):
    """How a recording is transcribed; {} takes the defaults. Source: NCCO reference, Transcription Settings."""

    title: ClassVar[str] = "transcription"

    language: Annotated[str | None, SPEECH_LANGUAGE] = None
    """The spoken language as a BCP-47 code."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the transcription webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of that webhook."""
    sentiment_analysis: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether each segment gets a sentiment from -1 to 1 (developer preview)."""


class DtmfSettings(NccoModel):
    """How `input` collects keys. Source: NCCO reference, DTMF Input Settings."""

    title: ClassVar[str] = "dtmf"

    time_out: Annotated[int | float | None, Number(0, 10, whole="usual", unit="seconds"), Default(3)] = None
    """Seconds of silence after the last key before the digits are sent, 0 to 10."""
    max_digits: Annotated[int | None, Number(1, 20, disputed=(0,)), Default(4)] = None
    """How many keys the caller may press, 1 to 20."""
    submit_on_hash: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether # sends the digits."""


class SpeechSettings(NccoModel):
    """How `input` recognises speech. Source: NCCO reference, Speech Recognition Settings."""

    title: ClassVar[str] = "speech"

    uuid: Annotated[list[str] | None, ListOf(Name("the uuid of a leg"), low=1, high=1, noun="uuid")] = None
    """The leg to listen to, as an array of one; the first leg of the call when missing."""
    end_on_silence: Annotated[int | float | None, Number(0.4, 10, whole="no", unit="seconds"), Default(2.0)] = None
    """Seconds of silence that end the input, 0.4 to 10."""
    language: Annotated[str | None, SPEECH_LANGUAGE, Default("en-US")] = None
    """The expected language as a BCP-47 code."""
    context: Annotated[list[str] | None, ListOf(Name("an expected word or phrase"))] = None
    """Words and phrases that are likely."""
    start_timeout: Annotated[int | float | None, Number(1, 60, whole="usual", unit="seconds"), Default(10)] = None
    """Seconds to wait for the first word, 1 to 60."""
    max_duration: Annotated[int | float | None, Number(1, 60, whole="usual", unit="seconds"), Default(60)] = None
    """Longest speech in seconds, 1 to 60."""
    save_audio: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether the webhook brings a recording_url."""
    sensitivity: Annotated[int | None, Number(10, 100), Default(90)] = None
    """How quiet speech may be, 10 (least sensitive) to 100."""
    provider: Annotated[str | None, Name("the name of a provider")] = None
    """The speech recogniser. Source: speech recognition guide, providers; newer than the reference."""
    provider_options: Annotated[dict[str, Any] | None, Free()] = None
    """What the provider needs to know."""


class AdvancedMachineDetection(NccoModel):
    """How an answering machine is told from a person (chargeable). Source: Voice API specification."""

    title: ClassVar[str] = "advancedMachineDetection"
    spellings: ClassVar = {"beepTimeout": "beep_timeout"}
    notes: ClassVar = {
        "beepTimeout": Note(UNUSUAL_SPELLING, "The specification writes beep_timeout.", 'Write "beep_timeout".')
    }

    behavior: Annotated[Literal["continue", "hangup"] | None, Word(("continue", "hangup"))] = None
    """What to do when a machine answers."""
    mode: Annotated[
        Literal["default", "detect", "detect_beep"] | None,
        Word(("default", "detect", "detect_beep")),
        Default("detect"),
    ] = None
    """Whether the NCCO waits for the result: detect and detect_beep wait, default does not."""
    beep_timeout: Annotated[
        int | None,
        Number(45, 120, disputed=tuple(range(30, 45)), unit="seconds"),
        Field(alias="beep_timeout"),
    ] = None
    """Seconds to wait for the beep, 45 to 120; newer sources allow 30."""


class OnAnswer(NccoModel):
    """What the called party hears before the call is joined. Source: NCCO reference, Phone (onAnswer)."""

    title: ClassVar[str] = "onAnswer"

    url: Annotated[str, Url()]
    """Where the NCCO for the called party is fetched."""
    ringback_tone: Annotated[str | None, Url(array_of_one=True)] = None
    """Audio that the caller hears meanwhile, on repeat."""
    ringback: Annotated[str | None, Url(array_of_one=True)] = None
    """The former name of ringbackTone."""


class Authorization(NccoModel):
    """The Authorization header of a WebSocket handshake. Source: Voice API specification; newer than the reference."""

    title: ClassVar[str] = "authorization"

    type: Annotated[Literal["vonage", "custom"], Word(("vonage", "custom"))]
    """vonage signs the handshake with a JWT; custom sends value as it is."""
    value: Annotated[str | None, Name("the header to send")] = None
    """The whole header, for custom."""
