"""Encrypts the sensitive values of a placed call until its last attempt is over.

Without the salt, which the call's end deletes, not even the server's key decrypts them.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ncco_server.service.masks import MASKED

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LABEL: Final = b"ncco-server: values of placed calls, first version"


def new_salt() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class PlacedCipher:
    """Encrypts the values of one placed call; see `ncco_server.engine.session.Cipher`."""

    _ciphers: tuple[AESGCM, ...] = field(repr=False)

    @classmethod
    def of(cls, keys: Sequence[bytes], salt: str) -> PlacedCipher | None:
        """None if the call keeps nothing. The first key encrypts, all decrypt."""
        return cls(tuple(AESGCM(_derived(key, salt)) for key in keys)) if salt else None

    def encrypt(self, text: str) -> str:
        """The result is different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._ciphers[0].encrypt(nonce, text.encode(), None)
        return MASKED + urlsafe_b64encode(sealed).decode()

    def decrypt(self, token: str) -> str | None:
        """Return None for any other text."""
        if not token.startswith(MASKED):
            return None
        try:
            sealed = urlsafe_b64decode(token.removeprefix(MASKED))
        except ValueError:
            return None
        for cipher in self._ciphers if len(sealed) > _NONCE_BYTES else ():
            try:
                return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()
            except InvalidTag:
                continue
        return None


def _derived(key: bytes, salt: str) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt.encode(), _LABEL).derive(key)
