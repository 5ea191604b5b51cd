"""The size of an RSA key, in all the forms that a private.key comes in."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ncco_server.vonage.keys import rsa_modulus
from tests.support.cases import each_case
from tests.support.keys import private_pem, public_pem, rsa_key

KEY = rsa_key()
PEM = private_pem(KEY)
MIDDLE = len(PEM) // 2


def test_a_private_key_in_each_form_and_its_public_key_have_one_modulus() -> None:
    forms = [PEM, private_pem(KEY, is_traditional=True), public_pem(KEY)]

    assert [KEY.public_key().public_numbers().n] * 3 == [rsa_modulus(form) for form in forms]
    assert [2048] == list({rsa_modulus(form).bit_length() for form in forms})


def test_a_small_key_has_its_size() -> None:
    assert 1024 == rsa_modulus(private_pem(rsa_key(bits=1024))).bit_length()


@each_case(
    ("pem", "says"),
    [
        (private_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        (private_pem(ed25519.Ed25519PrivateKey.generate()), "not an RSA key"),
        (private_pem(KEY, password="abcd"), "encrypted"),
        (private_pem(KEY, password="abcd", is_traditional=True), "encrypted"),
        (PEM[:MIDDLE], "does not contain a complete key"),
        (PEM[:MIDDLE] + "!" + PEM[MIDDLE:], "damaged"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "damaged"),
        ("", "does not contain a complete key"),
    ],
    ids=["ec", "ed25519", "encrypted", "encrypted traditional", "half", "not base64", "cut off", "nothing"],
)
def test_an_incomplete_rsa_key_is_refused_with_a_reason(pem: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rsa_modulus(pem)
