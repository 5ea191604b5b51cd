"""The size of an RSA key, in all the forms that a private.key comes in."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ncco_server.vonage.keys import rsa_modulus
from tests.support.cases import each_case
from tests.support.keys import private_pem, public_pem, rsa_key


def test_a_private_key_in_each_form_and_its_public_key_have_one_modulus() -> None:
    key = rsa_key()
    forms = [private_pem(key), private_pem(key, is_traditional=True), public_pem(key)]

    assert [key.public_key().public_numbers().n] * 3 == [rsa_modulus(form) for form in forms]
    assert [2048] == list({rsa_modulus(form).bit_length() for form in forms})


def test_a_small_key_has_its_size() -> None:
    assert 1024 == rsa_modulus(private_pem(rsa_key(bits=1024))).bit_length()


def unusable() -> list[Any]:
    pem = private_pem(rsa_key())
    middle = len(pem) // 2
    return [
        pytest.param(private_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key", id="ec"),
        pytest.param(private_pem(ed25519.Ed25519PrivateKey.generate()), "not an RSA key", id="ed25519"),
        pytest.param(private_pem(rsa_key(), password="abcd"), "encrypted", id="encrypted"),
        pytest.param(private_pem(rsa_key(), password="abcd", is_traditional=True), "encrypted", id="traditional"),
        pytest.param(pem[:middle], "does not contain a complete key", id="half"),
        pytest.param(pem[:middle] + "!" + pem[middle:], "damaged", id="not base64"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "damaged", id="cut off"),
        pytest.param("", "does not contain a complete key", id="nothing"),
    ]


@each_case(("pem", "says"), unusable)
def test_an_incomplete_rsa_key_is_refused_with_a_reason(pem: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rsa_modulus(pem)
