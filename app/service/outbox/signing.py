"""Signs hooks by the convention of Standard Webhooks, with the library of its authors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook


class Signer:
    """Signs with each of its secrets, so that a receiver may change its own at any time while there are two.

    Args:
        secrets: `whsec_` and base64, as `app.settings` has checked them. None: nothing is signed.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.take(secrets)

    def take(self, secrets: Iterable[str]) -> None:
        """Sign with these secrets from now on."""
        self._keys = tuple(Webhook(secret) for secret in secrets)

    def headers(self, id_: str, now: datetime, body: str) -> dict[str, str]:
        """The headers of one try. `now` is aware, UTC: a receiver takes no older than 5 minutes.

        Source: Standard Webhooks, Webhook Metadata and Signature scheme.
        """
        headers = {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp()))}
        if self._keys:
            signatures = (key.sign(msg_id=id_, timestamp=now, data=body) for key in self._keys)
            headers["webhook-signature"] = " ".join(signatures)
        return headers
