"""The size of an RSA key, in all the forms that a private.key comes in."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from app.vonage.keys import rsa_modulus

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the keys")


def openssl(*words: str, stdin: str = "") -> str:
    return subprocess.run(["openssl", *words], input=stdin, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def key() -> str:
    return openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def test_a_private_key_in_each_form_and_its_public_key_have_one_modulus(key: str) -> None:
    expected = int(openssl("rsa", "-noout", "-modulus", stdin=key).strip().removeprefix("Modulus="), 16)
    forms = [key, openssl("rsa", "-traditional", stdin=key), openssl("rsa", "-pubout", stdin=key)]

    assert [expected] * 3 == [rsa_modulus(form) for form in forms]
    assert [2048] == list({rsa_modulus(form).bit_length() for form in forms})


def test_a_small_key_has_its_size() -> None:
    assert 1024 == rsa_modulus(openssl("genrsa", "1024")).bit_length()


def test_what_is_no_whole_rsa_key_says_why(key: str) -> None:
    middle = len(key) // 2
    cases = {
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"): "not an RSA key",
        openssl("genpkey", "-algorithm", "ed25519"): "not an RSA key",
        openssl("rsa", "-aes256", "-passout", "pass:abcd", stdin=key): "encrypted",
        openssl("rsa", "-aes256", "-traditional", "-passout", "pass:abcd", stdin=key): "encrypted",
        key[:middle]: "no complete key",
        key[:middle] + "!" + key[middle:]: "damaged",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n": "damaged",
        "": "no complete key",
    }

    for pem, says in cases.items():
        with pytest.raises(ValueError, match=says):
            rsa_modulus(pem)
