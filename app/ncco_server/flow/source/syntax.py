"""Names common YAML syntax errors, and finds text that YAML reads differently than its author."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Place, Text
from ncco_server.flow.source.source_file import SourceFile, is_quoted, marks, quote

EXPRESSION_KEYS = frozenset({"if", "until", "check"})
"""Their values are expressions, in which a `#` after a blank begins a comment for the author, too."""
_KEYPRESS_KEYS = frozenset({"dtmf", "endOnKey"})
_SPOKEN_KEYS = frozenset({"talk", "text", "speech", "noinput", "nomatch"})

_KEY = re.compile(r"""[ \t]*(?:- +)*("[^"]*"|'[^']*'|[^\s:"'\[{#][^:]*):(?=[ \t]|$)""")
_BRACES = re.compile(r"(?:^|[:,\[{-])[ \t]*(\{[{%])")
_BRACES_BETWEEN = re.compile(r"\{[{%]")
_GLUED_KEY = re.compile(r"(?!(?:https?|wss?|sips?|tel|mailto|urn):)[A-Za-z_][\w-]*(:)(?!//)\S")
_GLUED_DASH = re.compile(r"-[^\W\d]")
_RESERVED = "*&!|>@`%"
_TYPOGRAPHIC_QUOTES = frozenset("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a\u201b")
"""Double, angle and single; opening and closing, low and high."""
_OWN_LINE = re.compile(r"(?:- +)*[\w-]+:(?:[ \t]|$)|- ")
_COMMENT = re.compile(r"([ \t]*)#([^\r\n]*)")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})


def diagnose(source: SourceFile, error: yaml.MarkedYAMLError, events: Sequence[yaml.Event]) -> FlowIssue:
    """Name the error, or else give the parser's reason. `events` are those before it."""
    problem = str(error.problem)
    at = error.problem_mark.index if error.problem_mark else 0
    context = error.context_mark.index if error.context_mark else at
    bracket = _open_bracket(events)
    if found := _of_characters(source, at, bracket):
        return found
    if (start := _unclosed_quote(source, error, events[-1])) is not None:
        message, cure = f"this {source.text[start]} is not closed", "write it at the end of the text as well"
        return RULES["E113"].at(source.place(start), message, cure)
    for each in (context, at) if "cannot start any token" in problem else (context,):
        if (char := source.parsed[each : each + 1]) and char in _RESERVED:
            return RULES["E108"].at(source.place(each), f"text that begins with {char} needs quotes")
    if bracket is not None:
        return _in_brackets(source, at, bracket)
    if "expected ':'" in problem:
        return _of_line(source, context, problem)
    if "mapping values" in problem or "did not find expected" in problem:
        return _of_line(source, at, problem)
    return RULES["E101"].at(source.place(at), f"YAML cannot be read from here: {problem}")


def _of_characters(source: SourceFile, at: int, bracket: int | None) -> FlowIssue | None:
    line, start = source.line_at(at)
    tab = line.find("\t")
    if tab >= 0 and (start + tab == at or not line[:tab].strip(" ")):
        return RULES["E110"].at(source.place(start + tab), "there is a tab here; YAML needs spaces")
    braces = _BRACES if bracket is None else _BRACES_BETWEEN
    found = braces.search(line[: at - start + 2])
    return unquoted_braces(source, start + found.end() - 2) if found else None


def _unclosed_quote(source: SourceFile, error: yaml.MarkedYAMLError, last: yaml.Event) -> int | None:
    """Where the text begins that runs to the end of the file, or to the next quote, behind which the parser stopped."""
    if "quoted scalar" in str(error.context) and "unexpected" in str(error.problem) and error.context_mark:
        return error.context_mark.index
    start, end = marks(last)
    is_late = error.problem_mark and start.line < end.line == error.problem_mark.line
    return start.index if is_late and is_quoted(last) else None


