"""Places calls to a server, and observes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ncco_server.errors import AppError
from ncco_server.flow.model import Flow
from ncco_server.sample_calls import ANY_NUMBER
from ncco_studio.simulator.assumptions import After
from ncco_studio.simulator.clock import VirtualClock
from ncco_studio.simulator.delivery import NOT_RETRIEVED, SYNTAX_ERROR, Application, Chaos, WebhookDelivery
from ncco_studio.simulator.legs import Leg
from ncco_studio.simulator.parties import Behaviour, Parties
from ncco_studio.simulator.platform import Vonage
from ncco_studio.verify.scenarios.model import ScenarioCall
from ncco_studio.verify.scenarios.result import Result
from ncco_studio.verify.scenarios.script import FaultKind, ScriptStep
from ncco_studio.verify.scenarios.server import FaultyServer, StoredTurn


class NoServer(AppError):
    """There is no server at the answer URL, `url`."""

    def __init__(self, url: str) -> None:
        cure = "start it, or write its answer URL as you would enter it at Vonage"
        super().__init__(f"there is no server at {url}", cure)
        self.url = url


@dataclass(frozen=True, slots=True)
class CallConditions:
    """The parties, the platform and the network of a call.

    Attributes:
        chaos: the seed of random network faults; None: no faults.
        faults: the faults of the first webhooks, in order.
        phone: the called phone's behaviour at each attempt of a placed call; the last one repeats.
        after_connect: as in `Assumptions`; None for the assumed behaviour.
    """

    parties: Parties
    chaos: int | None = None
    faults: Sequence[FaultKind] = ()
    script: tuple[ScriptStep, ...] = ()
    phone: tuple[Behaviour, ...] = ()
    after_connect: After | None = None


class ObservedCall:
    """A call to a server, observed from outside.

    Args:
        seed: determines the ids of the call.

    Attributes:
        leg: the caller's leg, once the call is placed.
        phone: as in `CallConditions`.
    """

    leg: Leg

    def __init__(
        self,
        application: Application,
        network: FaultyServer,
        clock: VirtualClock,
        conditions: CallConditions,
        seed: str,
    ) -> None:
        chaos = None if conditions.chaos is None else Chaos(conditions.chaos)
        self.pending_faults = network.pending_faults
        self.pending_faults += conditions.faults
        self.phone = conditions.phone
        if conditions.after_connect is not None:
            assumes = replace(application.assumes, after_connect=conditions.after_connect)
            application = replace(application, assumes=assumes)
        parties = conditions.parties
        self.vonage = Vonage(application, network, clock, parties, chaos=chaos, seed=seed)

    async def place(self, call: ScenarioCall, flows: Iterable[Flow] = ()) -> None:
        numbers = next((flow.numbers for flow in flows if flow.name == call.flow and flow.numbers), (ANY_NUMBER,))
        is_sip = bool(call.sip) or call.from_.lower().startswith(("sip:", "sips:"))
        kind = "app" if call.user or call.custom_data is not None else "sip" if is_sip else "phone"
        self.leg = await self.vonage.call(
            call.to or numbers[0],
            None if call.user else call.from_,
            endpoint_type=call.endpoint_type or kind,
            from_user=call.user,
            sip_headers=call.sip,
            custom_data=call.custom_data,
            uuid=call.uuid,
        )

    async def attempts(self) -> Sequence[tuple[datetime, str]]:
        """The time and outcome ("" for none yet) of a placed call's attempts; () for an incoming call."""
        return ()

    @property
    def turns(self) -> Sequence[StoredTurn]:
        """Of the call and its called parties, in order; () if the server does not show them."""
        return ()

    def observe(self, result: Result) -> None:
        leg = self.leg
        result.transcript = leg.transcript
        result.called = tuple(other.transcript for other in leg.dialled)
        result.seconds = max((heard.at for heard in leg.transcript if heard.kind in ("ended", "hung up")), default=0.0)
        result.is_answered = leg.is_answered
        result.performed = tuple(leg.performed)
        result.webhooks = tuple(sent for sent in leg.log if sent.attempts)
        result.answered_s = leg.zero_ms / 1000
        agents = (other for other in leg.dialled if other.identity.endpoint_type == "websocket")
        result.broken = tuple(agent.problem for agent in agents if agent.problem)

    @property
    def problems(self) -> Iterator[str]:
        yield from filter(None, map(problem_of, self.leg.log))
        yield from (other.problem for other in self.leg.dialled if other.problem)


def problem_of(delivery: WebhookDelivery) -> str:
    """Return "" unless the reply failed or the webhook reports an error."""
    result = delivery.result
    if result is not None and result.failure and delivery.is_over:
        return f"{delivery.kind} webhook to {delivery.url}: {result.failure} {result.problem}".rstrip()
    if delivery.kind == "error" and delivery.fields["reason"] not in (SYNTAX_ERROR, NOT_RETRIEVED):
        return f"the platform reports an error: {delivery.fields['reason']}"
    return ""


def warnings_of(delivery: WebhookDelivery) -> Iterator[str]:
    """Issues of an NCCO that is played despite them."""
    if delivery.ncco is not None and delivery.result is not None:
        for issue in delivery.result.issues:
            yield f"{delivery.kind} webhook: {issue.code} {issue.path}: {issue.message}"
