"""Plain HTTP to servers on the loopback: as `httpx.get` and `httpx.post`, without the 20 ms to load certificates."""

from __future__ import annotations

from functools import partial
from typing import Final

import httpx

get: Final = partial(httpx.get, verify=False, trust_env=False)
post: Final = partial(httpx.post, verify=False, trust_env=False)
