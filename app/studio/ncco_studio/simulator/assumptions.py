"""What is assumed about the platform where its documents are silent, disagree, or were never checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

from ncco_server.ncco.field_docs import field_docs


@dataclass(frozen=True, slots=True)
class Basis:
    """Why the default is assumed.

    Attributes:
        source: the document that says so; "" if none does.
        against: a document that says otherwise; "" if none does.
    """

    source: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Both ends are included."""

    least: float
    most: float


After: TypeAlias = Literal["continues", "ends"]
Taken: TypeAlias = Literal["played", "refused"]
Sent: TypeAlias = Literal["sent", "not_sent"]
Order: TypeAlias = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The settings of a platform; the defaults are the assumptions of this project."""

    # Webhooks and their replies
    retries: Annotated[int, NumberRange(0, 5), Basis("support article 115016024247", "troubleshooting guide (2)")] = 1
    """How often is a webhook repeated that got no reply, or status 429, 503 or 504?"""
    retry_after_s: Annotated[float, NumberRange(0, 60), Basis("high availability blog")] = 1.0
    """After how many seconds is it repeated?"""
    retried_500: Annotated[Literal["retried", "not_retried"], Basis("support article 115016024247")] = "not_retried"
    """Is a webhook repeated after status 500?"""
    answer_timeout_s: Annotated[float, NumberRange(1, 60), Basis("support article 17498678806044")] = 5.0
    """How many seconds does the platform wait for an NCCO?"""
    repeated_jti: Annotated[Literal["new", "same"], Basis()] = "new"
    """Does a repeated webhook have a token of its own (`jti`)?"""
    get_signature: Annotated[Literal["signed", "unsigned"], Basis("webhooks guide, signed webhooks")] = "signed"
    """Are webhooks with the method GET signed?"""
    redirects: Annotated[Literal["failures", "followed"], Basis()] = "failures"
    """What follows a redirect in the reply?"""
    text_plain: Annotated[Taken, Basis("inbound calls guide (old)")] = "played"
    """What becomes of an NCCO with the content type `text/plain`?"""
    unknown_option: Annotated[Taken, Basis("a developer's report")] = "played"
    """What becomes of an NCCO with an option that is in no document?"""
    input_without_type: Annotated[Taken, Basis("servers in production, older than the option")] = "played"
    """What becomes of an NCCO whose `input` has no `type`?"""
    wrong_order: Annotated[Taken, Basis("webhook reference, Error (its reason names types and actions only)")] = (
        "played"
    )
    """What becomes of an NCCO whose `bargeIn` has no input to reach?"""
    large_ncco: Annotated[Taken, Basis()] = "played"
    """What becomes of an NCCO of 100,000 bytes?"""
    null_in_get: Annotated[Literal["left_out", "empty"], Basis()] = "left_out"
    """How does a webhook with the method GET send a value that is null?"""
    failed_reply: Annotated[After, Basis("webhook reference, Fallback")] = "continues"
    """What follows an input whose webhook got status 500, also from the fallback?"""
    no_reply: Annotated[After, Basis("webhook reference, Fallback")] = "continues"
    """What follows an input whose webhook got no reply in time, also from the fallback?"""
    fallback_after_event: Annotated[Sent, Basis("webhook reference, Fallback")] = "sent"
    """Is the fallback asked if the webhook of an input fails?"""
    invalid_ncco_event: Annotated[Sent, Basis("webhook reference, Error")] = "sent"
    """Is an error event sent for an NCCO that is refused?"""
    empty_reply_to_input: Annotated[After, Basis()] = "continues"
    """What follows an input whose webhook got an empty reply?"""
    empty_array_to_input: Annotated[After, Basis()] = "continues"
    """What follows an input whose webhook got the reply `[]`?"""
    empty_reply_to_notify: Annotated[After, Basis("NCCO reference, Notify")] = "continues"
    """What follows a notify whose webhook got an empty reply?"""
    empty_array_to_notify: Annotated[After, Basis()] = "continues"
    """What follows a notify whose webhook got the reply `[]`?"""
    empty_array_to_connect: Annotated[After, Basis("sample for Node, connect-synchronous")] = "continues"
    """What follows a synchronous connect whose failure got the reply `[]`?"""

    # Events
    inbound_answered: Annotated[Order, Basis()] = "after"
    """Is `answered` of an incoming call sent before or after the answer webhook?"""
    outbound_answered: Annotated[Order, Basis("measured by StephenSook/preflight, September 2026")] = "before"
    """Is `answered` of a placed call sent before or after the answer webhook?"""
    completed_after_timeout: Annotated[Sent, Basis("support article 360057200092")] = "sent"
    """Is `completed` sent after `timeout`?"""
    completed_after_cancelled: Annotated[Sent, Basis("support article 360057200092")] = "sent"
    """Is `completed` sent after `cancelled`?"""
    hung_up_ringing: Annotated[Literal["cancelled", "completed", "unanswered"], Basis()] = "cancelled"
    """Which status does a ringing call get that the REST API hangs up?"""
    conversation_event: Annotated[Sent, Basis("webhook reference, Transfer; sample rti-voice-app")] = "sent"
    """Is a transfer event sent when a `conversation` action moves a leg?"""
    rest_transfer_event: Annotated[Sent, Basis("webhook reference, Transfer")] = "sent"
    """Is a transfer event sent when the REST API gives a leg another NCCO?"""
    detection: Annotated[Literal["beside", "delays"], Basis("Voice API specification")] = "beside"
    """Does `machineDetection: continue` of a placed call delay its answer webhook?"""
    detection_reply: Annotated[Literal["replaces", "ignored"], Basis("Voice API specification")] = "replaces"
    """What does an NCCO in the reply to `human` or `machine` do?"""

    # What the caller presses
    sticky_barge_in: Annotated[Literal["stays", "ends"], Basis("nexmo-developer pull request 1662")] = "stays"
    """Can a prompt with `bargeIn: false` be interrupted if an earlier prompt before the same input could?"""
    barge_in_key: Annotated[Literal["kept", "dropped"], Basis()] = "kept"
    """Is the key that interrupts a prompt the first digit of the input?"""
    input_timeout: Annotated[Literal["after_prompts", "at_once"], Basis()] = "after_prompts"
    """When does the timeout of an input after prompts with `bargeIn` start?"""
    hash_key: Annotated[Literal["left_out", "included"], Basis()] = "left_out"
    """Is the # that submits an input among its digits?"""
    silent_digits: Annotated[Literal["empty", "null"], Basis("webhook reference, Input")] = "empty"
    """What are the digits of an input for which nobody has pressed a key?"""
    unused_speech: Annotated[Literal["no_results", "error", "missing"], Basis("captured by Vonage's PHP SDK")] = (
        "no_results"
    )
    """What is `speech` in the webhook of an input that takes keys only?"""
    keys_while_asynchronous: Annotated[Literal["one_each", "together"], Basis("Voice API specification")] = "one_each"
    """How are the keys of an asynchronous input sent?"""

    # Connected parties
    after_connect: Annotated[After, Basis("NCCO reference, Connect", "contact centre tutorial")] = "continues"
    """What follows a `connect` whose called party hangs up?"""
    caller_hangs_up: Annotated[Literal["ends_both", "leaves_called"], Basis()] = "ends_both"
    """What becomes of the called party if the caller hangs up?"""
    caller_id: Annotated[Literal["called_number", "fails"], Basis("NCCO reference, Connect (from)")] = "fails"
    """What becomes of a `connect` to a phone without `from`?"""
    plus_sign: Annotated[Literal["accepted", "refused"], Basis()] = "accepted"
    """What becomes of a `connect` to a number that starts with +?"""
    on_answer_method: Annotated[Literal["GET", "POST"], Basis()] = "GET"
    """With which method is the NCCO of `onAnswer` requested?"""
    conversation_over: Annotated[After, Basis()] = "continues"
    """What follows a `conversation` that a leg with `endOnExit` has ended?"""

    # Control by the REST API
    early_control: Annotated[Literal["refused", "accepted"], Basis("support article 10359615124380")] = "refused"
    """What becomes of a request that changes a call in its first second?"""
    transfer_method: Annotated[Literal["GET", "POST"], Basis()] = "GET"
    """With which method is the NCCO of a transfer to a URL requested?"""
    transfer_during_input: Annotated[Sent, Basis()] = "not_sent"
    """Is the webhook of an input sent that a transfer interrupts?"""
    transfer_in_conversation: Annotated[Literal["moves", "refused"], Basis("Voice API specification")] = "moves"
    """What does a transfer do to a leg in a named conversation?"""
    record_after_replacement: Annotated[After, Basis("NCCO reference, Record")] = "continues"
    """What becomes of a recording when another NCCO replaces the one that started it?"""

    # What the caller says
    speech_timeout: Annotated[Literal["after_prompts", "at_once"], Basis()] = "after_prompts"
    """When does the timeout for speech after prompts with `bargeIn` start?"""


DEFAULTS: Final = Assumptions()


@dataclass(frozen=True, slots=True)
class Assumption:
    """One field of `Assumptions`; `choices` is () for a number, and `limits` None for a choice."""

    name: str
    question: str
    default: Any
    choices: tuple[Any, ...]
    limits: NumberRange | None
    basis: Basis


def assumptions() -> Mapping[str, Assumption]:
    """In the order of `Assumptions`."""
    hints = get_type_hints(Assumptions, include_extras=True)
    questions = field_docs(Assumptions, Assumptions)
    return {
        field.name: _assumption(field.name, hints[field.name], questions[field.name]) for field in fields(Assumptions)
    }


def _assumption(name: str, annotation: Any, question: str) -> Assumption:
    kind, *metadata = get_args(annotation)
    limits = next((each for each in metadata if isinstance(each, NumberRange)), None)
    basis = next(each for each in metadata if isinstance(each, Basis))
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    return Assumption(name, question, getattr(DEFAULTS, name), choices, limits, basis)
