"""A stop that comes when nobody else listens to it."""

from __future__ import annotations

import signal

from app.web.stopping import stopping


def test_a_stop_that_came_before_is_told_to_whoever_asks_later() -> None:
    told: list[str] = []
    with stopping() as stop:
        signal.raise_signal(signal.SIGTERM)
        stop.tell(lambda: told.append("first"))
        signal.raise_signal(signal.SIGTERM)

    assert ["first", "first"] == told


def test_a_stop_that_comes_where_nothing_can_be_raised_is_not_lost() -> None:
    told: list[str] = []

    class Garbage:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with stopping() as stop:
        garbage = Garbage()
        del garbage
        stop.tell(lambda: told.append("told"))

    assert ["told"] == told


def test_signals_are_what_they_were_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping():
        within = signal.getsignal(signal.SIGTERM)

    assert before == signal.getsignal(signal.SIGTERM)
    assert before != within


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_is_an_end() -> None:
    reached: list[str] = []
    with stopping():
        interrupt()
        reached.append("what stands behind it")

    assert [] == reached
