"""The options of what a handler plays and asks, by which type checkers and editors know them.

Those of an action are described in the NCCO reference. They are named as in Python, or as there: `end_on_key` or
`endOnKey`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from ncco_server.ncco.actions import Method

Prompt: TypeAlias = str | Mapping[str, Any]
"""A text; or an action as in a flow file: `{"stream": url}`, `{"talk": text, "language": "fr-FR"}`."""


class StreamOptions(TypedDict, total=False):
    """The options of the action `stream`. Source: NCCO reference, Stream."""

    level: float | None
    loop: int | None
    barge_in: bool | None


class TalkOptions(StreamOptions, total=False):
    """The options of the action `talk`. Source: NCCO reference, Talk."""

    language: str | None
    style: int | None
    premium: bool | None
    provider: str | None
    provider_options: Mapping[str, Any] | None


class RecordOptions(TypedDict, total=False):
    """The options of the action `record`. Times are in seconds. Source: NCCO reference, Record."""

    format: Literal["mp3", "wav", "ogg"] | None
    split: Literal["conversation"] | None
    channels: int | None
    end_on_silence: float | None
    end_on_key: str | None
    time_out: float | None
    beep_start: bool | None
    event_url: str | Sequence[str] | None
    event_method: Method | None
    transcription: Mapping[str, Any] | None


class ConversationOptions(TypedDict, total=False):
    """The options of the action `conversation`. Source: NCCO reference, Conversation."""

    music_on_hold_url: str | Sequence[str] | None
    start_on_enter: bool | None
    end_on_exit: bool | None
    record: bool | None
    can_speak: Sequence[str] | None
    can_hear: Sequence[str] | None
    mute: bool | None
    transcription: Mapping[str, Any] | None
    event_url: str | Sequence[str] | None
    event_method: Method | None


class TransferOptions(TypedDict, total=False):
    """The options of the action `transfer`. Source: NCCO reference, Transfer."""

    can_hear: Sequence[str] | None
    can_speak: Sequence[str] | None
    mute: bool | None


class ConnectOptions(TypedDict, total=False):
    """The options of `Call.connect`, and those of the action `connect`. Source: NCCO reference, Connect.

    Attributes:
        from_: the caller ID; by default your number in this call.
        timeout: how long it rings, in seconds.
        name: as in `Call.choose`.
    """

    from_: str | None
    timeout: int | None
    name: str
    random_from_number: bool | None
    limit: float | None
    machine_detection: Literal["continue", "hangup"] | None
    advanced_machine_detection: Mapping[str, Any] | None
    ringback_tone: str | None
    shaken: str | None
    call_screener: Any


class AgentOptions(TypedDict, total=False):
    """More options of `Call.agent`.

    Attributes:
        with_: what the agent gets in its first message, beside `hand_back` and `limit`: at most 512 bytes together.
        content_type: the format of the audio; `audio/l16;rate=16000` by default.
        authorization: how Vonage identifies itself at the websocket, as in the NCCO.
        name: as in `Call.choose`.
    """

    with_: Mapping[str, Any] | None
    content_type: str | None
    authorization: Mapping[str, Any] | None
    name: str


class AskOptions(TalkOptions, total=False):
    """The options of a question, with those of the action `talk` for its text.

    Attributes:
        submit_on_hash: whether # ends the digits.
        timeout: seconds of silence after which the digits end.
        context: words and phrases that the caller is likely to say.
        end_on_silence: seconds of silence after which speech ends.
        tries: how often to ask, from 1 to 10; 3 by default.
        noinput: what to say after silence, before asking again; a list for the first attempt, the second, ...
        nomatch: the same, after a key or words that do not fit.
        reprompt: False to say only `noinput` or `nomatch`, and not the question again.
        min_confidence: from 0 to 1; speech results with a lower confidence do not count.
        tail: False to play no `tail` after the question, which callers hear if no webhook gets through.
        ncco: other actions that ask, after the text: as in `Call.ncco`.
        input: other options of the action `input`, as in the NCCO: `{"dtmf": {"timeOut": 8}}`.
        name: the name of the wait in traces, scenarios and pictures; by default the line of the handler.
    """

    submit_on_hash: bool | None
    timeout: int | None
    context: Sequence[str] | None
    end_on_silence: float | None
    tries: int
    noinput: Prompt | Sequence[Prompt]
    nomatch: Prompt | Sequence[Prompt]
    reprompt: bool
    min_confidence: float | None
    tail: bool
    ncco: Sequence[Mapping[str, Any]]
    input: Mapping[str, Any] | None
    name: str
