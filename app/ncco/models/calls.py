"""The actions that join, move and report calls."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.ncco.between import (
    mute_or_can_speak,
    no_ringback_for_phones,
    one_caller_number,
    one_target,
    transcription_needs_record,
)
from app.ncco.kinds.lists import AloneOrList, ListOf
from app.ncco.kinds.objects import Free, Tagged
from app.ncco.kinds.phone import PhoneNumber, Shaken
from app.ncco.kinds.plain import Flag, Name, Number, Word
from app.ncco.kinds.shape import Note, OptionRule
from app.ncco.kinds.web import Url
from app.ncco.models.base import Default, NccoModel
from app.ncco.models.endpoints import ENDPOINTS, Endpoint
from app.ncco.models.settings import (
    EVENT_URL,
    LEG_UUIDS,
    METHOD,
    AdvancedMachineDetection,
    Method,
    TranscriptionSettings,
)
from app.ncco.rules.advice import WITHOUT_EFFECT

ENDPOINT = Tagged({model.model_fields["type"].default: model.shape() for model in ENDPOINTS})


class Conversation(NccoModel):
    """Create or join a named conference. Source: NCCO reference, Conversation."""

    title: ClassVar[str] = "conversation"
    rules: ClassVar[tuple[OptionRule, ...]] = (mute_or_can_speak, transcription_needs_record)

    action: Literal["conversation"] = "conversation"
    name: Annotated[str, Name("the name of the conversation")]
    """The name of the room, within the application and region."""
    music_on_hold_url: Annotated[str | list[str] | None, AloneOrList(Url())] = None
    """The mp3 that is played until the conversation starts."""
    start_on_enter: Annotated[bool | None, Flag(), Default(True)] = None
    """Whether the conversation starts when this caller joins."""
    end_on_exit: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether the conversation ends when this caller leaves."""
    record: Annotated[bool | None, Flag()] = None
    """Whether the conversation is recorded."""
    can_speak: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that hear this caller; everyone when missing, nobody when empty."""
    can_hear: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that this caller hears; everyone when missing, nobody when empty."""
    mute: Annotated[bool | None, Flag()] = None
    """Whether nobody hears this caller; not together with canSpeak."""
    transcription: TranscriptionSettings | None = None
    """Transcribe the recording; needs record."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the record webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of that webhook."""


class Connect(NccoModel):
    """Call somebody and join the calls. Source: NCCO reference, Connect."""

    title: ClassVar[str] = "connect"
    rules: ClassVar[tuple[OptionRule, ...]] = (one_caller_number, no_ringback_for_phones)

    action: Literal["connect"] = "connect"
    endpoint: Annotated[list[Endpoint], ListOf(ENDPOINT, low=1, high=1, noun="endpoint")]
    """Whom to call, as an array of one endpoint."""
    from_: Annotated[str | None, PhoneNumber(), Field(alias="from")] = None
    """The number that is shown, in E.164 format; for a phone it must be one of your Vonage numbers."""
    random_from_number: Annotated[bool | None, Flag(), Default(False)] = None
    """Whether Vonage chooses one of the application's numbers; not together with from."""
    event_type: Annotated[
        Literal["synchronous", "asynchronous"] | None,
        Word(
            ("synchronous",),
            {"asynchronous": "former documents call the default so; leave eventType out"},
            other_words={"sync": "synchronous"},
        ),
    ] = None
    """synchronous lets the reply to a webhook replace the NCCO."""
    timeout: Annotated[int | None, Number(1, 120, unit="seconds"), Default(60)] = None
    """Seconds to ring, 1 to 120."""
    limit: Annotated[
        int | float | None, Number(1, 7200, whole="usual", disputed=(0,), unit="seconds"), Default(7200)
    ] = None
    """The longest call in seconds, 1 to 7200."""
    machine_detection: Annotated[Literal["continue", "hangup"] | None, Word(("continue", "hangup"))] = None
    """What to do when an answering machine is detected."""
    advanced_machine_detection: AdvancedMachineDetection | None = None
    """The chargeable detection; it overrides machineDetection."""
    event_url: Annotated[list[str] | None, EVENT_URL] = None
    """Where the call's events go, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD, Default("POST")] = None
    """The HTTP method of those webhooks."""
    ringback_tone: Annotated[str | None, Url(array_of_one=True)] = None
    """Audio that the caller hears while it rings, on repeat."""
    shaken: Annotated[str | None, Shaken()] = None
    """The STIR/SHAKEN Identity header, for customers who sign their own calls."""


class Notify(NccoModel):
    """Send a payload to a webhook, whose reply may replace the NCCO. Source: NCCO reference, Notify."""

    title: ClassVar[str] = "notify"
    notes: ClassVar = {
        name: Note(WITHOUT_EFFECT, f"{name} was an option of the former pay action, not of notify.")
        for name in ("language", "style")
    }

    action: Literal["notify"] = "notify"
    payload: Annotated[dict[str, Any] | list[Any], Free(or_list=True)]
    """What the webhook receives under `payload`."""
    event_url: Annotated[list[str], ListOf(Url(), low=1, usually_one=True, noun="URL")]
    """Where the notify webhook goes, as an array of one URL."""
    event_method: Annotated[Method | None, METHOD] = None
    """The HTTP method of that webhook."""


class Transfer(NccoModel):
    """Move all legs of this call into another conversation, which ends this NCCO. Source: NCCO reference, Transfer."""

    title: ClassVar[str] = "transfer"
    spellings: ClassVar = {"conversation_id": "conversationId"}
    rules: ClassVar[tuple[OptionRule, ...]] = (mute_or_can_speak, one_target)

    action: Literal["transfer"] = "transfer"
    conversation_id: Annotated[str, Name("the id of a conversation")]
    """The conversation to move to; `conversation_id` is taken as well."""
    can_hear: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that this caller hears; everyone when missing, nobody when empty."""
    can_speak: Annotated[list[str] | None, LEG_UUIDS] = None
    """The legs that hear this caller; everyone when missing, nobody when empty."""
    mute: Annotated[bool | None, Flag()] = None
    """Whether nobody hears this caller; not together with canSpeak."""
