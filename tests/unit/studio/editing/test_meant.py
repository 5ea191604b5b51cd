"""Fixes give what the author meant, or are left to the author."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import elsewhere
from ncco_studio.editing.fixes import tried_fixes, with_edits
from tests.support.cases import each_case
from tests.support.corpus import Base

DATA: Final[Mapping[str, Any]] = yaml.load(Path(__file__).with_name("meant.yaml").read_bytes(), yaml.CSafeLoader)
PROJECT: Final[Mapping[str, str]] = DATA["files"]
checked: Final = Base("clinic", PROJECT, DATA["env"], (), ()).issues_of
MOST_FIXES: Final = 6


def changed(old: str, new: str) -> dict[str, str]:
    [path] = [path for path, text in PROJECT.items() if 1 == text.count(old)]
    return {**PROJECT, path: PROJECT[path].replace(old, new)}


def corrected(texts: dict[str, str]) -> dict[str, str]:
    """Apply the first fix on the page, until there is none."""
    for _ in range(MOST_FIXES):
        fixes = tried_fixes(checked(texts), texts, checked)
        if not fixes:
            break
        texts = with_edits(texts, fixes[min(fixes, key=lambda issue: issue.place)].edits)
    return texts


def meaning(texts: Mapping[str, str]) -> list[Any]:
    """Without quotes and comments."""
    return [yaml.load(texts[path], yaml.CBaseLoader) for path in PROJECT]  # noqa: S506 - it makes only texts


def test_the_project_has_no_issues() -> None:
    assert () == checked(PROJECT)


@each_case(("old", "new"), DATA["back"])
def test_the_fixes_of_a_mistake_give_what_was_meant(old: str, new: str) -> None:
    assert meaning(PROJECT) == meaning(corrected(changed(old, new)))


@each_case(("old", "new", "cure"), DATA["none"])
def test_no_fix_is_offered_where_only_the_author_knows(old: str, new: str, cure: str) -> None:
    texts = changed(old, new)
    issues = checked(texts)
    assert cure in [issue.cure for issue in issues]
    assert {} == tried_fixes(issues, texts, checked)


def forms_below(form: type[MapForm]) -> Iterator[type[MapForm]]:
    for each in form.__subclasses__():
        yield each
        yield from forms_below(each)


def test_every_word_of_the_language_has_a_place_where_it_belongs() -> None:
    forms = [form for form in forms_below(MapForm) if form.__module__.startswith("ncco_server.flow.language")]
    words = {word for form in forms for word in form.words()}
    assert {"refuse", "save", "tries", "within"} <= words
    assert set() == {word for word in words if elsewhere(word) is None}
