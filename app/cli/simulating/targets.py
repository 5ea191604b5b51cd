"""What is called: a flow of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.cli.output import CannotRun
from app.cli.project import Source, did_you_mean, flow_of_file, load_without_errors, path_of, source_of
from app.flow.model import Flow, Project
from app.verify.scenarios.answers import Declared
from app.verify.scenarios.fitting import Fitting
from app.verify.scenarios.model import CallFacts, Scenario
from app.verify.scenarios.reader import Reader
from app.verify.scenarios.telling import Rename


@dataclass(frozen=True, slots=True)
class Called:
    """A project, and the call that is made to it.

    Attributes:
        facts: as the person has said them.
        fitted: the same with the number and the flow filled in.
    """

    project: Project
    source: Source
    facts: CallFacts
    fitted: CallFacts

    @property
    def kept(self) -> CallFacts:
        """What a scenario says of the call: what the person has said, or else which flow was found."""
        return self.facts if self.facts.flow or self.facts.to else self.fitted

    @property
    def flows(self) -> tuple[Flow, ...]:
        """Every flow of the project."""
        return tuple(self.project.flows.values())

    @property
    def rename(self) -> Rename:
        """A file of a flow, as the person can open it."""
        return partial(path_of, source=self.source)


def find_called(what: str | None, facts: CallFacts, flows: Path | None, templates: Path | None) -> Called | None:
    """The flow of that name, the project in that folder, or the one here.

    None when its flows have errors, which are printed then. Raises CannotRun.
    """
    source, name = source_of(what, flows, templates)
    found = load_without_errors(source)
    if found is None:
        return None
    known = found.project.flows
    if name and name not in known:
        raise CannotRun(f'there is no flow "{name}", nor a project of that name', did_you_mean(name, known))
    chosen = CallFacts(facts.place, facts.to, facts.from_, name or flow_of_file(source, found), at=facts.at)
    if not chosen.flow and not chosen.to:
        _require_clear(known)
    return Called(found.project, source, chosen, _fit(chosen, found.project))


def _require_clear(known: Mapping[str, Flow]) -> None:
    startable = [flow for flow in known.values() if flow.is_startable]
    if len(startable) > 1 and not any(flow.default for flow in startable):
        names = ", ".join(sorted(flow.name for flow in startable))
        raise CannotRun("it is not clear which flow is called", f"name one of {names}, or a number with --to")


def _fit(facts: CallFacts, project: Project) -> CallFacts:
    """Raises CannotRun when no flow takes the call."""
    reader, flows = Reader(), tuple(project.flows.values())
    scenario = Fitting(flows, Declared(flows)).fit(Scenario("", facts.place, facts), reader)
    if reader.issues:
        raise CannotRun(reader.issues[0].message, reader.issues[0].cure)
    return scenario.call
