"""Closed-loop load: as many requests as a number of connections can handle, one at a time each."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.load.serving import Server, cpu_us

ANSWERS: Final = """
local file = assert(io.open("{answers}", "rb"))
request = function()
  return file:read({length}) or os.exit(3)
end
"""
"""Sends each request once: repeated deliveries would be less work."""

INPUTS: Final = """
local answers, inputs = assert(io.open("{answers}", "rb")), assert(io.open("{inputs}", "rb"))
local paths = {{}}
request = function()
  local path = table.remove(paths)
  if path then return "POST " .. path .. (inputs:read({inputs_length}) or os.exit(3)) end
  return answers:read({length}) or os.exit(3)
end
response = function(_, _, body)
  local path = body:match("/webhooks/input/[%w_-]+")
  if path then table.insert(paths, path) end
end
"""
"""Sends an input webhook that presses a key after each answer webhook."""


class Load(NamedTuple):
    """The result of one run: requests a second, microseconds of processor time per request, and number of requests.

    On a machine that is too busy, all three can be 0.
    """

    rate: float
    cpu_us: float
    requests: int


def load(server: Server, script: Path, *, seconds: float, connections: int) -> Load:
    """Run wrk. Raises RuntimeError if a request failed or the script's file was too short."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", str(script), server.url]
    before = cpu_us(server.pid)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    used = cpu_us(server.pid) - before
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", ended.stdout), re.search(r"(\d+) requests in", ended.stdout)
    if ended.returncode or "Non-2xx" in ended.stdout or "Socket errors" in ended.stdout or not (rate and count):
        raise RuntimeError(f"wrk ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    requests = int(count[1])
    return Load(float(rate[1]), used / max(requests, 1), requests)
