"""The nine actions, the five endpoints of `connect`, and the settings objects inside them.

Each field has a type, a kind that describes its values, and Vonage's default. The checker, the JSON Schema, and the
steps of flows with their editor schema are derived from these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field

from ncco_server.ncco import checks
from ncco_server.ncco.model import Default, NccoModel, Note, OptionRule, Shape, Tagged
from ncco_server.ncco.types import (
    END_KEY,
    SPEECH_LANGUAGE,
    TONES,
    VOICE_LANGUAGE,
    ConversationId,
    FreeForm,
    NonBlank,
    OneOrList,
    Shaken,
    SipUri,
    SpokenText,
    StandardHeaders,
)
from ncco_server.ncco.value_types import CallerId, ListOf, Number, Phone, Url, WholeNumber, Word

EVENT_URL = ListOf(Url(), usually_one=True, noun="URL")
METHOD = Word(("GET", "POST"), any_case=True)
"""Source: Voice API specification and Application API. The NCCO reference does not list the methods."""
Method = Literal["GET", "POST"]
CALL_SCREENER = FreeForm(any_value=True)
"""No published document says what it contains, or whether it belongs to connect or to its machine detection."""
LEG_UUIDS = ListOf(NonBlank("the uuid of a leg"))


def _alpha(*names: str) -> dict[str, Note]:
    return {name: Note("N921", f"{name} is new on the platform (alpha), and in no reference yet.") for name in names}


class TranscriptionSettings(NccoModel):
    """How a recording is transcribed; {} uses the defaults. Source: NCCO reference, Transcription Settings."""

    title: ClassVar[str] = "transcription"
    notes: ClassVar = _alpha("provider", "providerOptions")
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.provider_has_options,)

    language: Annotated[str | None, SPEECH_LANGUAGE] = None
    """The spoken language as a BCP-47 code."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the transcription webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of the transcription webhook."""
    sentiment_analysis: Annotated[bool | None, Default(False)] = None
    """Whether each segment gets a sentiment from -1 to 1 (developer preview)."""
    provider: Annotated[str | None, NonBlank("the name of a provider")] = None
    """The transcriber (alpha)."""
    provider_options: Annotated[dict[str, Any] | None, FreeForm()] = None
    """The provider's settings (alpha)."""


class DtmfSettings(NccoModel):
    """How `input` collects keypresses. Source: NCCO reference, DTMF Input Settings."""

    title: ClassVar[str] = "dtmf"

    time_out: Annotated[int | float | None, WholeNumber(0, 10, is_usual=True, unit="seconds"), Default(3)] = None
    """Seconds of silence after the last key before the digits are sent, 0 to 10."""
    max_digits: Annotated[int | None, WholeNumber(1, 20, disputed=(0,)), Default(4)] = None
    """The maximum number of keys, 1 to 20."""
    submit_on_hash: Annotated[bool | None, Default(False)] = None
    """Whether # sends the digits."""


class SpeechSettings(NccoModel):
    """How `input` recognises speech. Source: NCCO reference, Speech Recognition Settings."""

    title: ClassVar[str] = "speech"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.provider_has_options,)

    uuid: Annotated[list[str] | None, ListOf(NonBlank("the uuid of a leg"), low=1, high=1, noun="uuid")] = None
    """The leg to listen to, as an array of one; by default, the first leg of the call."""
    end_on_silence: Annotated[int | float | None, Number(0.4, 10, unit="seconds"), Default(2.0)] = None
    """Seconds of silence that end the input, 0.4 to 10."""
    language: Annotated[str | None, SPEECH_LANGUAGE, Default("en-US")] = None
    """The expected language as a BCP-47 code."""
    context: Annotated[list[str] | None, ListOf(NonBlank("an expected word or phrase", may_be_blank=True))] = None
    """Words and phrases that the caller is likely to say."""
    start_timeout: Annotated[int | float | None, WholeNumber(1, 60, is_usual=True, unit="seconds"), Default(10)] = None
    """Seconds to wait for the first word, 1 to 60."""
    max_duration: Annotated[int | float | None, WholeNumber(1, 60, is_usual=True, unit="seconds"), Default(60)] = None
    """Maximum length of the speech in seconds, 1 to 60."""
    save_audio: Annotated[bool | None, Default(False)] = None
    """Whether the speech is recorded; the webhook then has a recording_url."""
    sensitivity: Annotated[int | None, WholeNumber(10, 100), Default(90)] = None
    """The sensitivity to quiet speech, 10 (least sensitive) to 100."""
    provider: Annotated[str | None, NonBlank("the name of a provider")] = None
    """The speech recogniser. Source: speech recognition guide, providers; newer than the reference."""
    provider_options: Annotated[dict[str, Any] | None, FreeForm()] = None
    """The provider's settings."""


