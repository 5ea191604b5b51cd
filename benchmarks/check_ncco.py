"""How many four-action NCCOs `check` checks per second; the target is 20,000.

Run it from the project's root: `python -m benchmarks.check_ncco`.
"""

from __future__ import annotations

import sys
import timeit

from ncco_server.ncco import check

AIM = 20_000
ROUNDS, CHECKS = 7, 5_000

MENU = [
    {"action": "talk", "text": "For sales, press 1. For support, press 2.", "language": "en-GB", "bargeIn": True},
    {
        "action": "input",
        "type": ["dtmf", "speech"],
        "dtmf": {"maxDigits": 1, "timeOut": 5},
        "speech": {"context": ["sales", "support"], "language": "en-GB", "endOnSilence": 1.5},
        "eventUrl": ["https://ivr.example.com/webhooks/input/3f9a1c77d2e84b0c"],
        "eventMethod": "POST",
    },
    {"action": "talk", "text": "I will get someone to help you.", "language": "en-GB"},
    {
        "action": "connect",
        "endpoint": [{"type": "phone", "number": "447700900333"}],
        "from": "442079460000",
        "timeout": 20,
        "eventType": "synchronous",
        "eventUrl": ["https://ivr.example.com/webhooks/event/3f9a1c77d2e84b0c"],
    },
]
SSML = [{"action": "talk", "text": "<speak>Hello<break time='1s'/>there.</speak>"}, *MENU[1:]]
WRONG = [{"action": "talk", "text": "Hello", "langauge": "en-GB"}, *MENU[1:]]


def checks_per_second(document: object) -> int:
    """The best of several rounds, because other processes use the machine, too."""
    best = min(timeit.repeat(lambda: check(document), number=CHECKS, repeat=ROUNDS))
    return round(CHECKS / best)


def main() -> int:
    """Print the figures; return 1 if the target is missed."""
    figures = {"plain text": MENU, "with SSML": SSML, "with a fault": WRONG}
    speeds = {name: checks_per_second(document) for name, document in figures.items()}
    for name, speed in speeds.items():
        print(f"check of a four-action NCCO, {name}: {speed:,} a second ({1e6 / speed:.1f} µs each)")
    return int(speeds["plain text"] < AIM)


if __name__ == "__main__":
    sys.exit(main())
