"""Many cases in one test: each failing case is reported with its own name, and a passing case has no overhead.

An item of pytest costs about 3 ms of processor in a run with several processes, more than most cases.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])

_FAILURES: Final = (Exception, pytest.fail.Exception, pytest.skip.Exception)
_FILE: Final = "file_of_cases"


def each_case(
    names: str | Sequence[str],
    cases: Iterable[Any] | Callable[..., Iterable[Any]],
    *,
    ids: Callable[[Any], Any] | Iterable[object] | None = None,
    files: Iterable[Path] = (),
) -> Callable[[Test], Test]:
    """Run a test for each of `cases`; the arguments are those of `pytest.mark.parametrize`.

    `cases` may be a function, which is called when the test runs; with `files`, it reads one of them, and each file is
    a test of its own. `tmp_path` is another folder for each case; all other fixtures are shared. `pytest --case WORD`
    runs the cases whose name contains a word.
    """
    arguments = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    of_files = list(files)

    def decorate(test: Test) -> Test:
        def prepared(
            subtests: pytest.Subtests, config: pytest.Config, fixtures: dict[str, Any]
        ) -> Iterator[tuple[AbstractContextManager[None], dict[str, Any]]]:
            file = [fixtures.pop(_FILE)] if of_files else []
            named = _named(cases(*file) if callable(cases) else cases, arguments, ids)
            found = [(name, values) for name, values in named if config.getoption("--case") in name]
            if not found:
                pytest.skip("no case has this name")
            for number, (name, values) in enumerate(found):
                if "tmp_path" in fixtures:
                    values["tmp_path"] = fixtures["tmp_path"] / str(number)
                    values["tmp_path"].mkdir()
                yield _reported(name, subtests), fixtures | values

        @functools.wraps(test)
        def run(subtests: pytest.Subtests, request: pytest.FixtureRequest, **fixtures: Any) -> None:
            for reported, values in prepared(subtests, request.config, fixtures):
                with reported:
                    test(**values)

        @functools.wraps(test)
        async def run_async(subtests: pytest.Subtests, request: pytest.FixtureRequest, **fixtures: Any) -> None:
            for reported, values in prepared(subtests, request.config, fixtures):
                with reported:
                    await test(**values)

        of_all: Any = run_async if inspect.iscoroutinefunction(test) else run
        del of_all.__wrapped__  # pytest would look there for the arguments
        file = [_FILE] if of_files else []
        others = [name for name in inspect.signature(test).parameters if name not in arguments]
        of_all.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for name in ["subtests", "request", *file, *others]
            ]
        )
        by_file = pytest.mark.parametrize(_FILE, of_files, ids=[file.stem for file in of_files])
        made: Test = by_file(of_all) if of_files else of_all
        return made

    return decorate


@contextmanager
def _reported(name: str, subtests: pytest.Subtests) -> Iterator[None]:
    try:
        yield
    except _FAILURES:
        with subtests.test(name):
            raise


def _named(
    cases: Iterable[Any], arguments: list[str], ids: Callable[[Any], Any] | Iterable[object] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of each case and its values by argument."""
    names = iter(ids) if isinstance(ids, Iterable) else None
    show = _shown if isinstance(ids, Iterable) or ids is None else ids
    for case in cases:
        is_set = hasattr(case, "marks")  # pytest.param
        values = list(case.values) if is_set else [case] if 1 == len(arguments) else list(case)
        shown = case.id if is_set and case.id else "-".join(str(show(value)) for value in values)
        yield str(shown if names is None else next(names)), dict(zip(arguments, values, strict=True))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value[:80]
    try:
        return json.dumps(value, ensure_ascii=False)[:80]
    except TypeError:
        return repr(value)[:80]
