"""The advice for mistakes whose correction only the author knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import elsewhere
from tests.support.cases import each_case
from tests.support.corpus import Base

DATA: Final[Mapping[str, Any]] = yaml.load(Path(__file__).with_name("advice.yaml").read_bytes(), yaml.CSafeLoader)
PROJECT: Final[Mapping[str, str]] = DATA["files"]
checked: Final = Base("clinic", PROJECT, DATA["env"], (), ()).issues_of


def changed(old: str, new: str) -> dict[str, str]:
    [path] = [path for path, text in PROJECT.items() if 1 == text.count(old)]
    return {**PROJECT, path: PROJECT[path].replace(old, new)}


def test_the_project_has_no_issues() -> None:
    assert () == checked(PROJECT)


@each_case(("old", "new", "cure"), DATA["cures"])
def test_a_mistake_gets_this_advice(old: str, new: str, cure: str) -> None:
    assert cure in [issue.cure for issue in checked(changed(old, new))]


def forms_below(form: type[MapForm]) -> Iterator[type[MapForm]]:
    for each in form.__subclasses__():
        yield each
        yield from forms_below(each)


def test_every_word_of_the_language_has_a_place_where_it_belongs() -> None:
    forms = [form for form in forms_below(MapForm) if form.__module__.startswith("ncco_server.flow.language")]
    words = {word for form in forms for word in form.words()}
    assert {"refuse", "save", "tries", "within"} <= words
    assert set() == {word for word in words if elsewhere(word) is None}
