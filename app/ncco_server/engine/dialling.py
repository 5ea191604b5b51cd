"""Which computed numbers and addresses `NCCO_DIAL_ALLOW` allows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from ncco_server.ncco.value_types import without_trunk_prefix

_ISLANDS: Final = (
    *("242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758", "767", "784"),
    *("809", "829", "849", "868", "869", "876"),
)
"""Area codes of +1 outside the United States and Canada. Source: North American Numbering Plan Administrator."""

PREMIUM_PREFIXES: Final = (
    *("870", "878", "881", "882", "883", "979"),  # satellites, international networks, international premium rate
    *("1900", "1976"),
    *(f"1{area}" for area in _ISLANDS),
    *("30901", "30909", "31900", "31906", "31909", "3290", "3389", "34803", "34806", "34807", "34905", "34907"),
    *("351601", "351607", "351608", "351646", "351648", "351760", "351761", "351762", "35315", "358600", "358700"),
    *("39144", "39166", "3989", "4190", "42090", "43900", "43901", "43930", "43931", "43939", "4470", "4487", "449"),
    *("4590", "46900", "46939", "46944", "4782", "4870", "49137", "49900", "55900", "61190", "64900", "7809"),
    *("852900", "90900", "9721900"),
)
"""Prefixes of numbers that cost more than others of their country: premium rate, personal numbers, satellites.

Our choice, from national numbering plans and ITU-T E.164; never complete.
"""

_DIRECTORY: Final = re.compile(r"(?:3[0-69]|3[578]\d|4[0134-9]|42\d|90)118\d{0,3}")
"""Directory enquiries of Europe, such as 118500; longer numbers are ordinary ones, as in Reading (0118).

Source: ECTRA Recommendation of 4 December 1997, which sets 118 aside for them; lengths as in national numbering plans.
"""

_ADDRESS: Final = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>(?:[A-Za-z0-9\-_.!~*'()&=+$]|%[0-9A-Fa-f]{2})+)@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9-]|\.(?=[A-Za-z0-9]))*|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?:;(?:transport|media|user)=[A-Za-z0-9]+)*",
    re.IGNORECASE,
)
"""At most one user, one host, and nothing that redirects the call, such as `maddr` or `Route`.

Source: RFC 3261, 19.1.1; NCCO reference, SIP (transport, media).
"""

_NO_PREFIX: Final = "has none of the prefixes in NCCO_DIAL_ALLOW"


def refusal(number: str, allowed: Sequence[str]) -> str:
    """Why a number or address must not be dialled; "" if it may be.

    A prefix excludes the numbers with a longer prefix in `PREMIUM_PREFIXES`: `44` allows the United Kingdom except
    premium numbers, which need `449`. A directory number needs itself. Text that is not a number is an address: `sip:`
    allows all, `sip:desk` users whose name starts with `desk`, `sip:@pbx.example.com` everybody on that host,
    `sip:desk@pbx.example.com` one address. The empty prefix, impossible in settings, allows all.
    """
    if not (number.isascii() and number.isdecimal()):
        if "" in allowed:
            return ""
        addresses = [prefix for prefix in allowed if not prefix.isdecimal()]
        found = _ADDRESS.fullmatch(number)
        if addresses and found is None:
            return "is not a plain SIP address"
        return "" if found is not None and any(_covers(prefix, found) for prefix in addresses) else _NO_PREFIX
    longest = max((len(prefix) for prefix in allowed if number.startswith(prefix)), default=0)
    if not longest:
        return _NO_PREFIX
    premium = next((prefix for prefix in PREMIUM_PREFIXES if len(prefix) > longest and number.startswith(prefix)), "")
    if _DIRECTORY.fullmatch(number) and longest < len(number):
        premium = number
    if premium:
        return f"is a premium-rate number: NCCO_DIAL_ALLOW would have to list {premium} itself"
    plain = without_trunk_prefix(number)
    return "" if plain == number else f"has a trunk prefix behind its country code: write {plain}"


def _covers(prefix: str, address: re.Match[str]) -> bool:
    """A host must match completely."""
    scheme, _, rest = prefix.partition(":")
    user, at, host = rest.partition("@")
    if scheme.lower() != address["scheme"].lower():
        return False
    if not at:
        return (address["user"] or "").startswith(user)
    own = f"{address['host']}{address['port'] or ''}".lower()
    return host.lower() in ("", own, address["host"].lower()) and user in ("", address["user"])
