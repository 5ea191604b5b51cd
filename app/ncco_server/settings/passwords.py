"""Passwords, hashed with Argon2."""

from __future__ import annotations

import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

_HASHER: Final = PasswordHasher()


def hash_password(password: str) -> str:
    return _HASHER.hash(_normalised(password))


def has_password(hash_: str, password: str) -> bool:
    try:
        return _HASHER.verify(hash_, _normalised(password))
    except VerifyMismatchError:
        return False


def _normalised(password: str) -> str:
    """Keyboards compose characters differently."""
    return unicodedata.normalize("NFC", password)