def _in_brackets(source: SourceFile, at: int, bracket: int) -> FlowIssue:
    if source.position(bracket)[0] == source.position(at)[0] and source.parsed[at : at + 1].strip():
        message = "a comma or a closing bracket is missing before this"
        return RULES["E114"].at(source.place(at), message, "write it, or put quotes around the text")
    message = f"this {source.parsed[bracket]} is not closed"
    return RULES["E114"].at(source.place(bracket), message, "write the closing bracket at its end")


def _of_line(source: SourceFile, at: int, problem: str) -> FlowIssue:
    """A text with a colon, a line without one, or a line in the wrong column."""
    number, column = source.position(at)
    is_second_colon = "mapping values" in problem
    key = _KEY.match(source.line(number))
    if is_second_colon and (key is None or key.end() < column):
        message = "a second colon in this line: YAML reads the text before it as a key"
        return RULES["E112"].at(source.place(at), message, "put quotes around the whole text")
    above = next(_content_above(source, number), 0)
    for each in (above, number) if is_second_colon and above else (number,):
        line = source.line(each)
        if not _KEY.match(line) and not line.strip().removeprefix("- ").startswith(("- ", '"', "'")):
            message = "this line has no colon: it is neither a key with a value nor a continuation of the text above"
            cure = "write a key, a colon and a space, or indent it further than the key above"
            return RULES["E101"].at(_content(source, each), message, cure)
    wrong = _left_of_block(source, number) if "expected key" in problem else number
    place = _content(source, wrong)
    message = f"this line begins in column {place.column}, where nothing of the block above begins"
    return RULES["E115"].at(place, message, "indent it like its neighbours")


def _content_above(source: SourceFile, number: int) -> Iterator[int]:
    """Without blank lines and comments, from below."""
    return (each for each in range(number - 1, 0, -1) if source.line(each).split("#")[0].strip())


def _content(source: SourceFile, number: int) -> Place:
    return source.place(source.starts[number - 1] + _indent(source.line(number)), source.line_end(number))


def _left_of_block(source: SourceFile, number: int) -> int:
    """The line, or one above that begins further left although lines before it begin in the same column."""
    indent = _indent(source.line(number))
    above = _content_above(source, number)
    head = next((each for each in above if _indent(source.line(each)) < indent), number)
    before = next((each for each in above if _indent(source.line(each)) <= indent), number)
    return head if before != number and _indent(source.line(before)) == indent else number


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _open_bracket(events: Sequence[yaml.Event]) -> int | None:
    """Return None outside brackets."""
    opened: list[yaml.CollectionStartEvent] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
    return marks(opened[-1])[0].index if opened and opened[-1].flow_style else None


def unquoted_braces(source: SourceFile, start: int) -> FlowIssue:
    message = "without quotes, YAML does not see these braces as a value to fill in"
    return RULES["E107"].at(source.place(start, start + 2), message, "put quotes around the whole text")


def check_unsupported(source: SourceFile, events: Sequence[yaml.Event]) -> Iterator[FlowIssue]:
    """Aliases, anchors, tags, merge keys, and unquoted braces that YAML reads as maps."""
    for event, following in zip(events, [*events[1:], None], strict=True):
        if not isinstance(event, yaml.NodeEvent):
            continue
        start = marks(event)[0].index
        if isinstance(event, yaml.AliasEvent) or event.anchor or getattr(event, "tag", None):
            message = f"{source.text[start]} begins an alias, an anchor or a tag, which flow files do not support"
            yield RULES["E106"].at(source.extent(event), message)
        elif isinstance(event, yaml.ScalarEvent) and event.value == "<<" and not event.style:
            yield RULES["E106"].at(source.extent(event), "<< merges maps in YAML, which flow files do not support")
        elif isinstance(following, yaml.MappingStartEvent) and source.parsed.startswith("{{", start):
            yield unquoted_braces(source, start)


