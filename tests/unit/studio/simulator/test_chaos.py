"""Network faults: what happens to a delivery, and that the same seed gives the same faults."""

from __future__ import annotations

from ncco_studio.simulator.delivery import Chaos, NetworkFault
from tests.support.cases import each_case
from tests.unit.studio.simulator.scripted_server import Line, ask, sounds, talk

SECRET = "invented-signature-secret-for-tests-only"


class Luck(Chaos):
    """The same fault for every delivery."""

    def __init__(self, fault: NetworkFault) -> None:
        super().__init__(0)
        self._disturbance = fault

    def next_fault(self, *, is_awaited: bool) -> NetworkFault:
        return self._disturbance


async def played(luck: NetworkFault) -> tuple[Line, list[str]]:
    line = Line({"answer": [talk("one"), ask()], "input": [talk("two")]}, chaos=Luck(luck), signature_secret=SECRET)
    call = await line.call()
    await call.listen()
    await call.press("1234")
    await call.listen()
    await line.vonage.run()
    return line, sounds(call)


@each_case(
    "luck",
    [
        NetworkFault(),
        NetworkFault(late_s=1.5),
        NetworkFault(slow_s=2),
        NetworkFault(is_doubled=True),
        NetworkFault(is_doubled=True, again_s=15),
        NetworkFault(loses_reply=True),
    ],
)
async def test_a_caller_hears_the_same_with_any_fault(luck: NetworkFault) -> None:
    _, heard = await played(luck)

    assert ["talk one", *["pressed " + digit for digit in "1234"], "talk two", "ended"] == heard


async def test_a_duplicated_delivery_arrives_twice_with_the_same_bytes() -> None:
    line, _ = await played(NetworkFault(is_doubled=True))

    twice = [request for request in line.server.requests if request.url.endswith("/input")]
    assert (2, twice[0]) == (len(twice), twice[1])


async def test_after_a_lost_reply_the_webhook_is_sent_again_with_a_new_token() -> None:
    line, _ = await played(NetworkFault(loses_reply=True))

    twice = [request for request in line.server.requests if request.url.endswith("/input")]
    assert (twice[0].body, 2) == (twice[1].body, len(twice))
    assert twice[0].headers["authorization"] != twice[1].headers["authorization"]


async def test_a_delivery_may_first_arrive_without_its_signature() -> None:
    line, _ = await played(NetworkFault(is_unsigned=True))

    assert not [request for request in line.server.requests if "authorization" in request.headers]


async def test_the_log_says_what_happened_to_a_delivery() -> None:
    line, _ = await played(NetworkFault(late_s=1.5, slow_s=1, is_doubled=True, again_s=2))

    assert "late by 1.5 s, slow by 1 s, sent again 2 s later" == line.vonage.log[0].attempts[0].fault


def test_the_same_seed_always_gives_the_same_faults() -> None:
    first, second, other = Chaos(7), Chaos(7), Chaos(8)

    lucks = [[chaos.next_fault(is_awaited=True) for _ in range(50)] for chaos in (first, second, other)]
    assert lucks[0] == lucks[1]
    assert lucks[0] != lucks[2]


def test_faults_never_exceed_what_retries_can_handle() -> None:
    chaos = Chaos(1, rate=1.0)

    lucks = [chaos.next_fault(is_awaited=True) for _ in range(100)]
    assert not [luck for luck in lucks if luck.loses_reply and luck.is_unsigned]
    assert max(luck.late_s for luck in lucks) <= 2.0
    assert all(luck.loses_reply for luck in lucks)


def test_notifications_may_be_overtaken() -> None:
    chaos = Chaos(1, rate=1.0)

    lates = [chaos.next_fault(is_awaited=False).late_s for _ in range(20)]
    assert 2.0 < max(lates) <= 20.0
