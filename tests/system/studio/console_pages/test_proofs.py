"""Proofs are slow, so they run in a separate subprocess."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ncco_studio.console.app import create_console
from tests.system.studio.console_pages.proof_tasks import (
    Prover,
    allow_proof,
    proof_begins,
    proof_env,
    proofs_begun,
    prove_when_allowed,
)
from tests.unit.studio.console.conftest import logged_in, settings_for
from tests.unit.studio.editor import worker_tasks

FLOW = 'flow: main\nstart: hello\nsteps:\n  hello: {do: [{talk: "Hello."}], goto: end}\n'
PROOF = "/flows/main/proof"


@asynccontextmanager
async def somebody(project: Path, proof: Callable[..., Any], seconds: float = 60) -> AsyncIterator[httpx.AsyncClient]:
    """A client that looks at a flow. `proof` proves the flow, and is stopped after `seconds`."""
    (project / "flows").mkdir()
    (project / "flows/main.yaml").write_text(FLOW, encoding="utf-8")
    app = create_console(settings_for(project), dev=True)
    app.state.console.project.env = proof_env(project)
    app.state.console.prover = Prover(proof, seconds)
    async with await logged_in(app) as client:
        yield client
    await app.state.console.prover.close()


async def test_a_page_opens_before_its_proof_which_two_tabs_share(tmp_path: Path) -> None:
    async with somebody(tmp_path, prove_when_allowed) as client:
        tabs = [asyncio.create_task(client.post(PROOF)) for _ in range(2)]
        await proof_begins(tmp_path)
        page = await client.get("/flows/main")
        assert not any(tab.done() for tab in tabs)
        allow_proof(tmp_path)
        first, second = [await tab for tab in tabs]

    assert "<svg" in page.text
    assert first.text == second.text
    assert "main is proved" in first.text
    assert 1 == proofs_begun(tmp_path)


@pytest.mark.parametrize(
    ("proof", "seconds", "said"),
    [
        (worker_tasks.run_out_of_time, 3, "took longer than 3 seconds and was stopped"),
        (worker_tasks.die, 60, "too much memory and was stopped"),
        (worker_tasks.fail, 60, "could not be done"),
    ],
)
async def test_a_proof_that_fails_says_why_and_what_to_do(
    tmp_path: Path, proof: Callable[..., Any], seconds: float, said: str
) -> None:
    async with somebody(tmp_path, proof, seconds) as client:
        reply = await client.post(PROOF)

    assert 503 == reply.status_code
    assert said in reply.text
    assert "ncco prove on the command line does not have these limits." in reply.text


async def test_a_flow_saved_meanwhile_is_proved_again(tmp_path: Path) -> None:
    async with somebody(tmp_path, prove_when_allowed) as client:
        before = asyncio.create_task(client.post(PROOF))
        await proof_begins(tmp_path)
        allow_proof(tmp_path)
        (tmp_path / "flows/main.yaml").write_text(FLOW.replace("Hello", "Welcome"), encoding="utf-8")
        after = await client.post(PROOF)
        (tmp_path / "flows/main.yaml").write_text(FLOW.replace("goto: end", "goto: nowhere"), encoding="utf-8")
        broken = await client.post(PROOF)
        painted = await client.get("/flows/main/painted")

    assert [200, 200, 404] == [each.status_code for each in (await before, after, broken)]
    assert 2 == proofs_begun(tmp_path)
    assert "The flow main was removed or now has errors. Reload the page." in painted.text
