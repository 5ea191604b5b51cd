"""The program `ncco` of a shell in the tests: asks a fork server for a copy, passes signals on, and ends as it does."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main() -> None:
    server = socket.socket(fileno=int(os.environ.pop("FORK_SERVER")))
    reply, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109 - pathlib takes 10 ms
    socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2, theirs.fileno()])
    theirs.close()
    pid = int(reply.recv(64))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    code = int(reply.recv(64))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


main()
