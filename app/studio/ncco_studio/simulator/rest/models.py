"""Request bodies of the API. Source: Voice API specification; Outbound REST."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ncco_server.ncco import check
from ncco_server.ncco.signing import Method
from ncco_server.ncco.value_types import Url
from ncco_server.suggest import near_or_all
from ncco_studio.simulator.assumptions import DEFAULTS
from ncco_studio.simulator.delivery import played_anyway
from ncco_studio.simulator.outbound import OutboundCall
from ncco_studio.simulator.servers import Target
from ncco_studio.simulator.transcript import Ncco

log = logging.getLogger(__name__)


def _playable(ncco: Ncco) -> Ncco:
    played = played_anyway(DEFAULTS)
    error = next((issue for issue in check(ncco) if issue.is_error and issue.code not in played), None)
    if error is not None:
        raise ValueError(f"{error.code} {error.path}: {error.message}")
    return ncco


def _http(url: str) -> str:
    error = next((issue for issue in Url().check(url) if issue.is_error), None)
    if error is not None:
        raise ValueError(error.message)
    return url


HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http)]
OneUrl: TypeAlias = Annotated[list[HttpUrl], Field(min_length=1, max_length=1)]
CheckedNcco: TypeAlias = Annotated[list[dict[str, Any]], AfterValidator(_playable)]


class Parameters(BaseModel):
    """Unknown ones are ignored, with a warning in the log."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _warn(self) -> Self:
        known = [field.alias or name for name, field in type(self).model_fields.items()]
        for name in self.model_extra or ():
            log.warning('Vonage has no parameter "%s", and ignores it; %s', name, near_or_all(name, known))
        return self


class ShownNumber(Parameters):
    """The number that the callee sees. A SIP URI is allowed too, which is newer than the specification."""

    type: Literal["phone", "sip"] = "phone"
    number: str


class CreateCall(Parameters):
    """`POST /v1/calls`."""

    to: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1)]
    from_: Annotated[ShownNumber | None, Field(alias="from")] = None
    random_from_number: bool = False
    ncco: CheckedNcco | None = None
    answer_url: OneUrl | None = None
    answer_method: Method = "GET"
    event_url: OneUrl | None = None
    event_method: Method = "POST"
    machine_detection: Literal["continue", "hangup"] | None = None
    advanced_machine_detection: dict[str, Any] | None = None
    length_timer: Annotated[int, Field(ge=1, le=86_400)] = 7_200
    """Maximum seconds of the call."""
    ringing_timer: Annotated[int, Field(ge=1, le=120)] = 60
    """Maximum seconds of ringing."""

    @model_validator(mode="after")
    def _one_of_each(self) -> CreateCall:
        if (self.from_ is not None) == self.random_from_number:
            raise ValueError("Write `from`, or `random_from_number: true`, and not both.")
        if (self.ncco is None) == (self.answer_url is None):
            raise ValueError("Write `ncco` or `answer_url`, and not both.")
        return self

    @property
    def connect(self) -> dict[str, Any]:
        options = {
            "from": None if self.from_ is None else self.from_.number.removeprefix("+"),
            "timeout": self.ringing_timer,
            "machineDetection": self.machine_detection,
            "advancedMachineDetection": self.advanced_machine_detection,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return {"action": "connect", "endpoint": self.to, **given}

    def outbound(self, event: Target) -> OutboundCall:
        """`event` is used unless the body names another URL."""
        event = (self.event_url[0], self.event_method) if self.event_url else event
        ncco = self.ncco if self.answer_url is None else (self.answer_url[0], self.answer_method)
        return OutboundCall(self.connect, ncco or [], event, self.length_timer)


class Destination(Parameters):
    """The NCCO for a leg that is transferred."""

    type: Literal["ncco"]
    ncco: CheckedNcco | None = None
    url: OneUrl | None = None

    @model_validator(mode="after")
    def _one(self) -> Destination:
        if (self.ncco is None) == (self.url is None):
            raise ValueError("Write `ncco` or `url`, and not both.")
        return self


class TransferCall(Parameters):
    """`PUT /v1/calls/{uuid}`, for a transfer."""

    action: Literal["transfer"]
    destination: Destination


class ControlCall(Parameters):
    """`PUT /v1/calls/{uuid}`, for everything else."""

    action: Literal["hangup", "mute", "unmute", "earmuff", "unearmuff"]


UpdateCall: TypeAlias = Annotated[TransferCall | ControlCall, Field(discriminator="action")]


class PlayTalk(Parameters):
    """`PUT /v1/calls/{uuid}/talk`."""

    text: Annotated[str, Field(min_length=1)]
    language: str = "en-US"
    loop: Annotated[int, Field(ge=0)] = 1


class PlayStream(Parameters):
    """`PUT /v1/calls/{uuid}/stream`."""

    stream_url: OneUrl
    loop: Annotated[int, Field(ge=0)] = 1


class SendDtmf(Parameters):
    """`PUT /v1/calls/{uuid}/dtmf`."""

    digits: Annotated[str, Field(pattern=r"^[0-9*#p]+$")]


class ListenForDtmf(Parameters):
    """`PUT /v1/calls/{uuid}/input/dtmf`."""

    event_url: OneUrl


class ListedCalls(Parameters):
    """The query of `GET /v1/calls`."""

    status: str | None = None
    date_start: datetime | None = None
    date_end: datetime | None = None
    conversation_uuid: str | None = None
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    record_index: Annotated[int, Field(ge=0)] = 0
    order: Literal["asc", "desc"] = "asc"
