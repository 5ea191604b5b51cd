"""Plays the scenarios of a project for the console, in its subprocess: plain values in, plain values out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.cli.server_under_test import make_app
from app.flow.loader import load
from app.verify.scenarios.files import files_of, read_files
from app.verify.scenarios.runner import LocalStage, run_suite


def cover_flows(
    texts: Mapping[str, str], env: Mapping[str, str], home: str, dial_allow: Sequence[str]
) -> dict[str, Any]:
    """What the scenarios of a project take: how many were played and differ, and each outcome with its calls.

    Args:
        texts: display path → text of the whole project; flows with errors are left out.
        env: the variables that flows may read.
        home: the folder of the project, whose scenarios are played.
        dial_allow: prefixes of computed numbers that may be dialled.
    """
    project = replace(load(texts, env, extent="project"), issues=())
    stage = LocalStage(project, make_app, tuple(dial_allow))
    suite = asyncio.run(run_suite(stage, read_files(files_of(Path(home)))))
    return {
        "scenarios": len(suite.results),
        "differing": sum(not result.holds for result in suite.results),
        "counts": [
            [*outcome[:3], count] for flow in suite.coverage.flows.values() for outcome, count in flow.outcomes.items()
        ],
    }