class AdvancedMachineDetection(NccoModel):
    """How to tell an answering machine from a person (chargeable). Source: Voice API specification."""

    title: ClassVar[str] = "advancedMachineDetection"
    spellings: ClassVar = {"beepTimeout": "beep_timeout"}
    notes: ClassVar = {
        "beepTimeout": Note("N960", "The specification writes beep_timeout.", 'Write "beep_timeout".'),
        **_alpha("callScreener"),
    }

    behavior: Literal["continue", "hangup"] | None = None
    """What to do when a machine answers."""
    mode: Annotated[Literal["default", "detect", "detect_beep"] | None, Default("detect")] = None
    """Whether the NCCO waits for the result: detect and detect_beep wait, default does not."""
    beep_timeout: Annotated[
        int | None,
        WholeNumber(45, 120, disputed=tuple(range(30, 45)), unit="seconds"),
        Field(alias="beep_timeout"),
    ] = None
    """Seconds to wait for the beep, 45 to 120; newer sources allow 30 or more."""
    call_screener: Annotated[Any, CALL_SCREENER] = None
    """How to treat a call screener (alpha)."""


class OnAnswer(NccoModel):
    """What the called party hears before the parties are connected. Source: NCCO reference, Phone (onAnswer)."""

    title: ClassVar[str] = "onAnswer"

    url: Annotated[str, Url()]
    """The URL that the called party's NCCO is fetched from."""
    ringback_tone: Annotated[str | None, Url(array_of_one=True)] = None
    """Audio that is repeated for the caller in the meantime."""
    ringback: Annotated[str | None, Url(array_of_one=True)] = None
    """The former name of ringbackTone."""


class Authorization(NccoModel):
    """The Authorization header of a WebSocket handshake. Source: Voice API specification; newer than the reference."""

    title: ClassVar[str] = "authorization"

    type: Annotated[Literal["vonage", "custom"] | None, Default("vonage")] = None
    """vonage signs the handshake with a JWT; custom sends value unchanged."""
    value: Annotated[str | None, NonBlank("the header to send", escape="header")] = None
    """The value of the header if type is custom."""


class PhoneEndpoint(NccoModel):
    """A phone number. Source: NCCO reference, Phone (PSTN)."""

    title: ClassVar[str] = "phone endpoint"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.one_ringback,)

    type: Literal["phone"] = "phone"
    number: Annotated[str, Phone()]
    """The number to call in E.164 format: only digits."""
    dtmf_answer: Annotated[str | None, TONES] = None
    """Keys to send when the call is answered; p is a pause of half a second."""
    on_answer: OnAnswer | None = None
    """What the called party hears before the parties are connected."""
    shaken: Annotated[str | None, Shaken()] = None
    """The STIR/SHAKEN Identity header. Source: Voice API specification; the reference has it on connect."""


class AppEndpoint(NccoModel):
    """A user of a Client SDK application. Source: NCCO reference, App."""

    title: ClassVar[str] = "app endpoint"

    type: Literal["app"] = "app"
    user: Annotated[str, NonBlank("the name of the user", escape="header")]
    """The name of an existing user."""


class WebSocketEndpoint(NccoModel):
    """A WebSocket server. Source: NCCO reference, WebSocket."""

    title: ClassVar[str] = "websocket endpoint"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.websocket_handshake,)

    type: Literal["websocket"] = "websocket"
    uri: Annotated[str, Url(("ws", "wss"))]
    """The URL that the audio is streamed to."""
    content_type: Annotated[
        Literal["audio/l16;rate=16000", "audio/l16;rate=8000", "audio/l16;rate=24000"] | None,
        Field(alias="content-type"),
    ] = None
    """The audio format. Source: NCCO reference, WebSocket; 24000 is from the Voice API specification."""
    headers: Annotated[dict[str, Any] | None, FreeForm()] = None
    """Metadata that is sent in the first message; at most 512 bytes."""
    authorization: Authorization | None = None
    """The Authorization header of the handshake."""


