"""Plain HTTP to servers on the loopback: like `httpx`, but with long time limits and without loading certificates."""

from __future__ import annotations

from functools import partial
from typing import Final

import httpx

get: Final = partial(httpx.get, verify=False, trust_env=False, timeout=120)
post: Final = partial(httpx.post, verify=False, trust_env=False, timeout=120)
delete: Final = partial(httpx.delete, verify=False, trust_env=False, timeout=120)
