"""Plain HTTP to servers on the loopback: as `httpx.get` and `httpx.post`, patient, and without loading certificates."""

from __future__ import annotations

from functools import partial
from typing import Final

import httpx

get: Final = partial(httpx.get, verify=False, trust_env=False, timeout=30)
post: Final = partial(httpx.post, verify=False, trust_env=False, timeout=30)
