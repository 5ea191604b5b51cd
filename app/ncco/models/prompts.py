"""The actions that speak, play, ask, record and pause."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from app.ncco.between import channels_need_split, settings_fit_the_input, stream_is_audio, talk_is_speakable
from app.ncco.kinds.lists import ListOf
from app.ncco.kinds.objects import Free
from app.ncco.kinds.phone import END_KEY
from app.ncco.kinds.plain import Flag, Name, Number, Word
from app.ncco.kinds.shape import Note, OptionRule
from app.ncco.kinds.talk import VOICE_LANGUAGE, Spoken
from app.ncco.kinds.web import Url
from app.ncco.models.base import Default, NccoModel
from app.ncco.models.settings import EVENT_URL, METHOD, DtmfSettings, Method, SpeechSettings, TranscriptionSettings
from app.ncco.rules.advice import DEPRECATED, WITHOUT_EFFECT

_NO_EVENTS = {
    name: Note(WITHOUT_EFFECT, f"{name} is no option of this action, which sends no webhook of its own.")
    for name in ("eventUrl", "eventMethod", "eventOnCompletion")
}


_INPUT_TYPES = {
    **dict.fromkeys(("digits", "digit", "keys", "keypad", "keypress", "tones"), "dtmf"),
    **dict.fromkeys(("asr", "voice", "audio", "stt", "talk"), "speech"),
}


class Record(NccoModel):
    """Record the call from here on; with an end condition, wait until it is met. Source: NCCO reference, Record."""

    title: ClassVar[str] = "record"
    rules: ClassVar[tuple[OptionRule, ...]] = (channels_need_split,)

    action: Literal["record"] = "record"
    format: Annotated[Literal["mp3", "wav", "ogg"] | None, Word(("mp3", "wav", "ogg")), Default("mp3")] = None
    """The file's format; wav is the default over 2 channels."""
    split: Annotated[Literal["conversation"] | None, Word(("conversation",))] = None
    """Whether each party gets a channel of its own."""
    channels: Annotated[int | None, Number(1, 32)] = None
    """How many channels, 1 to 32; needs split."""
    end_on_silence: Annotated[int | float | None, Number(3, 10, whole="usual", unit="seconds")] = None
    """Seconds of silence that end the recording, 3 to 10."""
    end_on_key: Annotated[str | None, END_KEY] = None
    """The key that ends the recording: a digit, * or #."""
    time_out: Annotated[int | float | None, Number(3, 7200, whole="usual", unit="seconds")] = None
    """The longest recording in seconds, 3 to 7200."""
    beep_start: Annotated[bool | None, Flag()] = None
    """Whether a beep tells that the recording begins."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the record webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of that webhook."""
    transcription: TranscriptionSettings | None = None
    """Transcribe the recording; an empty object takes the defaults."""


class Talk(NccoModel):
    """Speak a text. Source: NCCO reference, Talk."""

    title: ClassVar[str] = "talk"
    spellings: ClassVar = {"voice_name": "voiceName"}
    notes: ClassVar = _NO_EVENTS | {
        name: Note(DEPRECATED, f"{name} is of former documents.", "Use language and style instead.")
        for name in ("voiceName", "voice_name")
    }
    rules: ClassVar[tuple[OptionRule, ...]] = (talk_is_speakable,)

    action: Literal["talk"] = "talk"
    text: Annotated[str, Spoken()]
    """What is said: plain text, or SSML in a speak element; at most 1,500 characters without tags."""
    barge_in: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether keys or speech end the prompt; an input must follow."""
    loop: Annotated[int | None, Number(0, None), Default(1)] = None
    """How often the text is said; 0 is for ever."""
    level: Annotated[int | float | None, Number(-1, 1, whole="no"), Default(0)] = None
    """The volume, -1 to 1."""
    language: Annotated[str | None, VOICE_LANGUAGE, Default("en-US")] = None
    """The language of the voice as a BCP-47 code."""
    style: Annotated[int | None, Number(), Default(0)] = None
    """The number of the voice within its language."""
    premium: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether the premium version of the style is used where there is one."""
    provider: Annotated[str | None, Name("the name of a provider")] = None
    """The speech synthesiser. Source: Text-To-Speech guide, providers; newer than the reference."""
    provider_options: Annotated[dict[str, Any] | None, Free()] = None
    """What the provider needs to know."""
    voice_name: Annotated[str | None, Name("the name of a voice")] = None
    """The former way to choose a voice."""


class Stream(NccoModel):
    """Play an audio file. Source: NCCO reference, Stream."""

    title: ClassVar[str] = "stream"
    notes: ClassVar = _NO_EVENTS
    rules: ClassVar[tuple[OptionRule, ...]] = (stream_is_audio,)

    action: Literal["stream"] = "stream"
    stream_url: Annotated[list[str], ListOf(Url(), low=1, high=1, noun="URL")]
    """The mp3 or 16-bit wav file, as an array of one URL."""
    level: Annotated[int | float | None, Number(-1, 1, whole="no", tenths=True), Default(0)] = None
    """The volume, -1 to 1 in steps of 0.1."""
    barge_in: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether keys or speech end the audio; an input must follow."""
    loop: Annotated[int | None, Number(0, None), Default(1)] = None
    """How often the audio is played; 0 is for ever."""


class Input(NccoModel):
    """Collect keys or speech; the reply to its webhook replaces the NCCO. Source: NCCO reference, Input."""

    title: ClassVar[str] = "input"
    rules: ClassVar[tuple[OptionRule, ...]] = (settings_fit_the_input,)

    action: Literal["input"] = "input"
    type: Annotated[
        list[Literal["dtmf", "speech"]],
        ListOf(Word(("dtmf", "speech"), other_words=_INPUT_TYPES), low=1, high=2, distinct=True, noun="input type"),
    ]
    """What is taken: ["dtmf"], ["speech"] or both."""
    dtmf: DtmfSettings | None = None
    """How keys are collected."""
    speech: SpeechSettings | None = None
    """How speech is recognised."""
    mode: Annotated[
        Literal["synchronous", "asynchronous"] | None,
        Word(("synchronous", "asynchronous"), other_words={"sync": "synchronous", "async": "asynchronous"}),
        Default("synchronous"),
    ] = None
    """asynchronous sends each key at once, and takes no dtmf settings."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the input webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of that webhook."""


class Wait(NccoModel):
    """Pause. Source: NCCO reference, Wait."""

    title: ClassVar[str] = "wait"

    action: Literal["wait"] = "wait"
    timeout: Annotated[int | float | None, Number(0.1, 7200, whole="no", clamps=True, unit="seconds"), Default(10)] = (
        None
    )
    """Seconds, 0.1 to 7200; values outside are taken for the nearest limit."""
