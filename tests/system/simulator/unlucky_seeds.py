"""Compares what callers hear of a network with bad luck with what they hear of one without."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final, NamedTuple

from tests.system.simulator.unlucky_calls import NETWORKS, Played, play
from tests.system.simulator.unlucky_lines import Line, Server

FRESH: Final = 100
"""Seeds that share a server; then its store is thrown away."""


class Noticed(NamedTuple):
    """A seed whose bad luck somebody has noticed."""

    line: str
    seed: int
    slow: Played
    unlucky: Played

    def __str__(self) -> str:
        told = [f"{self.line}, seed {self.seed}: python -m benchmarks.chaos --only {self.line} --seed {self.seed}"]
        pairs = itertools.zip_longest(self.slow.told(), self.unlucky.told(), fillvalue="(nothing)")
        differing = [f"    slow:    {slow}\n    unlucky: {unlucky}" for slow, unlucky in pairs if slow != unlucky]
        return "\n".join([*told, *differing[:3]])


class Found(NamedTuple):
    """What came of the seeds of one line: those that somebody noticed, and those where a clock made the difference."""

    noticed: list[Noticed]
    by_clock: list[int]


async def compare(line: Line, seeds: Iterable[int]) -> Found:
    """Play seeds of a line on each network."""
    found = Found([], [])
    for number, seed in enumerate(seeds):
        if number % FRESH == 0:
            server = await Server.started(line)
        calm, slow, unlucky = [await play(line, server, seed, network) for network in NETWORKS]
        if slow != unlucky or calm.faults:
            found.noticed.append(Noticed(line.name, seed, slow, unlucky))
        elif calm.heard != unlucky.heard:
            found.by_clock.append(seed)
    return found
