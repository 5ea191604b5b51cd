"""The results that a flow gives its calls. Steps set them by name; the last one counts.

results: {booked: an appointment was booked}
"""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple, TypeAlias

from ncco_server.flow.grammar.forms import Notation, offered
from ncco_server.flow.grammar.reader import Reader, Resolver, has_braces
from ncco_server.flow.issues import did_you_mean, meant_word, write_one_of
from ncco_server.flow.nodes import Node, Place
from ncco_server.results import RESULTS
from ncco_server.suggest import nearest

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class OwnResult(NamedTuple):
    """A result that a flow declares, with its text for people."""

    text: str
    place: Place


def read_results(node: Node, reader: Reader) -> dict[str, OwnResult]:
    found: dict[str, OwnResult] = {}
    taken_cure = "give the result another name: every call can have a result of this name"
    for key, value in reader.entries(node, "`results`", "write `results: {booked: an appointment was booked}`"):
        what = f'the result "{key.value}"'
        reader.check_name(key, "a result", _NAME, taken=RESULTS, taken_cure=taken_cure)
        text = reader.text(value, what, f"write what it means: `{key.value}: an appointment was booked`")
        if text is not None and (not text.value.strip() or has_braces(text)):
            why = "has a text with braces" if text.value.strip() else "has no text"
            reader.report("E203", text.place, f"{what} {why}", "write what it means, in the same words for every call")
        found[key.value] = OwnResult(text.value if text is not None else "", key.place)
    return found


def _read_named(node: Node, what: str, reader: Resolver) -> str | None:
    text = reader.text(node, what, "write the name of one result; the last step with a result counts")
    if text is None or text.value in reader.results:
        return text.value if text is not None else None
    known = sorted(reader.results)
    declaration = reader.use_of(text) or f'declare it: `results: {{{text.value}: ".."}}`'
    cure: str = meant_word(
        text.value, known, f"{declaration}, or write one of: {', '.join(known)}" if known else declaration
    )
    by_text = {each.text: name for name, each in reader.results.items()}
    if near := nearest(text.value, by_text):
        cure = did_you_mean(by_text[near])
    if has_braces(text):
        cure = f"a result is not computed: {write_one_of(known)}, or decide with `branch` which step gives which"
    reader.report("E281", text.place, f'there is no result "{text.value}"', cure)
    return None


OwnResultName: TypeAlias = Annotated[str, Notation(_read_named, offered("results"))]
