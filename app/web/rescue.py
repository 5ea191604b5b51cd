"""What is answered when no reply could be made: the status that Vonage understands, or the failsafe NCCO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from app.errors import MissingSignature, StoreUnavailable, UnknownWait, WrongSignature
from app.service.delivery import JOIN_SILENTLY, Reply
from app.store.waiting import is_of_store
from app.vonage import signatures
from app.web.answers import CLOSE, Answer, refused
from app.web.bodies import BodyTooLarge
from app.web.visit import Visit

_CLOUD: Final = "Switch signed webhooks on for the application in the Vonage dashboard."
_COMPARE: Final = "Compare VONAGE_SIGNATURE_SECRET with the API settings of the Vonage dashboard."
_CLOCK: Final = "See that the clock of this host is right (NTP): signatures hold for five minutes."
_CURES: Final[Mapping[str, str]] = {
    signatures.API_KEY: "Compare VONAGE_API_KEY with the Vonage dashboard, or leave it unset.",
    signatures.APPLICATION: "Compare VONAGE_APPLICATION_ID with the Vonage dashboard, or leave it unset.",
    signatures.TOO_OLD: _CLOCK,
    signatures.TOO_NEW: _CLOCK,
    signatures.NOT_VALID_NOW: _CLOCK,
    signatures.PAYLOAD: "See what changes body or query on the way: a proxy has to pass both on as they come.",
    signatures.SEVERAL: "See what adds a header on the way: a proxy has to pass on the one of Vonage alone.",
}
"""By reason; of any other the secret is the likeliest cause."""
_OWN_URLS: Final = "Callback URLs are those that this server wrote into its NCCOs; they cannot be made up."


class Rescue:
    """Makes an answer of an exception.

    Args:
        failsafe: an NCCO as JSON.
        body_limit: bytes.
        deadline_s: seconds.
    """

    def __init__(self, failsafe: bytes, body_limit: int, deadline_s: float) -> None:
        self._failsafe = failsafe
        self._body_limit = body_limit
        self._deadline_s = deadline_s
        self._by_type: dict[type[Exception], Callable[[Visit, Exception], Answer]] = {
            MissingSignature: self._unsigned,
            WrongSignature: self._forged,
            UnknownWait: self._unknown_wait,
            StoreUnavailable: self._without_store,
            BodyTooLarge: self._too_large,
            TimeoutError: self._too_late,
        }

    def answer(self, visit: Visit, error: Exception) -> Answer:
        """The answer to a visit that ended in `error`."""
        found = next((make for kind, make in self._by_type.items() if isinstance(error, kind)), self._internal)
        return found(visit, error)

    def _unsigned(self, visit: Visit, error: Exception) -> Answer:
        """503, after which Vonage asks again; it may rarely forget to sign. Source: signed webhooks; delivery rules."""
        is_cut = not visit.is_read
        return refused(visit.route.name, "unsigned", 503, f"not signed: {error}", _CLOUD, close=is_cut)

    def _forged(self, visit: Visit, error: Exception) -> Answer:
        is_cut = not visit.is_read
        cure = _CURES.get(error.reason, _COMPARE) if isinstance(error, WrongSignature) else _COMPARE
        return refused(visit.route.name, "wrong-signature", 401, f"wrong signature: {error}", cure, close=is_cut)

    def _unknown_wait(self, visit: Visit, error: Exception) -> Answer:
        """404 where the URL itself was made up; elsewhere a caller is on the line."""
        if visit.route.parameter != "wait":
            return self._play_on(visit, str(error))
        return refused(visit.route.name, "unknown-wait", 404, str(error), _OWN_URLS)

    def _without_store(self, visit: Visit, error: Exception) -> Answer:
        """503, so that Vonage asks again; on the fallback URL, which is the last chance, the failsafe NCCO."""
        problem = f"the store is away: {error}"
        if not visit.route.needs_store:
            return self._play_on(visit, problem)
        return refused(visit.route.name, "no-store", 503, problem, "Send it again; the server's log says more.")

    def _too_large(self, visit: Visit, error: Exception) -> Answer:
        problem = f"the body is larger than {self._body_limit} bytes"
        if visit.is_played:
            return self._play_on(visit, problem)
        return refused(visit.route.name, "too-large", 413, problem, "Send less, or raise NCCO_BODY_LIMIT.", close=True)

    def _too_late(self, visit: Visit, error: Exception) -> Answer:
        if is_of_store(error.__cause__):
            return self._without_store(visit, StoreUnavailable(f"no answer of it within {self._deadline_s:g} seconds"))
        if visit.is_read:
            return self._broken(visit, f"no answer within {self._deadline_s:g} seconds", error)
        problem = f"the body did not come within {self._deadline_s:g} seconds"
        if visit.is_played:
            return self._play_on(visit, problem)
        return refused(visit.route.name, "too-slow", 408, problem, "Send it in one go.", close=True)

    def _internal(self, visit: Visit, error: Exception) -> Answer:
        return self._broken(visit, "internal error", error)

    def _broken(self, visit: Visit, problem: str, error: Exception) -> Answer:
        """What is known to be played gets the failsafe; the rest may not have been written, and Vonage asks again."""
        is_unknown = visit.delivery is None and visit.route.plays is None
        if visit.is_played and not is_unknown:
            return self._play_on(visit, problem, error)
        answer = refused(visit.route.name, "failed", 503, problem, "Send it again; the log says more.")
        return answer._replace(error=error)

    def _play_on(self, visit: Visit, problem: str, error: Exception | None = None) -> Answer:
        """The failsafe NCCO where it is played, else an empty reply, after which the call goes on as it is.

        Who was called hears nothing, and is joined.
        """
        failsafe = JOIN_SILENTLY if visit.route.is_called else self._failsafe
        ncco = failsafe if visit.is_played else None
        leg, conversation = (getattr(visit.webhook, name, None) or "" for name in ("uuid", "conversation_uuid"))
        outcome = "failed" if ncco is None else "failsafe"
        reply = Reply(ncco, visit.route.name, outcome, "", "", leg, conversation, ncco is not None, problem=problem)
        return Answer(reply, 200, ncco or b"", () if visit.is_read else (CLOSE,), error)
