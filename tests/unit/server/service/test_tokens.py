from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.engine import WaitRef
from ncco_server.errors import UnknownWait
from ncco_server.flow.frame import CallbackKind
from ncco_server.service.tokens import make_token, read_token

KEY = b"a key for tests only"
OTHER = b"another key for tests"
KINDS: tuple[CallbackKind, ...] = ("input", "notify", "event", "onanswer")
SESSIONS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda uuid: uuid.hex),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=64),
)


@given(st.sampled_from(KINDS), SESSIONS, st.integers(0, 100_000), st.integers(0, 300))
def test_a_token_names_the_wait_that_it_was_made_for(kind: CallbackKind, session: str, turn: int, index: int) -> None:
    wait = WaitRef(kind, session, turn, index)

    assert wait == read_token((KEY,), kind, make_token(KEY, wait))


def test_the_previous_key_still_reads_tokens() -> None:
    wait = WaitRef("event", "leg", 3, 1)

    assert wait == read_token((KEY, OTHER), "event", make_token(OTHER, wait))


def test_a_token_cut_short_behind_its_mac_is_refused() -> None:
    with pytest.raises(UnknownWait):
        read_token((KEY,), "input", "")
