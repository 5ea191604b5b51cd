"""An endless supply of signed webhooks that were altered: the server must accept none of them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt

SECRET = "the-signature-secret-of-the-account"
API_KEY, APPLICATION = "ab12cd34", "7d0e1f2a-3333-4444-8555-666677778888"
NOW_S = 1_772_625_600
FIELDS = {
    "from": "447700900123",
    "to": "442079460000",
    "uuid": "3f9a1c77d2e84b0c9a5566778899aabb",
    "conversation_uuid": "CON-5b1c2d3e-0000-4a4a-8b8b-111122223333",
    "status": "ringing",
    "note": "Zoë & co; a=b %41 +",
    "blank": "",
}


@dataclass(frozen=True)
class Request:
    """A request; `token` does not include the scheme `Bearer`."""

    method: str
    payload: bytes
    token: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def sent_headers(self) -> list[tuple[str, str]]:
        """The headers to send."""
        return list(self.headers) or [("Authorization", f"Bearer {self.token}")]


def claims_of(method: str, payload: bytes) -> dict[str, Any]:
    """The claims that Vonage would make about a request."""
    text = payload
    if method == "GET":
        fields = dict(parse_qsl(payload.decode(), keep_blank_values=True))
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    return {
        "iss": "Vonage",
        "iat": NOW_S,
        "jti": "0c7f4b1e-2222-4333-8444-555566667777",
        "payload_hash": hashlib.sha256(text).hexdigest(),
        "api_key": API_KEY,
        "application_id": APPLICATION,
    }


def genuine(method: str) -> Request:
    """A request with Vonage's signature."""
    payload = urlencode(FIELDS).encode() if method == "GET" else json.dumps(FIELDS).encode()
    return Request(method, payload, jwt.encode(claims_of(method, payload), SECRET, algorithm="HS256"))


def altered_requests(seed: int) -> Iterator[tuple[str, Request]]:
    """Altered requests without end, each with the name of its alteration."""
    dice = random.Random(seed)  # noqa: S311 - to be repeated
    while True:
        request = genuine(dice.choice(("GET", "POST")))
        make = dice.choice(ALTERATIONS)
        changed = make(request, dice)
        if changed != request and not _means_the_same(changed, request):
            yield make.__name__, changed


def _means_the_same(one: Request, other: Request) -> bool:
    """Whether two requests mean the same: Vonage signs the decoded query. Source: support article 19033783342876."""
    if one.method != other.method or (one.token, one.headers) != (other.token, other.headers):
        return False
    return one.method == "GET" and _fields(one.payload) == _fields(other.payload)


