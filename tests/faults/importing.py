"""Loads the rooms of the server so that each of their points can be broken. Comes before anything imports them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from tests.faults.breaking import Faults
from tests.faults.points import Point, breakable

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("app.service", "app.store", "app.vonage", "app.web")


def is_in_room(module: str) -> bool:
    """Whether a module is one of those that are broken."""
    return any(module == room or module.startswith(f"{room}.") for room in ROOMS)


def all_points() -> list[Point]:
    """Every point of every module of the rooms, whether it is ever imported or not."""
    found: list[Point] = []
    for room in ROOMS:
        for path in sorted(ROOT.joinpath(*room.split(".")).rglob("*.py")):
            found += breakable(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))[1]
    return found


class _Loader(SourceFileLoader):
    """Compiles what can be broken; nothing of it is kept on disk."""

    def __init__(self, name: str, path: str, faults: Faults) -> None:
        super().__init__(name, path)
        self._faults = faults

    def get_code(self, fullname: str) -> CodeType:
        """The code of a module."""
        source = Path(self.path).read_text(encoding="utf-8")
        tree: ast.Module = breakable(str(Path(self.path).relative_to(ROOT)), source)[0]
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Run it, where it finds what it asks at each point."""
        module.__dict__["__faults__"] = self._faults
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        found = PathFinder.find_spec(name, path, target) if is_in_room(name) else None
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(found.loader.name, found.loader.path, self._faults)
        return found


def make_breakable() -> Faults:
    """From now on the rooms are loaded so. Raises RuntimeError when one has been loaded already."""
    loaded = sorted(name for name in sys.modules if is_in_room(name))
    if loaded:
        raise RuntimeError(f"{loaded[0]} is loaded already")
    faults = Faults()
    sys.meta_path.insert(0, _Finder(faults))
    return faults
