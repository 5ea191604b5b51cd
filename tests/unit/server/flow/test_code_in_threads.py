"""Code can be read in several threads at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from ncco_server.flow.handlers.written import WrittenCode


class _Unused:
    """Garbage that, while it is collected, lets another thread run."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        time.sleep(0)


def test_code_is_read_while_garbage_is_collected_and_other_threads_read_code() -> None:
    code = "def shop(a, b=(1, [2, {3: 4}])):\n    return a + b * (a - 1)\n" * 60

    def lines(_: int) -> int:
        _Unused()
        return len(WrittenCode(code, "flows/shop.py").tree.body)

    with ThreadPoolExecutor(4) as threads:
        assert [60] * 200 == list(threads.map(lines, range(200)))
