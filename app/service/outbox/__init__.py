"""Sends the hooks that wait in the store: after the reply, signed, in order for each call, until they arrive."""

from __future__ import annotations

from app.service.outbox.listening import Listener, Silent
from app.service.outbox.posting import Poster
from app.service.outbox.schedule import Schedule
from app.service.outbox.sender import Sender
from app.service.outbox.signing import Signer
from app.service.outbox.verdict import Verdict

__all__ = ["Listener", "Poster", "Schedule", "Sender", "Signer", "Silent", "Verdict"]
