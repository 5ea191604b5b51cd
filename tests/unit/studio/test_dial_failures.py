"""Every failure of a dial has its words and fields in each table that lists failures."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import pytest

from ncco_server.flow.language.outbound import OutboundWays
from ncco_server.ncco.statuses import DIAL_FAILURES
from ncco_studio.console import placed
from ncco_studio.simulator.parties import DETAILS, PartyOutcome
from ncco_studio.verify.played_call import FOR_PHONES

TABLES: dict[str, Collection[str]] = {
    "`on` of `outbound`": OutboundWays.words(),
    "the outcomes of the simulator": get_args(PartyOutcome),
    "their details": DETAILS,
    "what a simulated phone may do": FOR_PHONES,
    "the list of placed calls": placed.OUTCOMES,
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_every_failure(table: str) -> None:
    assert set() == {*DIAL_FAILURES} - {*TABLES[table]}
