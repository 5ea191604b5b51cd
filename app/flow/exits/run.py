"""`run`: another flow takes over, and the call goes on here by what came of it.

run: pin_check
with: {tries: 3}
on:
  verified: account        # one of the `outcomes` that flow declares
  otherwise: reception     # the rest of them

That flow comes back with `goto: {return: verified, set: {..}}`. An error that it does not handle is `error` here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.flow.assignments import declared_under
from app.flow.exits.source import StepSource, Wired
from app.flow.fields import Fields, read_fields
from app.flow.model import Asked, Decision, Edge, Frame, Go, Jump, Outcome, Part, Runs, Target, Variable
from app.flow.nodes import Place
from app.flow.reader import Reader
from app.flow.scope import variable_type
from app.flow.signature import Signature
from app.flow.targets import RETURNED, read_run, read_target
from app.flow.templates import Expression

OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Line:
    """One outcome and where it leads."""

    target: Target
    place: Place


@dataclass(frozen=True, slots=True)
class Run:
    """Leads into another flow; what that flow returns decides."""

    word: ClassVar[str] = "run"
    is_steady: ClassVar[bool] = True
    is_early: ClassVar[bool] = False
    asks_again: ClassVar[bool] = False
    words: ClassVar[frozenset[str]] = frozenset({"run", "with", "on"})

    runs: Runs
    lines: Mapping[str, Line]
    outcomes: tuple[str, ...]
    place: Place

    @property
    def asked(self) -> Asked | None:
        """Nothing is asked here."""
        return None

    def edges(self) -> Iterator[Edge]:
        """Into the other flow, and on from here by each line."""
        yield Edge(f"run {self.runs.flow}", Target(None, self.place, runs=self.runs), passes_input=False)
        for name, line in self.lines.items():
            yield Edge(name, line.target, passes_input=False)

    def uses(self) -> Iterator[Part | Expression]:
        """Nothing of its own."""
        yield from ()

    def enter(self, frame: Frame) -> Jump | None:
        """Into the other flow, at once."""
        return Jump(Target(None, self.place, runs=self.runs), self.place, f"run: {self.runs.flow}")

    def decide(self, outcome: Outcome, frame: Frame, tries: int) -> Decision | None:
        """The line of what was returned."""
        found = outcome.name if outcome.name in self.lines else OTHERWISE
        line = self.lines.get(found)
        if line is None:
            return None
        others = tuple(f"{other}: it was {outcome.name}" for other in self.lines if other != found)
        return Decision(Go(line.target), outcome.name, line.place, f'{outcome.because}; "{found}" decides', others)


def read_run_exit(source: StepSource, reader: Reader) -> Wired | None:
    """The `run` of a step with its `with` and `on`."""
    fields = source.fields
    place = fields.at("run")
    runs = read_run(fields.values["run"], fields.get("with"), reader, comes_back=True)
    signature = reader.flows.get(runs.flow) if runs else None
    node = fields.need("on", _lines_cure(signature), reader)
    found = reader.map(node, "`on`", _lines_cure(signature)) if node else None
    if runs is None or found is None:
        return None
    outcomes = _outcomes(signature)
    known = (*outcomes, OTHERWISE, "error") if signature and signature.is_whole else (*found.keys(), OTHERWISE)
    lines = read_fields(found, known, "`on`", reader, place=fields.at("on"), code="E275")
    written = {name: value for name, value in lines.values.items() if name != "error"}
    targets = {name: read_target(value, f"`{name}`", reader) for name, value in written.items()}
    if signature is not None and signature.is_whole:
        _check_lines(lines, signature, reader)
        _check_returned(signature, source, place, reader)
    kept = {name: Line(target, lines.at(name)) for name, target in targets.items() if target is not None}
    return Wired(Run(runs, kept, outcomes, place), source.parts)


def _check_returned(signature: Signature, source: StepSource, place: Place, reader: Reader) -> None:
    """What comes back fills the variables of the same names: E203 for another type, E226 for a secret in the open."""
    for name, returned in signature.returns.items():
        variable = source.variables.get(name)
        if variable is None:
            continue
        if not _fits(returned, variable):
            message = f'the flow "{signature.name}" returns "{name}" as {variable_type(returned).described}'
            message = f"{message}, and the variable of this flow is {variable_type(variable).described}"
            reader.report("E203", place, message, "declare both alike, or give one of them another name")
        if returned.sensitive and not variable.sensitive:
            message = f'the flow "{signature.name}" returns the sensitive "{name}", and this flow keeps it in the open'
            cure = f"declare `{name}` with `sensitive: true` under {declared_under(name, reader)}"
            reader.report("E226", place, message, cure)


def _fits(returned: Variable, variable: Variable) -> bool:
    """Whether every value of the one may be kept in the other."""
    if variable.words:
        return bool(returned.words) and set(returned.words) <= set(variable.words)
    is_wider = variable.type_name in {"text", "number"}
    if is_wider:
        return variable_type(returned).kind == variable_type(variable).kind
    return returned.type_name == variable.type_name and not returned.words


def _outcomes(signature: Signature | None) -> tuple[str, ...]:
    return (signature.outcomes or (RETURNED,)) if signature else ()


def _lines_cure(signature: Signature | None) -> str:
    shown = ", ".join(f"{name}: step" for name in _outcomes(signature) or ("outcome",))
    return f"add `on: {{{shown}}}`"


def _check_lines(lines: Fields, signature: Signature, reader: Reader) -> None:
    missing = [name for name in _outcomes(signature) if name not in lines.values]
    if OTHERWISE in lines.values and not missing:
        message = f"`otherwise` catches nothing: every outcome of {signature.name} has its own line"
        reader.report("W267", lines.at(OTHERWISE), message)
    elif OTHERWISE not in lines.values and missing and lines.is_whole:
        shown = ", ".join(missing)
        message = f'`on` does not say where a call goes when the flow "{signature.name}" returns {shown}'
        reader.report("E276", lines.place, message, f"add `otherwise: step`, or a line each for {shown}")
