"""Stored calls, hooks and recordings for programs and people; see `ncco_server.service.documents`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, WithJsonSchema, computed_field

from ncco_server.engine.session import caller_of
from ncco_server.service.documents import Moment, Personal, RowDocument
from ncco_server.service.masks import json_object
from ncco_server.service.turns import CALL_EXPIRY_MS
from ncco_server.store import CallRow, HookRow, RecordingRow, ResultRow


class CallDocument(RowDocument):
    """A recorded call, or the leg of a called party that heard a flow."""

    id: str
    """The leg, followed by `/` and the flow if the answer URL names one, or by `/` and more if the leg was transferred;
    random without a leg.
    """
    previous: str = ""
    """The ID of the previous call of the same leg; empty if there is none."""
    leg: str
    """Vonage's `uuid`; empty if it was not a call of Vonage."""
    conversation: str
    """Vonage's `conversation_uuid`."""
    parent: str | None
    """The ID of the call that dialled this party; null if it is a call of its own."""
    request: str
    """The ID of the placed call; empty if this server did not place it."""
    direction: str
    """`inbound`, or `outbound` for placed calls."""
    began_at: Moment
    """When Vonage asked what to play."""
    person_at: Moment | None = None
    """When a person answered; null if nobody did."""
    ended_at: Moment | None
    """When the leg ended; null while the call is in progress, or if the end was never reported."""
    seconds: float | None
    """The length of the call, so far or until its end; null if the end was never reported."""
    caller: Personal = Field(serialization_alias="from")
    """The calling number (digits with the country code) or the name of a user; empty if withheld."""
    name: Personal = ""
    """The name of the caller; empty if the flow does not know it."""
    to: Personal
    """The called number or name."""
    flow: str
    """The flow in which the call began; empty if no flow took it."""
    revision: str
    """The hash of this flow's revision."""
    state: Literal["open", "ended", "hung-up", "lost"]
    """`open`; `ended`: the flow was played to its end, and the leg ended; `hung-up`: the leg ended earlier; `lost`: the
    end was not reported, or could not be, because the call has no leg.
    """
    step: str
    """The step that the call is in, or was in when it ended, as `flow.step` if it is one of another flow; empty if the
    flow had ended.
    """
    rang: str = ""
    """The step that dialled last, as `flow.step`; empty if none did."""
    failed: bool
    """Whether a step could not be played as written."""
    turns: int
    """Number of stored replies to webhooks."""
    result: str = ""
    """What became of the call, as `ncco report --help` explains; empty for called parties, and for placed calls in
    progress.
    """
    own: str = ""
    """The flow's own result; empty if it has none."""
    returned_at: Moment | None = None
    """When the caller was called back."""
    returned_by: str = ""
    """Who called back."""

    @classmethod
    def of(cls, row: CallRow, result: ResultRow | None, now_ms: int) -> Self:
        session = row.session
        state = json_object(session.state)
        call = state.get("call", {})
        step = str(state.get("step", ""))
        at = str(state.get("at", ""))
        if result is not None:
            ended_at = result.ended_at
        else:
            ended_at = session.updated_at if session.is_over and not row.is_lost else None
        if ended_at is not None:
            word = "ended" if state.get("is_over") else "hung-up"
        else:
            is_lost = session.is_over or not session.leg or now_ms - session.created_at > CALL_EXPIRY_MS
            word = "lost" if is_lost else "open"
        return cls.model_validate(
            (result._asdict() if result is not None else {})
            | {
                "id": session.id,
                "leg": session.leg,
                "conversation": session.conversation,
                "parent": str(state["parent"]) if state.get("parent") else None,
                "request": str(call.get("request", "")),
                "direction": str(call.get("direction") or "inbound"),
                "began_at": session.created_at,
                "ended_at": ended_at,
                "seconds": None if word == "lost" else round(((ended_at or now_ms) - session.created_at) / 1000, 3),
                "caller": caller_of(str(call.get("from_number") or ""), str(call.get("from_user") or "")),
                "to": str(call.get("to", "")),
                "flow": session.flow,
                "revision": session.revision,
                "state": word,
                "step": f"{at}.{step}" if at and step else step,
                "failed": row.has_failed,
                "turns": row.turns,
            }
        )

    @computed_field  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def words(self) -> str:
        """The state in a few words."""
        words = "played to the end"
        if self.result == "unknown":
            return "what happened is not known" + ("; something failed" if self.failed else "")
        if not self.flow:
            return "no flow took the call; the failsafe was played"
        match self.state:
            case "open":
                words = f"waits in {self.step}" if self.step else "saying goodbye"
            case "hung-up":
                words = f"hung up in {self.step}" if self.step else "hung up"
            case "lost":
                words = "the end was not reported" if self.leg else "not a Vonage call"
                words += f", last in {self.step}" if self.step else ""
        return f"{words}; something failed" if self.failed else words


