"""Network faults drawn from a seed: the same seed gives the same faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """What happens to one delivery. It always gets through in the end: by its retry, or by the fallback.

    Attributes:
        late_s: seconds until it is sent at all. Later ones may overtake it, unless the call waits for its reply.
        slow_s: seconds that the reply takes longer; less than the time-out.
        is_doubled: sent twice, the second time `again_s` seconds after the first; the reply to that is lost.
        loses_reply: the server gets it, the platform not the reply: a time-out, and a retry.
        loses_every_reply: the retry is a time-out as well, so that the fallback is asked; that gets through.
        is_unsigned: sent without its signature at first. Source: webhooks guide (internal signing failure).
    """

    late_s: float = 0.0
    slow_s: float = 0.0
    is_doubled: bool = False
    again_s: float = 0.0
    loses_reply: bool = False
    loses_every_reply: bool = False
    is_unsigned: bool = False

    @property
    def of_retry(self) -> NetworkFault:
        """What happens to the same delivery when it is sent again."""
        return NetworkFault(loses_reply=True) if self.loses_every_reply else NO_FAULT


NO_FAULT: Final = NetworkFault()


class Chaos:
    """Network faults of a seed, delivery by delivery.

    Args:
        seed: which ones.
        rate: how likely each kind is for a delivery, 0 to 1.
        fallback_rate: how likely it is that a delivery which the call waits for loses every reply; an application
            needs a fallback URL then.
        late_s: most seconds that a notification is late. slow_s: that an awaited one is late or slow.
    """

    def __init__(
        self, seed: int, rate: float = 0.25, late_s: float = 20.0, slow_s: float = 2.0, fallback_rate: float = 0.0
    ) -> None:
        self.seed = seed
        self._rate = rate
        self._late_s = late_s
        self._slow_s = slow_s
        self._fallback_rate = fallback_rate
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        """What happens to the next delivery.

        Args:
            is_awaited: whether the call waits for its reply.
        """
        luck = [self._random.random() for _ in range(8)]
        hit = [chance < self._rate for chance in luck]
        loses_every = is_awaited and self._fallback_rate > 0 and self._random.random() < self._fallback_rate
        return NetworkFault(
            late_s=round(luck[5] * (self._slow_s if is_awaited else self._late_s), 3) if hit[0] else 0.0,
            slow_s=round(luck[6] * self._slow_s, 3) if hit[1] else 0.0,
            is_doubled=hit[2],
            again_s=round(max(luck[7] * 2 - 1, 0) * self._late_s, 3) if hit[2] else 0.0,
            loses_reply=hit[3] or loses_every,
            loses_every_reply=loses_every,
            is_unsigned=hit[4] and not hit[3] and not loses_every,
        )
