"""One virtual platform: numbers, calls and conversations on one clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.simulator.application import Application
from app.simulator.chaos import Chaos
from app.simulator.clock import LONGEST_MS, VirtualClock, milliseconds
from app.simulator.courier import Delivery
from app.simulator.durations import Durations
from app.simulator.inbound import ring
from app.simulator.leg import Identity
from app.simulator.parties import Parties
from app.simulator.phone_call import PhoneCall
from app.simulator.platform import Platform
from app.simulator.requests import Server


class Vonage:
    """Places calls to the server under test.

    Everything happens in virtual time, which moves only inside `await`s of this class and of its calls, and the same
    calls have the same course in every run.

    Args:
        application: the URLs of the server, how webhooks are signed, and how the platform behaves where documents
            disagree.
        server: `AsgiServer` or `HttpServer`.
        clock: the same that the server under test has got, if it takes one.
        parties: what dialled parties do; None: all answer after 4 seconds and talk for 30.
        durations: how long speech and audio last.
        chaos: what befalls deliveries; None: nothing.
        seed: of ids; calls of one seed have the same ids in every run.
    """

    def __init__(
        self,
        application: Application,
        server: Server,
        clock: VirtualClock,
        parties: Parties | None = None,
        *,
        durations: Durations | None = None,
        chaos: Chaos | None = None,
        seed: str = "",
    ) -> None:
        known = parties if parties is not None else Parties()
        self._platform = Platform(
            application,
            server,
            clock,
            parties=known,
            durations=durations or Durations(),
            chaos=chaos,
            seed=seed,
        )

    @property
    def log(self) -> tuple[Delivery, ...]:
        """Every webhook so far, in the order in which they were due."""
        return tuple(self._platform.courier.log)

    async def call(
        self,
        to: str,
        from_: str | None = None,
        *,
        endpoint_type: str = "phone",
        from_user: str = "",
        sip_headers: Mapping[str, str] | None = None,
        custom_data: Any = None,
        gives_up_after: float | None = None,
    ) -> PhoneCall:
        """Place an inbound call; returns when it has been answered, or has ended without.

        Args:
            to: the called number.
            from_: the calling number or SIP URI; None for a Client SDK user.
            from_user: the name of that user.
            endpoint_type: phone, sip, app or vbc.
            sip_headers: by their own names, e.g. `X-Tenant` or `User-to-User`.
            custom_data: what a Client SDK application sends along.
            gives_up_after: seconds after which the caller hangs up if the call is not answered by then.
        """
        identity = Identity(
            self._platform.ids.leg(), "inbound", endpoint_type, to, from_, from_user, sip_headers or {}, custom_data
        )
        leg = ring(self._platform, identity)
        call = PhoneCall(self._platform, leg)
        until = None if gives_up_after is None else leg.started_ms + milliseconds(gives_up_after)
        await self._platform.kernel.advance(lambda: leg.is_answered or leg.over.is_fired, until)
        if not leg.is_answered and not leg.over.is_fired:
            await call.hang_up()
        return call

    async def run(self, seconds: float | None = None) -> None:
        """Let virtual time pass: `seconds` of it, or until nothing more happens by itself, at most a day.

        After a call this delivers what comes late, as recordings do.
        """
        now = self._platform.clock.ms
        until = None if seconds is None else now + milliseconds(seconds)
        await self._platform.kernel.advance(lambda: False, until, now + LONGEST_MS)
