"""Reads the size of an RSA key, private or public."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]*KEY)-----\s+(.*?)-----END \1-----", re.DOTALL)
_RSA_OID: Final = bytes.fromhex("2a864886f70d010101")
"""`rsaEncryption`. Source: RFC 8017, A.1."""
_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_WRAPPERS: Final = frozenset({0x30, 0x04})
"""SEQUENCE, and OCTET STRING, in which PKCS #8 wraps a private key."""


def rsa_modulus(pem: str) -> int:
    """The modulus of an RSA key in PEM form (PKCS #1, PKCS #8 or a public key); its length is that of the key.

    Raises ValueError: it is encrypted, damaged, or a key of another kind.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("has no complete key in PEM form")
    if "ENCRYPTED" in found[1] or "ENCRYPTED" in found[2]:
        raise ValueError("is encrypted with a passphrase")
    try:
        der = base64.b64decode("".join(found[2].split()), validate=True)
    except ValueError as error:
        raise ValueError("is damaged: its lines are not base64") from error
    if not found[1].startswith("RSA") and _RSA_OID not in der:
        raise ValueError("is not an RSA key")
    modulus = next((number for number in _integers(der) if number), 0)  # before it is the version, 0
    if not modulus:
        raise ValueError("is damaged: it has no modulus")
    return modulus


def _integers(der: bytes) -> Iterator[int]:
    """Each INTEGER of a DER document, also inside of what wraps others, until something is cut off."""
    at = 0
    while at + 2 <= len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size])
            at += size
        if at + length > len(der):
            return
        if tag == _INTEGER:
            yield int.from_bytes(der[at : at + length])
        if tag == _BIT_STRING:
            at += 1  # the number of unused bits
        elif tag not in _WRAPPERS:
            at += length
