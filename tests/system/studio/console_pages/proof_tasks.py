"""Proofs that begin and end when a test says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ncco_studio.console.flow_proof import verdict_on
from ncco_studio.editor.worker import Worker


def prove_when_allowed(folder: dict[str, Any], **values: Any) -> Any:
    """A proof that signals its start and waits for `allow_proof`."""
    env = folder["env"]
    with Path(env["BEGUN"]).open("a") as begun:
        begun.write("begun\n")
    while not Path(env["ALLOWED"]).exists():
        time.sleep(0.01)
    return verdict_on(folder, **values)


class Prover(Worker):
    """Makes each proof by one of the tasks here."""

    def __init__(self, proof: Callable[..., Any], seconds: float = 60) -> None:
        super().__init__(seconds=seconds)
        self._proof = proof

    async def run(self, function: Callable[..., Any], values: Mapping[str, Any], **more: Any) -> Any:
        return await super().run(self._proof, values, **more)


def proof_env(folder: Path) -> dict[str, str]:
    """The variables of a project for `prove_when_allowed`."""
    return {"BEGUN": str(folder / "begun"), "ALLOWED": str(folder / "allowed")}


def proofs_begun(folder: Path) -> int:
    file = folder / "begun"
    return len(file.read_text().splitlines()) if file.exists() else 0


async def proof_begins(folder: Path) -> None:
    """Wait until a proof has started."""
    async with asyncio.timeout(60):
        while not proofs_begun(folder):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)


def allow_proof(folder: Path) -> None:
    """Let the proof end, and all further ones."""
    (folder / "allowed").touch()
