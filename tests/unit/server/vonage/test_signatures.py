"""The checklist of signed webhooks, one claim per test."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.errors import MissingSignature, SettingsError, WrongSignature
from ncco_server.vonage import signatures
from ncco_server.vonage.signatures import Verifier
from tests.support.cases import each_case

SECRET = "invented-signature-secret-for-tests-only"
NOW = 1772615727.4
POST_BODY = (
    b'{"from":"447700900123","to":"442071838750","uuid":"3f9a1c77d2e84b0c9a5566778899aabb",'
    b'"conversation_uuid":"CON-5b1c2d3e-0000-4a4a-8b8b-111122223333","status":"ringing","direction":"inbound",'
    b'"timestamp":"2026-03-04T09:15:27.101Z"}'
)
POST_HASH = "5e6167ffc55741a6e7a6ad20cf48a06b603edf9cc788b91ba5767bdac172d5b9"
GET_QUERY = (
    b"to=442071838750&endpoint_type=phone&from=447700900123"
    b"&conversation_uuid=CON-5b1c2d3e-0000-4a4a-8b8b-111122223333"
    b"&uuid=3f9a1c77d2e84b0c9a5566778899aabb&region_url=https%3A%2F%2Fapi-eu-3.vonage.com"
)
GET_HASH = "697e7ed98c72ac7cadaa2b6e450abcc48dacb72e02fcb853fe9665115773587a"
TOKEN = (
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    b"eyJpYXQiOjE3NzI2MTU3MjcsImp0aSI6IjBjN2Y0YjFlLTIyMjItNDMzMy04NDQ0LTU1NTU2NjY2Nzc3NyIsImlzcyI6IlZvbmFnZSIsInBh"
    b"eWxvYWRfaGFzaCI6IjVlNjE2N2ZmYzU1NzQxYTZlN2E2YWQyMGNmNDhhMDZiNjAzZWRmOWNjNzg4YjkxYmE1NzY3YmRhYzE3MmQ1YjkiLCJh"
    b"cGlfa2V5IjoiYWIxMmNkMzQiLCJhcHBsaWNhdGlvbl9pZCI6IjdkMGUxZjJhLTMzMzMtNDQ0NC04NTU1LTY2NjY3Nzc3ODg4OCJ9."
    b"HUFlK0o4356GB-LJ4YK0_reeBea0RzuHDL1N750sRPI"
)
API_KEY = "ab12cd34"
APPLICATION_ID = "7d0e1f2a-3333-4444-8555-666677778888"
CLAIMS: dict[str, Any] = {
    "iat": 1772615727,
    "jti": "0c7f4b1e-2222-4333-8444-555566667777",
    "iss": "Vonage",
    "payload_hash": POST_HASH,
    "api_key": API_KEY,
    "application_id": APPLICATION_ID,
}


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256", **header: Any) -> bytes:
    return jwt.encode(claims, secret, algorithm=algorithm, headers=header or None).encode()


def claims_with(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (CLAIMS | changes).items() if value is not None}


def refusal(token: bytes, payload: bytes = POST_BODY, method: str = "POST", now_s: float = NOW) -> str:
    with pytest.raises(WrongSignature) as caught:
        Verifier([SECRET], API_KEY, APPLICATION_ID).verify(token, method, payload, now_s)
    return caught.value.reason


def test_the_published_token_is_valid_for_its_body() -> None:
    claims = Verifier([SECRET], API_KEY, APPLICATION_ID).verify(TOKEN, "POST", POST_BODY, NOW)

    assert CLAIMS == claims


@pytest.mark.parametrize("escaped", [False, True])
def test_a_non_ascii_query_is_accepted_with_and_without_escapes(escaped: bool) -> None:
    fields = {"from_user": "Zoë", "SipHeader_X-Note": "", "custom_data": '{"a": 1}'}
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=escaped)
    token = signed(claims_with(payload_hash=hashlib.sha256(text.encode()).hexdigest()))
    query = b"from_user=Zo%C3%AB&SipHeader_X-Note=&custom_data=%7B%22a%22%3A+1%7D"

    assert Verifier([SECRET]).verify(token, "GET", query, NOW)


@each_case("query", [GET_QUERY.replace(b"to=44", b"to=45"), GET_QUERY + b"&x=", b"", b"\xff=%ff"])
def test_an_altered_query_is_refused(query: bytes) -> None:
    token = signed(claims_with(payload_hash=GET_HASH))

    assert signatures.Refusal.PAYLOAD == refusal(token, query, "GET")


@each_case(
    ("reason", "changes"),
    [
        (signatures.Refusal.ISSUER, {"iss": "vonage"}),
        (signatures.Refusal.ISSUER, {"iss": None}),
        (signatures.Refusal.API_KEY, {"api_key": "zz99zz99"}),
        (signatures.Refusal.API_KEY, {"api_key": None}),
        (signatures.Refusal.APPLICATION, {"application_id": "other"}),
        (signatures.Refusal.APPLICATION, {"application_id": None}),
        (signatures.Refusal.PAYLOAD, {"payload_hash": None}),
        (signatures.Refusal.PAYLOAD, {"payload_hash": 5}),
        (signatures.Refusal.PAYLOAD, {"payload_hash": "é" * 64}),
        (signatures.Refusal.TOO_OLD, {"iat": CLAIMS["iat"] - 301}),
        (signatures.Refusal.TOO_NEW, {"iat": CLAIMS["iat"] + 306}),
        (signatures.Refusal.NOT_VALID_NOW, {"exp": CLAIMS["iat"]}),
        (signatures.Refusal.NOT_VALID_NOW, {"nbf": CLAIMS["iat"] + 60}),
    ],
)
def test_a_wrong_claim_is_refused(reason: str, changes: dict[str, Any]) -> None:
    assert reason == refusal(signed(claims_with(**changes)))


@pytest.mark.parametrize("claim", ["api_key", "application_id"])
def test_a_missing_claim_is_distinguished_from_a_wrong_one(claim: str) -> None:
    with pytest.raises(WrongSignature, match=f"the token has no {claim}"):
        Verifier([SECRET], API_KEY, APPLICATION_ID).verify_token(signed(claims_with(**{claim: None})), NOW)


@each_case("value", [b'"now"', b"true", b"null", b"[1]"])
def test_an_unreadable_issue_time_is_refused(value: bytes) -> None:
    document = json.dumps(CLAIMS | {"iat": 0}).encode().replace(b'"iat": 0', b'"iat": ' + value)
    token = jwt.api_jws.encode(document, SECRET, "HS256").encode()

    assert signatures.Refusal.ISSUED_AT == refusal(token)


@each_case(
    "changes",
    [{"iat": CLAIMS["iat"] - 300}, {"iat": CLAIMS["iat"] + 305}, {"iat": CLAIMS["iat"] + 0.5},
     {"exp": CLAIMS["iat"] + 60, "nbf": CLAIMS["iat"]}, {"api_key": "zz99zz99", "application_id": None},
     {"payload_hash": POST_HASH.upper()}],
    ids=["five minutes old", "five minutes early", "fraction", "exp and nbf", "keys not configured", "capitals"],
)  # fmt: skip
def test_a_token_may_differ_in_time_in_unconfigured_keys_and_in_capitals(changes: dict[str, Any]) -> None:
    assert Verifier([SECRET]).verify(signed(claims_with(**changes)), "POST", POST_BODY, NOW)


@each_case(
    ("expected", "api_key", "application_id"),
    [
        (signatures.Refusal.OWN_SIGNATURE, CLAIMS["api_key"], ""),
        (signatures.Refusal.OWN_SIGNATURE, "", CLAIMS["application_id"]),
        (signatures.Refusal.SIGNATURE, "other", "another"),
        (signatures.Refusal.SIGNATURE, "", ""),
    ],
)
def test_another_secret_is_told_apart_from_another_application(
    expected: signatures.Refusal, api_key: str, application_id: str
) -> None:
    token = signed(CLAIMS, "some-other-secret-that-is-long-enough")

    with pytest.raises(WrongSignature) as refused:
        Verifier([SECRET], api_key, application_id).verify_token(token, NOW)
    assert expected == refused.value.reason


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_short_secret_works_without_a_warning_per_request() -> None:
    assert Verifier(["abcd"]).verify(signed(CLAIMS, "abcd"), "POST", POST_BODY, NOW)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize(("algorithm", "secret"), [("HS384", SECRET), ("HS512", SECRET), ("none", "")])
def test_only_hs256_is_accepted(algorithm: str, secret: str) -> None:
    assert signatures.Refusal.ALGORITHM == refusal(signed(CLAIMS, secret, algorithm))


@each_case(
    "token",
    [
        b"x",
        b"a.b",
        b"..",
        b"....",
        TOKEN + b"=",
        TOKEN + b".x",
        TOKEN[:-1],
        TOKEN[:-1] + b"J",
        TOKEN[:-1] + b"!",
        b"W10." + TOKEN.partition(b".")[2],
        b"e30x." + TOKEN.partition(b".")[2],
        b"a" * 9000,
        b"\xff\xfe.\xff.\xff",
        jwt.api_jws.encode(b"[]", SECRET, "HS256").encode(),
        jwt.api_jws.encode(b"{", SECRET, "HS256").encode(),
    ],
)
def test_a_malformed_token_is_refused(token: bytes) -> None:
    assert signatures.Refusal.MALFORMED == refusal(token)


def test_a_token_with_critical_extensions_is_refused() -> None:
    assert signatures.Refusal.MALFORMED == refusal(signed(CLAIMS, crit=["exp"], exp=1))


@each_case("header", [b"Bearer " + TOKEN, b"bearer " + TOKEN, b" BEARER   " + TOKEN + b" "])
def test_the_scheme_is_read_in_any_case(header: bytes) -> None:
    assert TOKEN == Verifier([SECRET]).token(header)


@each_case(
    ("reason", "header"),
    [
        (signatures.Refusal.NO_HEADER, None),
        (signatures.Refusal.NOT_BEARER, b""),
        (signatures.Refusal.NOT_BEARER, b"Bearer"),
        (signatures.Refusal.NOT_BEARER, b"Bearer  "),
        (signatures.Refusal.NOT_BEARER, b"Basic dXNlcjpwYXNz"),
        (signatures.Refusal.NOT_BEARER, TOKEN),
    ],
)
def test_a_request_without_a_token_is_unsigned(reason: str, header: bytes | None) -> None:
    with pytest.raises(MissingSignature) as caught:
        Verifier([SECRET]).token(header)

    assert reason == caught.value.reason


@each_case(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
        "Bag Attributes\n-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "---- BEGIN SSH2 PUBLIC KEY ----\nabc\n---- END SSH2 PUBLIC KEY ----",
        "ssh-ed25519 AAAAC3Nz somebody",
        '{"keys": [{"kty": "RSA", "n": "abc", "e": "AQAB"}]}',
        " ",
        "",
    ],
)
def test_a_private_key_is_not_accepted_as_the_signature_secret(secret: str) -> None:
    with pytest.raises(SettingsError, match="VONAGE_SIGNATURE_SECRET"):
        Verifier([secret])


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(["GET", "POST"]))
def test_any_bytes_are_refused_with_a_known_reason(token: bytes, payload: bytes, method: str) -> None:
    assert refusal(token, payload, method) in list(signatures.Refusal)


@given(st.integers(0, len(TOKEN) - 1), st.integers(0, 255))
def test_a_change_of_any_byte_is_refused(position: int, byte: int) -> None:
    forged = TOKEN[:position] + bytes([byte ^ 1 if TOKEN[position] == byte else byte]) + TOKEN[position + 1 :]

    assert refusal(forged) in list(signatures.Refusal)
