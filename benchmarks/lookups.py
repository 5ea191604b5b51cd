"""How many concurrent calls get the answer of a lookup that takes 0.8 s, with time limits of 1 s, and 2 s per turn.

    .venv/bin/python -m benchmarks.lookups

The other calls continue with the lookup's default. The server that answers the lookups runs in a separate process.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import sys
import time
from collections import Counter
from contextlib import suppress

import uvloop

from ncco_server.engine import Lookup
from ncco_server.flow.language.lookups import LookupRequest
from ncco_server.service.lookups import LookupClient

TAKES_S = 0.8
CALLS = (100, 200, 300, 400, 600, 800, 1000)
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"name": "An"}'


def main() -> int:
    """Print a line for each number of calls; return 1 if no call got an answer."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(listening,), daemon=True)
    server.start()
    print("| calls at once | with their answer | seconds | processor time each, ms |\n| --- | --- | --- | --- |")
    answered = [uvloop.run(_ask(listening.getsockname()[1], calls)) for calls in CALLS]
    server.terminate()
    return 0 if any(answered) else 1


async def _ask(port: int, calls: int) -> int:
    client = LookupClient()
    request = LookupRequest("GET", f"http://localhost:{port}/", timeout_ms=1000)
    await client.answer(Lookup("step", "customer", request, "first", "flow"), client.budget_ms)
    began, used = time.perf_counter(), time.process_time()
    asked = [Lookup("step", "customer", request, str(number), "flow") for number in range(calls)]
    answers = await asyncio.gather(*(client.answer(lookup, client.budget_ms) for lookup in asked))
    seconds, used_ms = time.perf_counter() - began, (time.process_time() - used) * 1000 / calls
    await client.close()
    good = Counter(answer.problem for answer in answers)[""]
    print(f"| {calls:,} | {good:,} | {seconds:.2f} | {used_ms:.2f} |", flush=True)
    return good


def _serve(listening: socket.socket) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(TAKES_S)
                writer.write(ANSWER)
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, sock=listening)
        await server.serve_forever()

    uvloop.run(serve())


if __name__ == "__main__":
    sys.exit(main())
