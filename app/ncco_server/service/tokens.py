"""The token in a callback URL identifies a wait; only this server can have signed it.

It is the URL-safe base64 of: one byte for the wait's kind and the session ID's encoding, the turn and the index as
varints, the session ID, and a keyed 16-byte BLAKE2b hash. Rendering a turn twice gives the same URLs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Final

from ncco_server.engine import WaitRef
from ncco_server.errors import UnknownWait
from ncco_server.flow.frame import CallbackKind

MAC_BYTES = 16

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_KINDS: tuple[CallbackKind, ...] = ("input", "notify", "event", "onanswer", "placed", "agent")
_TEXT, _HEX, _DASHED = 0, 1, 2
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_DASHED_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_OTHER_FORM: Final = "not in the form that this server writes"


def make_token(key: bytes, ref: WaitRef) -> str:
    """About 50 characters for a leg's UUID."""
    packing, session = _pack(ref.session)
    head = _KINDS.index(ref.kind) << 4 | packing
    payload = bytes((head,)) + _varints(ref.turn, ref.index) + session
    return _encode(payload + _mac(key, payload))


def _encode(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def read_token(keys: Sequence[bytes], kind: CallbackKind, token: str) -> WaitRef:
    """Raise UnknownWait if its kind differs, or none of `keys` signed it."""
    try:
        raw = a2b_base64(token.encode().translate(_STANDARD) + b"==")  # too much padding is ignored
        if _encode(raw) != token:
            raise ValueError(_OTHER_FORM)
        payload, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, payload)) for key in keys):
            raise ValueError("not signed by this server")
        (turn, index), session = _read_varints(payload[1:], 2)
        if _KINDS[payload[0] >> 4] != kind:
            raise ValueError("of another kind")
        return WaitRef(kind, _unpack(payload[0] & 0x0F, session), turn, index)
    except IndexError as error:
        raise UnknownWait("no call waits for this: the token is truncated") from error
    except (Error, UnicodeError) as error:
        raise UnknownWait(f"no call waits for this: the token is {_OTHER_FORM}") from error
    except ValueError as error:
        raise UnknownWait(f"no call waits for this: the token is {error}") from error


def _mac(key: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=MAC_BYTES, key=key).digest()


def _pack(session: str) -> tuple[int, bytes]:
    if _HEX_ID.fullmatch(session):
        return _HEX, bytes.fromhex(session)
    if _DASHED_ID.fullmatch(session):
        return _DASHED, bytes.fromhex(session.replace("-", ""))
    return _TEXT, session.encode()


def _unpack(packing: int, session: bytes) -> str:
    if packing == _TEXT:
        return session.decode()
    text = session.hex()
    if packing == _HEX:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _varints(*numbers: int) -> bytes:
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def _read_varints(data: bytes, count: int) -> tuple[list[int], bytes]:
    """The numbers and the remaining bytes. Raises IndexError if the data has fewer."""
    numbers = []
    at = 0
    for _ in range(count):
        number = data[at] & 0x7F
        shift = 7
        while data[at] > 0x7F:
            at += 1
            number |= (data[at] & 0x7F) << shift
            shift += 7
        at += 1
        numbers.append(number)
    return numbers, data[at:]
