"""The project's own modules that a handler imports: they are part of the revision of its flow."""

from __future__ import annotations

import ast
import builtins
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import decode_source, resolve_name
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeAlias

from ncco_server.flow.files import MODULES
from ncco_server.syntax_trees import syntax_tree

_PACKAGE: Final = "/__init__.py"
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
_NOT_OWN: Final = sys.stdlib_module_names | {"ncco_server", "ncco_studio"}


class OwnModule(NamedTuple):
    """A module, by its path in a revision."""

    path: str
    text: str

    @property
    def name(self) -> str:
        return self.path.removeprefix(MODULES).removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        return self.name if self.path.endswith(_PACKAGE) else self.name.rpartition(".")[0]


Find: TypeAlias = Callable[[str], OwnModule | None]
"""Finds a module by its name; None if it is not the project's own."""

_imported: Final[dict[str, tuple[ModuleType, OwnModule]]] = {}
"""Modules of this process, with their texts when they were imported."""


def stored_in(sources: Mapping[str, str]) -> Find:
    def find(name: str) -> OwnModule | None:
        path = MODULES + name.replace(".", "/")
        each = f"{path}.py" if f"{path}.py" in sources else path + _PACKAGE
        return OwnModule(each, sources[each]) if each in sources else None

    return find


def in_process(name: str) -> OwnModule | None:
    """The module as it is imported already, or would be imported now."""
    module = sys.modules.get(name)
    if module is not None and name in _imported and _imported[name][0] is module:
        return _imported[name][1]
    file = _file_of(name)
    if file is None:
        return None
    try:
        text = decode_source(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None
    is_package = file.name == "__init__.py"
    found = OwnModule(MODULES + name.replace(".", "/") + (_PACKAGE if is_package else ".py"), text)
    if module is not None:
        _imported[name] = module, found
    return found


def _file_of(name: str) -> Path | None:
    """Import nothing. Return None for a module that is installed."""
    folders: Sequence[str] | None = None
    origin: str | None = None
    for number, each in enumerate(_with_parents(name)):
        if each in _NOT_OWN or (number and folders is None):
            return None
        spec = PathFinder.find_spec(each, folders)
        if spec is None:
            return None
        folders, origin = spec.submodule_search_locations, spec.origin
    file = Path(origin or "")
    return file if file.suffix == ".py" and _INSTALLED.isdisjoint(file.parts) else None


def _with_parents(name: str) -> Iterator[str]:
    return accumulate(name.split("."), "{}.{}".format)


@lru_cache(maxsize=1000)
def _imports(text: str, package: str) -> Set[str]:
    """The names of modules, and others, that code imports."""
    found: set[str] = set()
    try:
        tree = syntax_tree(text)
    except (SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found.update(each.name for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                with suppress(ImportError):  # Python reports it
                    whole = resolve_name("." * level + (module or ""), package)
                    found.update((whole, *(f"{whole}.{each.name}" for each in names)))
    return {each for name in found for each in _with_parents(name)}


def own_modules(text: str, package: str, find: Find) -> dict[str, str]:
    """The path and the text of each own module that code imports, or that these modules import."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = [*_imports(text, package)]
    while waiting:
        name = waiting.pop()
        if name not in seen and (module := find(name)) is not None:
            found[module.path] = module.text
            waiting += _imports(module.text, module.package)
        seen.add(name)
    return found


def note_imported(modules: Mapping[str, str]) -> None:
    """Remember the text of modules that this process has imported, before their files change."""
    for path in modules:
        in_process(OwnModule(path, "").name)


class OldModules:
    """Imports modules as they are in a revision, if they or what they import have changed since."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        own = [OwnModule(*each) for each in modules.items()]
        self._modules = {module.name: module for module in own}
        self.changed = {module.name for module in own if in_process(module.name) != module}
        before = -1
        while before != len(self.changed):
            before = len(self.changed)
            self.changed |= {each for name in self.changed for each in _with_parents(name)}
            self.changed |= {
                each.name for each in own if not self.changed.isdisjoint(_imports(each.text, each.package))
            }
        self._digest = hashlib.sha256(repr(sorted(modules.items())).encode()).hexdigest()[:16]
        self._loaded: dict[str, ModuleType] = {}
        self.builtins = {**vars(builtins), "__import__": self._import}

    def _import(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> ModuleType:
        whole = resolve_name("." * level + name, globals["__package__"]) if level else name
        if whole.partition(".")[0] not in self.changed:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        *_, module = found = [self._load(each) for each in _with_parents(whole)]
        if not fromlist:
            return found[0]
        for each in fromlist:
            if not hasattr(module, each) and f"{whole}.{each}" in self._modules:
                setattr(module, each, self._load(f"{whole}.{each}"))
        return module

    def _load(self, name: str) -> ModuleType:
        if name in self._loaded:
            return self._loaded[name]
        parent, _, last = name.rpartition(".")
        above = self._load(parent) if parent else None
        module = self._loaded[name] = self._run(name) if name in self.changed else import_module(name)
        if parent in self.changed:
            setattr(above, last, module)
        return module

    def _run(self, name: str) -> ModuleType:
        """A package without a file has no code."""
        found = self._modules.get(name, OwnModule(MODULES + name.replace(".", "/") + _PACKAGE, ""))
        module = ModuleType(f"{name}@{self._digest}")
        module.__package__ = found.package
        module.__file__ = str(_file_of(name) or found.path)
        module.__dict__["__builtins__"] = self.builtins
        self._loaded[name] = sys.modules[module.__name__] = module
        try:
            exec(compile(found.text, found.path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the project's
        except BaseException:
            del self._loaded[name]
            raise
        return module
