"""A contract of import-linter: modules do not import each other in a circle, not even for types."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output

PACKAGES: Final = ("ncco_server", "ncco_studio")


class NoCircles(Contract):
    """No circle of imports among all modules, also under `TYPE_CHECKING` or by `import_module`."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find a circle."""
        imports = {
            module: graph.find_modules_directly_imported_by(module) | {*_late(module)} for module in graph.modules
        }
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the circle."""
        output.print_error(" is imported by ".join(check.metadata["circle"]))


def _late(module: str) -> Iterator[str]:
    """The modules that functions of a module import by their whole names."""
    spec = importlib.util.find_spec(module) if module.startswith(PACKAGES) else None
    if spec is None or spec.origin is None:
        return
    for node in ast.walk(ast.parse(Path(spec.origin).read_bytes())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            match node.args[0]:
                case ast.Constant(value=str(name)) if name.startswith(PACKAGES):
                    yield name
