"""One webhook on its way through the door."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope

from app.ncco.webhooks import Webhook
from app.service.delivery import Delivery
from app.web.routes import Route


@dataclass(slots=True)
class Visit:
    """What is known of a request so far.

    Attributes:
        argument: what stands behind the route's last slash.
        headers: by lower-case name; of a doubled one the last.
        delivery: once it has been read.
        is_read: whether the whole body has come.
        problem: why it could not be read, "" when it could.
    """

    route: Route
    argument: str
    scope: Scope
    headers: dict[bytes, bytes]
    delivery: Delivery | None = None
    is_read: bool = False
    problem: str = ""

    @property
    def webhook(self) -> Webhook | None:
        """What came, once it has been read."""
        return self.delivery.webhook if self.delivery is not None else None

    @property
    def is_played(self) -> bool:
        """Whether Vonage plays the reply: a caller is on the line, and must hear something."""
        return self.route.is_played(self.webhook)
