"""A PgBouncer that runs each transaction on any of its connections to PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.postgres_server import USER, Server
from tests.support.server import free_port
from tests.support.waiting import happens, listens

START_S = 30

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 8
server_round_robin = 1
max_client_conn = 200
"""


@contextmanager
def running_pooler(server: Server, database: str) -> Iterator[str]:
    """Run it in front of a server; yields the URL of one of its databases. Skips the test without the program."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ncco-pooler-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        (home / "users").write_text(f'"{USER}" ""')
        settings = _SETTINGS.format(server_port=server.port, port=port, users=home / "users")
        (home / "pgbouncer.ini").write_text(settings)
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([program, home / "pgbouncer.ini"], stdout=log, stderr=log, **server.who)
            try:
                happens(lambda: listens(port) or process.poll() is not None, START_S)
                assert listens(port), (home / "log").read_text()
                yield f"postgresql://{USER}@127.0.0.1:{port}/{database}?sslmode=disable&pooler=transaction"
            finally:
                process.kill()
                process.wait()
