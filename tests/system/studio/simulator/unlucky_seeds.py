"""Compares what callers hear on a network with bad luck and on one without."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final, NamedTuple

from tests.system.studio.simulator.unlucky_calls import NETWORKS, Played, play
from tests.system.studio.simulator.unlucky_lines import Line, Server

FRESH: Final = 100
"""How many seeds share a server before a new one is started."""


class Noticed(NamedTuple):
    """A seed whose bad luck a caller could notice."""

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
    """The result for the seeds of one line: those whose bad luck was noticed, and those where only a clock differed."""

    noticed: list[Noticed]
    by_clock: list[int]


async def compare(line: Line, seeds: Iterable[int]) -> Found:
    """Play the seeds of a line on each network."""
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
