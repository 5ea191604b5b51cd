"""Several processes prove the same as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ncco_server.flow.loader import load_files
from ncco_studio.verify.prove import CallLimits, FlowVerdict, SearchLimits, roots_of
from ncco_studio.verify.prove.many import ProofRequest, prove_all
from tests.support.tracked import ROOT
from tests.system.studio.verify.prove.proved_flows import NOW


def no_progress(flow: str, found: int, waiting: int) -> None:
    """Called in other processes."""


def proved(folder: Path, *, alone_s: float) -> dict[str, FlowVerdict]:
    flows = roots_of(load_files(folder / "flows", folder / "templates").flows)
    question = ProofRequest(NOW, {}, SearchLimits(), CallLimits(), str)
    found = prove_all(flows, question, None, no_progress, alone_s=alone_s)
    return {verdict.flow: replace(verdict, seconds=0.0) for verdict in found}


def test_several_processes_prove_the_same_as_one() -> None:
    assert proved(ROOT, alone_s=600.0) == proved(ROOT, alone_s=0.0)