class SipEndpoint(NccoModel):
    """A SIP endpoint: `uri`, or `user` with `domain`. Source: NCCO reference, SIP."""

    title: ClassVar[str] = "sip endpoint"
    spellings: ClassVar = {"standard_headers": "standardHeaders"}
    notes: ClassVar = {
        "standard_headers": Note("N960", "The REST API writes standard_headers.", 'Write "standardHeaders".')
    }
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.sip_target, checks.sip_parts_are_names)

    type: Literal["sip"] = "sip"
    uri: Annotated[str | None, SipUri()] = None
    """sip:user@host, with ;transport=tls or ;media=srtp."""
    user: Annotated[str | None, NonBlank("the user part of the URI", escape="header")] = None
    """The user part of the URI; needs domain."""
    domain: Annotated[str | None, NonBlank("the domain of the trunk", escape="header")] = None
    """The trunk's domain name from the dashboard; needs user."""
    headers: Annotated[dict[str, Any] | None, FreeForm(text_only=True)] = None
    """Metadata that is sent as X- headers."""
    standard_headers: Annotated[dict[str, str] | None, StandardHeaders()] = None
    """The header User-to-User (RFC 7433), at most 256 characters."""


class VbcEndpoint(NccoModel):
    """An extension of Vonage Business Cloud. Source: NCCO reference, VBC."""

    title: ClassVar[str] = "vbc endpoint"

    type: Literal["vbc"] = "vbc"
    extension: Annotated[str, NonBlank("the extension", digits=True, escape="header")]
    """The extension to call."""


Endpoint = Annotated[
    PhoneEndpoint | AppEndpoint | WebSocketEndpoint | SipEndpoint | VbcEndpoint, Field(discriminator="type")
]

ENDPOINT = Tagged({model.model_fields["type"].default: model.shape() for model in get_args(get_args(Endpoint)[0])})
"""In the reference's order."""


_NO_EVENTS = {
    name: Note("N909", f"{name} is not an option of this action, which does not send a webhook.")
    for name in ("eventUrl", "eventMethod", "eventOnCompletion")
}


class Record(NccoModel):
    """Record the call from now on; with an end condition, wait until it is met. Source: NCCO reference, Record."""

    title: ClassVar[str] = "record"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.channels_need_split,)

    action: Literal["record"] = "record"
    format: Annotated[Literal["mp3", "wav", "ogg"] | None, Default("mp3")] = None
    """The file's format; with more than 2 channels, the default is wav."""
    split: Literal["conversation"] | None = None
    """Whether each party gets a separate channel."""
    channels: Annotated[int | None, WholeNumber(1, 32)] = None
    """The number of channels, 1 to 32; needs split."""
    end_on_silence: Annotated[int | float | None, WholeNumber(3, 10, is_usual=True, unit="seconds")] = None
    """Seconds of silence that end the recording, 3 to 10."""
    end_on_key: Annotated[str | None, END_KEY] = None
    """The key that ends the recording: a digit, * or #."""
    time_out: Annotated[int | float | None, WholeNumber(3, 7200, is_usual=True, unit="seconds")] = None
    """The maximum length of the recording in seconds, 3 to 7200."""
    beep_start: bool | None = None
    """Whether a beep announces the recording."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the record webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of the record webhook."""
    transcription: TranscriptionSettings | None = None
    """How to transcribe the recording; an empty object uses the defaults."""


