"""The pace of requests within a process."""

from __future__ import annotations

from ncco_server.vonage.voice_api import Pace


class Clock:
    """A clock in seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_no_second_has_more_than_the_limit_whenever_requests_come() -> None:
    clock = Clock()
    pace = Pace(3, clock)
    sent = []
    for step_s in (0.0, 0.3, 0.0, 0.5, 0.1, 0.0, 0.0, 2.0, 0.0, 0.9, 0.05, 0.05, 0.0):
        clock.now += step_s
        sent.append(clock.now + pace.wait_s())

    assert all(later - first >= 1 for first, later in zip(sent, sent[3:], strict=False))
    assert sent == sorted(sent)


def test_after_a_long_pause_nothing_waits() -> None:
    clock = Clock()
    pace = Pace(15, clock)
    for _ in range(40):
        pace.wait_s()
    clock.now += 100

    assert [0] * 15 == [pace.wait_s() for _ in range(15)]