def check_text(source: SourceFile, event: yaml.ScalarEvent, key: str) -> FlowIssue | None:
    """What YAML reads as one text, or as a part of it, and its author probably does not. `key` may be ""."""
    start, end = marks(event)
    line, at = start.line + 1, start.index
    if is_quoted(event) and _holds_lines_of_its_own(source, line, end.line + 1):
        message = f"this {source.text[at]} is not closed until line {end.line + 1}"
        return RULES["E113"].at(source.place(at), message, "write it at the end of the text as well")
    if event.style:
        return None
    if _GLUED_DASH.match(event.value) and not source.parsed[source.starts[line - 1] : at].strip():
        return RULES["E116"].at(source.place(at), "a space is missing after the dash", f"write - {event.value[1:]}")
    is_opened = event.value[:1] in _TYPOGRAPHIC_QUOTES and event.value
    if is_opened and (event.value[-1] in _TYPOGRAPHIC_QUOTES or _TYPOGRAPHIC_QUOTES.isdisjoint(event.value[1:])):
        message = f"{event.value[0]} is a typographic quote, which YAML reads as part of the text"
        return RULES["E117"].at(source.place(at), message, "write \" or ' instead")
    alone = not source.parsed[source.starts[line - 1] : at].strip(" -")
    for number in range(line if alone else line + 1, end.line + 2):
        text = source.line(number)
        first = len(text) - len(text.lstrip(" -" if number == line else " "))
        place = source.place(source.starts[number - 1] + first, source.starts[number - 1] + len(text))
        if found := _GLUED_KEY.match(text, first):
            cure = f"write {text[first : found.end(1)]} {text[found.end(1) :]}; if it is one text, put quotes around it"
            return RULES["E116"].at(place, "a space is missing after the colon", cure)
        if number > line and text[first:].startswith("- "):
            message = f"this line is read as the rest of the text on line {line}, not as a list item"
            return RULES["E115"].at(place, message, "indent it like its neighbours, or put quotes around the text")
    return _cut_by_comment(source, event, end.index, key)


def _holds_lines_of_its_own(source: SourceFile, first: int, last: int) -> bool:
    """Whether a text in quotes has keys or list items, no further right than the line in which it begins."""
    column = _indent(source.line(first))
    lines = [source.line(number) for number in range(first + 1, last + 1)]
    return any(_OWN_LINE.match(line.lstrip()) for line in lines if _indent(line) <= column)


def _cut_by_comment(source: SourceFile, event: yaml.ScalarEvent, end: int, key: str) -> FlowIssue | None:
    """A `#` that starts a comment although value and comment look like one text."""
    found = _COMMENT.match(source.parsed, end) if source.parsed[end : end + 1] in (" ", "\t") else None
    if not found:
        return None
    looks_like_text = key in _SPOKEN_KEYS or (" " in event.value and any(char.isalpha() for char in event.value))
    is_one_text = found[1] == " " and key not in EXPRESSION_KEYS and looks_like_text
    if found[2].strip() and not found[2][0].isdigit() and not is_one_text:
        return None
    stop = end + len(found[0].rstrip())
    whole = quote(source.text[marks(event)[0].index : stop])
    cure = f"if it belongs to the text, write {whole}; else put two spaces before #"
    place = source.place(found.start(2) - 1, stop)
    return RULES["E104"].at(place, "the text is cut off here: # begins a comment", cure)


def check_missing(source: SourceFile, event: yaml.ScalarEvent, key: Text | None) -> FlowIssue | None:
    """A missing value, or YAML's null."""
    if is_quoted(event) or event.value not in _NULL:
        return None
    start = marks(event)[0].index
    found = _COMMENT.match(source.parsed, start)
    if found and not event.value and (not found[2].strip() or (key is not None and key.value in _KEYPRESS_KEYS)):
        return RULES["E108"].at(source.place(found.start(2) - 1), "for YAML, # begins a comment", 'write "#"')
    if event.value or key is None:
        what = f"{event.value} means an empty value in YAML" if event.value else "this list item is empty"
        return RULES["E103"].at(source.extent(event), what)
    return RULES["E103"].at(key.place, f'"{key.value}" has no value')