class Talk(NccoModel):
    """Speak a text. Source: NCCO reference, Talk."""

    title: ClassVar[str] = "talk"
    main: ClassVar[str] = "text"
    spellings: ClassVar = {"voice_name": "voiceName"}
    notes: ClassVar = _NO_EVENTS | {
        name: Note(
            "N910",
            f"{name} is from older documentation.",
            "Leave it out: language and style choose the voice.",
        )
        for name in ("voiceName", "voice_name")
    }
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.talk_can_be_spoken, checks.provider_has_options)

    action: Literal["talk"] = "talk"
    text: Annotated[str, SpokenText()]
    """The text: plain, or SSML in a speak element; at most 1,500 characters without tags."""
    barge_in: Annotated[bool | None, Default(False)] = None
    """Whether keys or speech interrupt the prompt; an input must follow."""
    loop: Annotated[int | None, WholeNumber(0, None), Default(1)] = None
    """How often to say the text; 0 means forever."""
    level: Annotated[int | float | None, Number(-1, 1), Default(0)] = None
    """The volume, from -1 to 1."""
    language: Annotated[str | None, VOICE_LANGUAGE, Default("en-US")] = None
    """The language of the voice as a BCP-47 code."""
    style: Annotated[int | None, WholeNumber(), Default(0)] = None
    """The number of the voice within its language."""
    premium: Annotated[bool | None, Default(False)] = None
    """Whether to use the premium version of the style, if there is one."""
    provider: Annotated[str | None, NonBlank("the name of a provider")] = None
    """The speech synthesiser. Source: Text-To-Speech guide, providers; newer than the reference."""
    provider_options: Annotated[dict[str, Any] | None, FreeForm()] = None
    """The provider's settings."""
    voice_name: Annotated[str | None, NonBlank("the name of a voice")] = None
    """The old way to choose a voice."""


class Stream(NccoModel):
    """Play an audio file. Source: NCCO reference, Stream."""

    title: ClassVar[str] = "stream"
    main: ClassVar[str] = "streamUrl"
    notes: ClassVar = _NO_EVENTS
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.stream_is_audio,)

    action: Literal["stream"] = "stream"
    stream_url: Annotated[list[str], ListOf(Url(), low=1, high=1, noun="URL")]
    """The mp3 or 16-bit wav file, as an array of one URL."""
    level: Annotated[int | float | None, Number(-1, 1, tenths=True), Default(0)] = None
    """The volume, from -1 to 1 in steps of 0.1."""
    barge_in: Annotated[bool | None, Default(False)] = None
    """Whether keys or speech interrupt the audio; an input must follow."""
    loop: Annotated[int | None, WholeNumber(0, None), Default(1)] = None
    """How many times to play the audio; 0 means forever."""


class Input(NccoModel):
    """Collect keypresses or speech; the reply to its webhook replaces the NCCO. Source: NCCO reference, Input."""

    title: ClassVar[str] = "input"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.settings_fit_the_input,)

    action: Literal["input"] = "input"
    type: Annotated[
        list[Literal["dtmf", "speech"]],
        ListOf(Word(("dtmf", "speech")), low=1, high=2, distinct=True, noun="input type"),
    ]
    """The kinds of input: ["dtmf"], ["speech"] or both."""
    dtmf: DtmfSettings | None = None
    """How to collect keypresses."""
    speech: SpeechSettings | None = None
    """How to recognise speech."""
    mode: Annotated[
        Literal["synchronous", "asynchronous"] | None,
        Word(("synchronous", "asynchronous")),
        Default("synchronous"),
    ] = None
    """asynchronous sends each key at once, and does not allow dtmf settings."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the input webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of the input webhook."""


class Wait(NccoModel):
    """Pause. Source: NCCO reference, Wait."""

    title: ClassVar[str] = "wait"
    main: ClassVar[str] = "timeout"

    action: Literal["wait"] = "wait"
    timeout: Annotated[int | float | None, Number(0.1, 7200, clamps=True, unit="seconds"), Default(10)] = None
    """Seconds to wait, 0.1 to 7200; Vonage replaces a value outside this range with the nearest limit."""


class Conversation(NccoModel):
    """Create or join a named conference. Source: NCCO reference, Conversation."""

    title: ClassVar[str] = "conversation"
    main: ClassVar[str] = "name"
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.mute_or_can_speak, checks.transcription_needs_record)

    action: Literal["conversation"] = "conversation"
    name: Annotated[str, NonBlank("the name of the conversation")]
    """The name of the conference, within the application and region."""
    music_on_hold_url: Annotated[str | list[str] | None, OneOrList(Url())] = None
    """The mp3 file that is played until the conversation starts."""
    start_on_enter: Annotated[bool | None, Default(True)] = None
    """Whether the conversation starts when this caller joins."""
    end_on_exit: Annotated[bool | None, Default(False)] = None
    """Whether the conversation ends when this caller leaves."""
    record: bool | None = None
    """Whether the conversation is recorded."""
    can_speak: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that hear this caller; everyone if missing, nobody if empty."""
    can_hear: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that this caller hears; everyone if missing, nobody if empty."""
    mute: bool | None = None
    """Whether nobody hears this caller; not together with canSpeak."""
    transcription: TranscriptionSettings | None = None
    """How to transcribe the recording; needs record."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the record webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of the record webhook."""


