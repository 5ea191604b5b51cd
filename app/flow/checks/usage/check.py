"""The checks over whole flows: of what is declared, set, read and tested from the first step to the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from app.flow.checks.usage.conditions import check_conditions
from app.flow.checks.usage.facts import facts_of
from app.flow.checks.usage.leading import check_leading
from app.flow.checks.usage.secrets import SensitiveReads
from app.flow.checks.usage.texts import check_lengths, check_nameless
from app.flow.checks.usage.unset import check_never_set, check_unset
from app.flow.checks.usage.unused import check_flow, check_shared, check_templates
from app.flow.checks.usage.words import check_words
from app.flow.issues import Issue
from app.flow.language.shared import Sections

if TYPE_CHECKING:
    from app.flow.language.flow import ReadFlow


def check_usage(
    flows: Iterable[ReadFlow | None],
    shared: Sections,
    unused: Iterable[str],
    found: Iterable[Issue] = (),
    *,
    is_whole: bool,
) -> Iterator[Issue]:
    """The issues of the flows without errors: next to an error, an unused name may just be misspelt elsewhere.

    Args:
        flows: every flow file; None for one that could not be read.
        shared: the shared parts.
        unused: the template files that no flow takes.
        found: the issues so far.
        is_whole: these are all flows of the project. Only then is a shared part, a template or a locale unused.
    """
    files = tuple(flows)
    meant = frozenset[str]().union(*(issue.names for issue in found))
    each = facts_of((flow for flow in files if flow is not None), meant)
    by_name = {facts.flow.name: facts for facts in reversed(each)}
    secrets = SensitiveReads(each)
    for facts in each:
        yield from check_flow(facts)
        yield from check_unset(facts, by_name)
        yield from check_never_set(facts)
        yield from secrets.check(facts)
        yield from check_conditions(facts)
        yield from check_leading(facts)
        yield from check_lengths(facts)
        yield from check_words(facts)
        yield from check_nameless(facts)
    if is_whole and each and len(each) == len(files):
        yield from check_shared(shared, each)
        yield from check_templates(name for name in unused if name not in meant)
