"""Does what the Dockerfile does, in clean environments and without a Docker engine: `make docker-check`.

The RUN lines of the build stages are executed on a copy of the build context, in other folders. The result of each
target is started with the image's settings, gets a health check, and is ended with SIGTERM. The base image and the user
cannot be tested this way. tests/system/deploy/test_read_only.py tests the read-only file system.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from tests.support.tracked import ROOT, tracked_files
from tests.system.repository.dockerfile import Instruction, is_sent, stages

BUILD, STUDIO, FINAL, *_ = stages()
STARTS_WITHIN_S = 60.0
EXTRAS = ("asyncpg", "obstore", "opentelemetry.exporter.otlp.proto.http", "opentelemetry.instrumentation.fastapi")
"""Packages that a setting may require: nothing can be installed into the image later."""


def main() -> int:
    """Build, inspect the result and run it. Returns 0 if everything works."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _say("context", f"{_copy_context(place / 'context')} files are sent")
        venv.create(place / "base", with_pip=True)
        (place / "build").mkdir()
        for target, steps in (("server", BUILD), ("studio", STUDIO)):
            _say("target", target)
            _build(place, steps)
            _look_into(place)
            _serve(place)
    _say("done", "the image's commands hold")
    return 0


def _copy_context(target: Path) -> int:
    sent = [name for name in tracked_files() if is_sent(name)]
    for name in sent:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return len(sent)


def _build(place: Path, steps: list[Instruction]) -> None:
    """Run a build stage's COPY and RUN in the folders in `place`, with the pip of a new environment."""
    for instruction in steps:
        if instruction.word == "COPY":
            _copy(place, instruction)
        if instruction.word == "RUN":
            command = _here(place, instruction.rest)
            _say("RUN", instruction.rest)
            subprocess.run(["sh", "-euc", command], cwd=place / "build", env=_environment(place, "base"), check=True)


def _copy(place: Path, instruction: Instruction) -> None:
    *sources, target = instruction.rest.split()
    for source in sources:
        path = place / "context" / source
        if path.is_dir():
            shutil.copytree(path, place / "build" / target)
        else:
            (place / "build" / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place / "build" / target)


def _here(place: Path, text: str) -> str:
    return re.sub(r"(?<![\w./])/(?=opt/|build)", f"{place}/", text)


def _environment(place: Path, venv_name: str) -> dict[str, str]:
    pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    return {**pip, "PATH": f"{place / venv_name / 'bin'}:{os.environ['PATH']}", "HOME": str(place)}


def _look_into(place: Path) -> None:
    """Check that the result has no tools for building or installing, and matches the lock file."""
    packages = place / "opt/ncco/lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    tools = [name for name in ("pip", "setuptools", "hatchling", "wheel") if (packages / name).exists()]
    if tools:
        raise SystemExit(f"the result holds {tools}")
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    _say("result", f"no pip, setuptools, hatchling or wheel; {size // 1_000_000} MB of packages")
    subprocess.run([place / "opt/ncco/bin/python", "-c", f"import {', '.join(EXTRAS)}"], check=True)
    _say("extras", f"{', '.join(EXTRAS)} can be imported")
    version = subprocess.run([place / "opt/ncco/bin/ncco", "--version"], capture_output=True, text=True, check=True)
    _say("ncco --version", version.stdout.strip())


def _serve(place: Path) -> None:
    """Run the final stage: its settings, its command, its health check and its stop signal."""
    env = _environment(place, "opt/ncco") | _settings(place) | {"NCCO_INSECURE": "1"}
    shutil.rmtree(place / "data", ignore_errors=True)
    (place / "data").mkdir()
    words = _words("ENTRYPOINT") + _words("CMD")
    log = (place / "log").open("w")
    server = subprocess.Popen(words, cwd=place / "context", env=env, stdout=log, stderr=log)
    try:
        _wait_until_healthy(server, env, place)
        server.send_signal(signal.SIGTERM)
        _say("SIGTERM", f"ended with {server.wait(timeout=15)}")
    finally:
        server.kill()
        log.close()


def _settings(place: Path) -> dict[str, str]:
    pairs = (pair.split("=", 1) for each in FINAL if each.word == "ENV" for pair in each.rest.split())
    settings = {name: value for name, value in pairs if name != "PATH"}
    here = {
        name: value.replace("/srv", f"{place}/context").replace("/data", f"{place}/data")
        for name, value in settings.items()
    }
    mounted = {"NCCO_FLOWS": str(ROOT / "flows"), "NCCO_TEMPLATES": str(ROOT / "templates")}
    return here | mounted | {"NCCO_HOST": "127.0.0.1", "NCCO_PORT": "18473"}


def _words(instruction: str) -> list[str]:
    rest = next(each.rest for each in FINAL if each.word == instruction)
    return [str(word) for word in json.loads(rest[rest.index("[") :])]


def _wait_until_healthy(server: subprocess.Popen[bytes], env: dict[str, str], place: Path) -> None:
    command = _words("HEALTHCHECK")
    deadline = time.monotonic() + STARTS_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0:
            _say("HEALTHCHECK", "healthy")
            return
        time.sleep(0.2)
    raise SystemExit(f"the server did not become healthy:\n{(place / 'log').read_text()}")


def _say(what: str, how: str) -> None:
    sys.stdout.write(f"{what}: {how}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