def _fields(query: bytes) -> list[tuple[str, str]]:
    return list(dict(parse_qsl(query.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")).items())


def _byte_of_payload(request: Request, dice: random.Random) -> Request:
    at = dice.randrange(len(request.payload))
    other = bytes([dice.choice(b'abcXYZ0123456789&=%+{}:,. \\"')])
    kept = request.payload[at + 1 :] if dice.random() < 0.7 else request.payload[at:]
    return replace(request, payload=request.payload[:at] + other + kept)


def _cut_payload(request: Request, dice: random.Random) -> Request:
    return replace(request, payload=request.payload[: dice.randrange(len(request.payload))])


def _longer_payload(request: Request, dice: random.Random) -> Request:
    more = dice.choice([b" ", b"\n", b"&x=1", b"&", b"{}", b"\0", b"&to=1900", b"%00", b"#x", b"a" * 10_000])
    return replace(request, payload=dice.choice([request.payload + more, more + request.payload]))


def _other_fields(request: Request, dice: random.Random) -> Request:
    fields = dict(FIELDS)
    name = dice.choice(sorted(fields))
    match dice.randrange(4):
        case 0:
            del fields[name]
        case 1:
            fields[name] += dice.choice("01 ")
        case 2:
            fields[name.upper()] = fields.pop(name)
        case _:
            fields = dict(sorted(fields.items(), key=lambda _: dice.random()))
    written = urlencode(fields) if request.method == "GET" else json.dumps(fields)
    return replace(request, payload=written.encode())


def _character_of_token(request: Request, dice: random.Random) -> Request:
    at = dice.randrange(len(request.token))
    letter = chr(dice.choice([*range(33, 127), 0x20]))
    kept = request.token[at + 1 :] if dice.random() < 0.7 else request.token[at:]
    return replace(request, token=(request.token[:at] + letter + kept).strip())


def _cut_token(request: Request, dice: random.Random) -> Request:
    return replace(request, token=request.token[: dice.randrange(len(request.token))])


def _parts_of_token(request: Request, dice: random.Random) -> Request:
    parts = request.token.split(".")
    shuffled = [dice.choice([*parts, "", "e30", "=", "."]) for _ in range(dice.randrange(1, 6))]
    return replace(request, token=".".join(shuffled))


def _encoded(document: bytes) -> str:
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def _other_header(request: Request, dice: random.Random) -> Request:
    _, claims, signature = request.token.split(".")
    header = dice.choice(
        [
            {"alg": "none"},
            {"alg": "None"},
            {"alg": ""},
            {"alg": None},
            {"alg": "HS256 "},
            {"alg": "hs256"},
            {"alg": ["HS256"]},
            {"alg": "RS256"},
            {"alg": "HS256", "crit": ["b64"], "b64": False},
            {"alg": "HS256", "kid": "../../dev/null"},
            {"alg": "HS256", "jku": "https://evil.example.com"},
            {},
            {"typ": "JWT"},
        ]
    )
    return replace(request, token=f"{_encoded(json.dumps(header).encode())}.{claims}.{dice.choice([signature, ''])}")


def _other_claims(request: Request, dice: random.Random) -> Request:
    """Other claims with the old signature."""
    header, _, signature = request.token.split(".")
    claims = claims_of(request.method, request.payload)
    claims[dice.choice(sorted(claims))] = dice.choice(["", 0, None, "Vonage", NOW_S, NOW_S + 1, [], {}, True])
    return replace(request, token=f"{header}.{_encoded(json.dumps(claims).encode())}.{signature}")


def _signed_with_other_claims(request: Request, dice: random.Random) -> Request:
    """The right secret, but invalid claims: the attacker has another signed webhook of the account."""
    claims = claims_of(request.method, request.payload)
    name, value = dice.choice(
        [
            ("iss", "vonage"),
            ("iss", None),
            ("iat", NOW_S - 301 - dice.randrange(10**6)),
            ("iat", NOW_S + 306 + dice.randrange(10**6)),
            ("iat", str(NOW_S)),
            ("iat", float("nan")),
            ("api_key", "zz99zz99"),
            ("application_id", "other"),
            ("application_id", [APPLICATION]),
            ("payload_hash", hashlib.sha256(dice.randbytes(8)).hexdigest()),
            ("payload_hash", ""),
            ("payload_hash", None),
            ("payload_hash", True),
            ("exp", NOW_S - 1),
            ("nbf", NOW_S + 60),
        ]
    )
    document = json.dumps({**claims, name: value}).encode()
    signed = jwt.api_jws.encode(document, SECRET, algorithm="HS256")
    return replace(request, token=signed)


def _signed_by_others(request: Request, dice: random.Random) -> Request:
    secret = dice.choice(
        [SECRET.upper(), SECRET[:-1], SECRET + "0", "another secret that is long enough for it", SECRET[::-1]]
    )
    return replace(request, token=jwt.encode(claims_of(request.method, request.payload), secret, algorithm="HS256"))


def _signed_otherwise(request: Request, dice: random.Random) -> Request:
    """The right secret, but another algorithm."""
    algorithm = dice.choice(["HS384", "HS512"])
    claims, secret = claims_of(request.method, request.payload), SECRET * 3
    return replace(request, token=jwt.encode(claims, dice.choice([secret]), algorithm=algorithm))


def _other_header_form(request: Request, dice: random.Random) -> Request:
    token, forged = request.token, genuine("POST").token[:-4] + "AAAA"
    forms: list[list[tuple[str, str]]] = [
        [("Authorization", token)],
        [("Authorization", f"Basic {token}")],
        [("Authorization", f"Bearer: {token}")],
        [("Authorization", f"Bearer {token},")],
        [("Authorization", f"Bearer {token} {token}")],
        [("Authorization", f"Bearer {token}, Bearer {forged}")],
        [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {forged}")],
        [("Authorization", f"Bearer {forged}"), ("Authorization", f"Bearer {token}")],
        [("Authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer " + "a" * dice.randrange(1, 20_000))],
        [("X-Authorization", f"Bearer {token}")],
        [("Proxy-Authorization", f"Bearer {token}")],
        [("Cookie", f"Authorization=Bearer {token}")],
        [("Authorization", f"Bearer {token[:20]}\t{token[20:]}")],
    ]
    return replace(request, headers=tuple(dice.choice(forms)))


ALTERATIONS: tuple[Callable[[Request, random.Random], Request], ...] = (
    _byte_of_payload,
    _cut_payload,
    _longer_payload,
    _other_fields,
    _character_of_token,
    _cut_token,
    _parts_of_token,
    _other_header,
    _other_claims,
    _signed_with_other_claims,
    _signed_by_others,
    _signed_otherwise,
    _other_header_form,
)
