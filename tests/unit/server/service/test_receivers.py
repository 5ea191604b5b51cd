from __future__ import annotations

from ncco_server.service.outbox import Receivers, Verdict
from tests.support.cases import each_case

SLOW = Verdict("again", "no answer within 15 s", is_slow=True)


def after(*verdicts: Verdict | None, url: str = "https://crm.example.com/a") -> Receivers:
    """A slow receiver gets at most two tries at once; each verdict belongs to an earlier try."""
    receivers = Receivers(2)
    for verdict in verdicts:
        receivers.may_begin(url)
        receivers.ended(url, verdict)
    return receivers


def begun(receivers: Receivers, url: str, count: int = 5) -> int:
    return sum(receivers.may_begin(url) for _ in range(count))


@each_case(
    ("expected", "verdicts"),
    [
        (5, []),
        (2, [SLOW]),
        (5, [SLOW, Verdict("sent")]),
        (5, [SLOW, Verdict("again", "status 500")]),
        (2, [SLOW, None]),
        (5, [None]),
    ],
)
def test_a_slow_receiver_gets_its_share_until_it_answers(expected: int, verdicts: list[Verdict | None]) -> None:
    assert expected == begun(after(*verdicts), "https://CRM.example.com/b?c")


@each_case(
    "url", ["https://crm.example.com:8443/a", "http://crm.example.com/a", "https://example.com/a", "", "http://[x/"]
)
def test_other_receivers_are_not_slow(url: str) -> None:
    assert 5 == begun(after(SLOW), url)


def test_an_invalid_url_counts_as_its_own_receiver() -> None:
    assert 2 == begun(after(SLOW, url="http://[x/"), "http://[x/")
