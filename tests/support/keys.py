"""Keys and certificates for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


def rsa_key(owner: str = "", *, bits: int = 2048) -> RSAPrivateKey:
    """The key of an owner, created once per process because that takes longer than most tests."""
    return _created(owner, bits)


@cache
def _created(owner: str, bits: int) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def private_pem(key: PrivateKeyTypes, *, password: str = "", is_traditional: bool = False) -> str:
    """A private key as PKCS #8 or, traditionally, as PKCS #1; encrypted with a password."""
    form = PrivateFormat.TraditionalOpenSSL if is_traditional else PrivateFormat.PKCS8
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def public_pem(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def self_signed(folder: Path, host: str, days: int, *, name: str = "", age_days: int = 0) -> tuple[Path, Path]:
    """The files of a certificate for a host, which began some days ago, and of its key: NAME.pem and NAME.key."""
    key, begins = rsa_key(name), datetime.now(UTC) - timedelta(days=age_days, minutes=1)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name or host)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{name or 'cert'}.pem", folder / f"{name or 'key'}.{'key' if name else 'pem'}"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_text(private_pem(key), encoding="ascii")
    return files
