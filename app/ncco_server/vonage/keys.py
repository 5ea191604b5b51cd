"""RSA keys in PEM form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]*KEY)-----\s.*-----END \1-----", re.DOTALL)


def rsa_private_key(pem: str) -> RSAPrivateKey:
    """Raise ValueError unless it is a sound, unencrypted PKCS #1 or PKCS #8 key."""
    key = _loaded(pem)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key" if "PRIVATE KEY" in pem else "is a public key")
    return key


def rsa_modulus(pem: str) -> int:
    """Its bit length is the key size. Raises ValueError."""
    key = _loaded(pem)
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    if not isinstance(public, RSAPublicKey):
        raise ValueError("is not an RSA key")
    return public.public_numbers().n


def new_private_key() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@lru_cache(maxsize=8)
def _loaded(pem: str) -> object:
    """Checking a key takes 50 ms."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("does not contain a complete key in PEM format")
    try:
        if "PUBLIC" in found[1]:
            return load_pem_public_key(pem.encode())
        return load_pem_private_key(pem.encode(), None)
    except TypeError as error:
        raise ValueError("is encrypted with a passphrase") from error
    except UnsupportedAlgorithm as error:
        raise ValueError("is not an RSA key") from error
    except ValueError as error:
        raise ValueError("is damaged") from error
