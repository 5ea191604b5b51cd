"""A contract of import-linter: modules do not import each other in a circle, not even for types."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output


class NoCircles(Contract):
    """No circle of imports among all modules, those under `TYPE_CHECKING` included."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find a circle."""
        imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the circle."""
        output.print_error(" is imported by ".join(check.metadata["circle"]))