class Connect(NccoModel):
    """Call somebody and connect the calls. Source: NCCO reference, Connect."""

    title: ClassVar[str] = "connect"
    main: ClassVar[str] = "endpoint"
    notes: ClassVar = _alpha("callScreener")
    rules: ClassVar[tuple[OptionRule, ...]] = (
        checks.one_caller_number,
        checks.caller_id,
        checks.no_ringback_for_phones,
    )

    action: Literal["connect"] = "connect"
    endpoint: Annotated[list[Endpoint], ListOf(ENDPOINT, low=1, high=1, noun="endpoint")]
    """Whom to call, as an array of one endpoint."""
    from_: Annotated[str | None, CallerId(), Field(alias="from")] = None
    """The number that the called party sees, in E.164 format; for a phone, one of your Vonage numbers."""
    random_from_number: Annotated[bool | None, Default(False)] = None
    """Whether Vonage chooses one of the application's numbers; not together with from."""
    event_type: Annotated[
        Literal["synchronous", "asynchronous"] | None,
        Word(
            ("synchronous",),
            {"asynchronous": "Leave it out: events are asynchronous by default."},
        ),
    ] = None
    """With synchronous, the reply to a webhook can replace the NCCO."""
    timeout: Annotated[int | None, WholeNumber(1, 120, unit="seconds"), Default(60)] = None
    """Seconds to ring, 1 to 120."""
    limit: Annotated[
        int | float | None, WholeNumber(1, 7200, is_usual=True, disputed=(0,), unit="seconds"), Default(7200)
    ] = None
    """Maximum length of the call in seconds, 1 to 7200."""
    machine_detection: Literal["continue", "hangup"] | None = None
    """What to do when an answering machine is detected."""
    advanced_machine_detection: AdvancedMachineDetection | None = None
    """Advanced detection of answering machines (chargeable); it overrides machineDetection."""
    call_screener: Annotated[Any, CALL_SCREENER] = None
    """How to treat a call screener, which asks who is calling (alpha)."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the call's events go, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of the event webhooks."""
    ringback_tone: Annotated[str | None, Url(array_of_one=True)] = None
    """Audio that is repeated for the caller while the call is ringing."""
    shaken: Annotated[str | None, Shaken()] = None
    """The STIR/SHAKEN Identity header, for customers who sign their own calls."""


class Notify(NccoModel):
    """Send a payload to a webhook; the reply can replace the NCCO. Source: NCCO reference, Notify."""

    title: ClassVar[str] = "notify"
    main: ClassVar[str] = "payload"
    notes: ClassVar = {
        name: Note("N909", f"{name} was an option of the former pay action, not of notify.")
        for name in ("language", "style")
    }

    action: Literal["notify"] = "notify"
    payload: Annotated[dict[str, Any] | list[Any], FreeForm(or_list=True)]
    """What the webhook receives under `payload`."""
    event_url: Annotated[list[str], ListOf(Url(), low=1, usually_one=True, noun="URL")]
    """Where the notify webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD] = None
    """The HTTP method of the notify webhook."""


class Transfer(NccoModel):
    """Move all legs of this call to another conversation and end this NCCO. Source: NCCO reference, Transfer."""

    title: ClassVar[str] = "transfer"
    main: ClassVar[str] = "conversationId"
    spellings: ClassVar = {"conversation_id": "conversationId"}
    rules: ClassVar[tuple[OptionRule, ...]] = (checks.mute_or_can_speak,)

    action: Literal["transfer"] = "transfer"
    conversation_id: Annotated[str, ConversationId("the id of a conversation")]
    """The conversation to move to; `conversation_id` is accepted too."""
    can_hear: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that this caller hears; everyone if missing, nobody if empty."""
    can_speak: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that hear this caller; everyone if missing, nobody if empty."""
    mute: bool | None = None
    """Whether nobody hears this caller; not together with canSpeak."""


Action = Annotated[
    Record | Conversation | Connect | Talk | Stream | Input | Notify | Wait | Transfer, Field(discriminator="action")
]

ACTIONS: Mapping[str, type[NccoModel]] = {model.title: model for model in get_args(get_args(Action)[0])}
"""In the reference's order."""

SHAPES: Mapping[str, Shape] = {name: model.shape() for name, model in ACTIONS.items()}
