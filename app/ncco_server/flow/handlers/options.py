"""The options of what a handler plays and asks, by which type checkers and editors know them.

Those of an action are named and described as in the NCCO reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict


class WrongArgument(TypeError):
    """An argument of a method cannot have this value.

    Attributes:
        cure: what to write instead.
        argument: its name, if other values would do; "" if none would.
    """

    def __init__(self, message: str, cure: str, argument: str = "") -> None:
        super().__init__(f"{message}: {cure}")
        self.cure = cure
        self.argument = argument


class UnknownOption(TypeError):
    """A question has no option of this name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f'a question has no option "{name}"')
        self.name = name
        self.known = known


Method: TypeAlias = Literal["GET", "POST"]
Prompt: TypeAlias = str | Mapping[str, Any]
"""A text; or an action as in a flow file: `{"stream": url}`, `{"talk": text, "language": "fr-FR"}`."""


class RecordOptions(TypedDict, total=False):
    """The options of the action `record`. Times are in seconds. Source: NCCO reference, Record."""

    format: Literal["mp3", "wav", "ogg"] | None
    split: Literal["conversation"] | None
    channels: int | None
    endOnSilence: float | None
    endOnKey: str | None
    timeOut: float | None
    beepStart: bool | None
    eventUrl: str | Sequence[str] | None
    eventMethod: Method | None
    transcription: Mapping[str, Any] | None


class ConversationOptions(TypedDict, total=False):
    """The options of the action `conversation`. Source: NCCO reference, Conversation."""

    musicOnHoldUrl: str | Sequence[str] | None
    startOnEnter: bool | None
    endOnExit: bool | None
    record: bool | None
    canSpeak: Sequence[str] | None
    canHear: Sequence[str] | None
    mute: bool | None
    transcription: Mapping[str, Any] | None
    eventUrl: str | Sequence[str] | None
    eventMethod: Method | None


class TransferOptions(TypedDict, total=False):
    """The options of the action `transfer`. Source: NCCO reference, Transfer."""

    canHear: Sequence[str] | None
    canSpeak: Sequence[str] | None
    mute: bool | None


class ConnectOptions(TypedDict, total=False):
    """The options of `Call.connect`, and those of the action `connect`. Source: NCCO reference, Connect."""

    from_: str | None
    timeout: int | None
    ends_call: bool
    name: str
    randomFromNumber: bool | None
    limit: float | None
    machineDetection: Literal["continue", "hangup"] | None
    advancedMachineDetection: Mapping[str, Any] | None
    ringbackTone: str | None
    shaken: str | None
    callScreener: Any


class AskOptions(TypedDict, total=False):
    """The options of a question.

    Attributes:
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

    tries: int
    noinput: Prompt | Sequence[Prompt]
    nomatch: Prompt | Sequence[Prompt]
    reprompt: bool
    min_confidence: float | None
    tail: bool
    ncco: Sequence[Mapping[str, Any]]
    input: Mapping[str, Any] | None
    name: str