class RecordingDocument(RowDocument):
    """A recording, without its URL at Vonage."""

    id: str
    """32 hexadecimal digits; the name of its file or object."""
    kind: str
    """`record`: a message; `conversation`: a recorded conversation; `voice-input`: what an `input` with `saveAudio`
    heard.
    """
    state: str
    """`waiting` for its next attempt, `fetching`, `kept`, `failed` (given up), `gone` (Vonage no longer has it), or
    `deleted`, which can be undone.
    """
    session: str = Field(serialization_alias="call")
    """The ID of the call; empty if unknown."""
    conversation: str
    """Vonage's `conversation_uuid`."""
    from_number: Personal = Field(serialization_alias="from")
    """The calling number (digits with the country code) or the name of a user; empty if withheld."""
    caller_name: Personal = Field(serialization_alias="name")
    """The name of the caller; empty if the flow does not know it."""
    to_number: Personal = Field(serialization_alias="to")
    """The called number."""
    about: Personal
    """The flow's text parameters, such as the team that a message is for."""
    flow: str
    """The flow in which it was recorded."""
    step: str
    """The step in which it was recorded."""
    created_at: Moment = Field(serialization_alias="came_at")
    """When the webhook arrived."""
    started_at: Moment | None
    """When the audio begins, as announced."""
    duration_ms: Annotated[
        int | None,
        PlainSerializer(lambda ms: ms / 1000, return_type=float, when_used="unless-none"),
        WithJsonSchema({"type": ["number", "null"]}),
    ] = Field(serialization_alias="seconds")
    """The length of the audio, as announced."""
    size: int | None = Field(serialization_alias="bytes")
    """The size of the audio: as announced, then as fetched."""
    content_type: str = Field(serialization_alias="type")
    """The content type of the audio; empty until it is kept."""
    sha256: str
    """The hash of the audio that was fetched last, whether it was kept or not."""
    transcript: Personal
    """The spoken words, one line per channel."""
    transcript_state: str
    """Like `state`; empty if no transcript was announced."""
    problem: str
    """Why the audio or the transcript is not kept yet, or empty."""
    fix: str
    """What to do about it, or empty."""
    tries: int
    """Number of attempts to fetch it."""
    due_at: Moment | None = Field(serialization_alias="next_try_at")
    """When it is fetched next; null if there is nothing to fetch."""
    heard_at: Moment | None
    """When somebody listened to it first."""
    heard_by: str
    """Who listened to it first."""
    done_at: Moment | None
    """When it was marked as done."""
    done_by: str
    """Who marked it as done."""
    deleted_at: Moment | None
    """When it was deleted."""
    deleted_by: str
    """Who deleted it."""

    @classmethod
    def of(cls, row: RecordingRow, now_ms: int) -> Self:
        is_deleted = row.deleted_at is not None
        state = "deleted" if is_deleted else "fetching" if row.is_being_fetched(now_ms) else row.state
        return cls.model_validate(row._asdict() | {"state": state, "fix": row.cure})


class HookDocument(RowDocument):
    """A hook that has not been sent. It is deleted once its receiver has replied."""

    id: str
    """The `webhook-id` header, by which the receiver recognises repeats."""
    name: str = Field(serialization_alias="hook")
    """The name of the hook in its flow."""
    state: Literal["parked", "sending", "behind", "waiting"]
    """`parked`: given up, until somebody retries it; `sending` now; `behind` an earlier hook of the same call;
    `waiting` for its next attempt.
    """
    tries: int
    """Number of attempts so far."""
    problem: str
    """Why the last attempt failed; empty before the first one."""
    created_at: Moment = Field(serialization_alias="written_at")
    """When the flow sent it."""
    due_at: Moment | None = Field(serialization_alias="next_try_at")
    """When it is tried next; null if it is parked, or behind another hook."""

    @classmethod
    def of(cls, row: HookRow, now_ms: int) -> Self:
        state = "behind" if row.due_at is None else "waiting"
        if row.is_parked or row.leased_until > now_ms:
            state = "parked" if row.is_parked else "sending"
        return cls.model_validate(row._asdict() | {"state": state})


class AddressedHook(HookDocument):
    """A hook with its call and its receiver, but without its headers and body, which may contain secrets."""

    session: str = Field(serialization_alias="call")
    """The ID of the call."""
    url: str
    """The receiver; `mailto:` and the addresses for an email. It may contain a secret of the receiver."""
