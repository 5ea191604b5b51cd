"""Explains a YAML syntax error more clearly than the parser ("did not find expected key").

Each `find_*` looks for one kind of error, and returns None for others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import yaml

from ncco_server.flow.issues import RULES, Fix, FlowIssue
from ncco_server.flow.source.source_file import (
    COMMON_KEYS,
    EXPRESSION_KEYS,
    FILLER,
    LIST_KEYS,
    MAP_KEYS,
    OPTION_KEYS,
    Line,
    SourceFile,
    in_quotes,
    is_quoted,
    marks,
    quote,
)

_CLOSERS = {"[": "]", "{": "}"}
_OPENERS = {closer: opener for opener, closer in _CLOSERS.items()}
_NAME = r"[A-Za-z_][\w-]*"
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*```[^\r\n]*(?:\r\n|\r|\n|\Z)", re.MULTILINE)
_STAR = re.compile(r"\* +[a-z]\w*:(?: |$)")
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{\{|\{%")
_EXPRESSION_KEY = re.compile(r"\b(?:check|if|until|where): *$")
_OWN_BRACES = re.compile(r"\{\{ *| *\}\}")
_BRACED_KEY = re.compile(r"(\{\{.*?\}\})[ \t]*:(?=[ \t]|$)")
_VALUE_START = re.compile(r"(?:^|[:,\[{-])\s*$")
_CLOSING_COMMENT = re.compile(r"\s+#.*[\]}]")
_YAML_SYNTAX = re.compile(r"[\[\]{},\"']")
_TO_COMMENT = re.compile(r"[ \t]+#")
_TO_COMMA = re.compile(r"[,\[\]{}]")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_PARENTHESISED_MAP = re.compile(r"\([a-z]\w*: ")
_ONE_WORD = re.compile(_NAME)
_MAP = re.compile(r"\{(?!\{).*\}|\[.*\]")
_PAIRS = re.compile(r"[a-z]\w*: [^,]+, *[a-z]\w*:(?: |$)|run: |return: ")
_UNKEYED_BRACKET = re.compile(rf"[ \t]*(?:- +)*({_NAME})[ \t]+([\[{{])")
_KEY = re.compile(rf"({_NAME}):(?:[ \t]|$)")
_LAST_KEY = re.compile(rf"[{{,]\s*({_NAME})\s*\Z")
_NEXT_KEY = re.compile(rf'([a-z0-9]\S*)\s+({_NAME}|(?<=\d )"\w+")$')
_KEY_END = re.compile(r': |(?<="):')
_EQUALS_IN_MAP = re.compile(rf"[{{,][ \t]*({_NAME})[ \t]*(=)(?!=)")
_WORD = re.compile(r"[a-z][A-Za-z_]{1,30}")
_GLUED_DASH = re.compile(r"-\S")
_GLUED_KEY = re.compile(rf"({_NAME})(:(?!//)(?=\S)|\uff1a)(.*)$")
_PAIR = re.compile(rf"({_NAME})(?:[ \t]*(?:=>?|->)[ \t]*|[ \t]+(?=\S+$)|$)(.*)$")
_CONDITION = re.compile(rf"({'|'.join(sorted(EXPRESSION_KEYS))}|else) +(\S.*)")


_EXPRESSION = re.compile(rf"(?:{'|'.join(sorted(EXPRESSION_KEYS))}):[ \t]+")


@dataclass(frozen=True)
class SyntaxFault:
    """Where the parser stopped.

    Attributes:
        context_start: the start of what the parser was reading, or `at` if unknown.
    """

    source: SourceFile
    problem: str
    at: int
    context_start: int
    last: yaml.Event
    in_brackets: bool

    def mentions(self, *words: str) -> bool:
        return any(word in self.problem for word in words)

    @property
    def char(self) -> str:
        """Return "" at the end of the file."""
        return self.source.parsed[self.at : self.at + 1]

    @property
    def opener(self) -> str:
        return self.source.parsed[self.context_start : self.context_start + 1]

    @cached_property
    def line(self) -> Line:
        return self.source.line_at(min(self.at, len(self.source.text)))

    @cached_property
    def first_line(self) -> Line:
        return self.source.line_at(self.context_start)

    @property
    def entry(self) -> str:
        """The text from the last comma or opening bracket to where the parser stopped."""
        begin = max(self.source.parsed.rfind(char, self.context_start, self.at) for char in ",[{") + 1
        return self.source.text[begin : self.at]

    def issue(self, code: str, start: int, end: int, message: str, cure: str | Fix | None = None) -> FlowIssue:
        return RULES[code].at(self.source.place(start, end), message, cure)


def enclosing(line: Line, bare: str, start: int, *, in_brackets: bool) -> tuple[int, int]:
    """Where the author's text around `start` begins and ends. `bare` is the line with quoted texts masked."""
    if not in_brackets:
        return start, line.content_end
    at = start - line.start
    begin = max(bare.rfind(char, 0, at) for char in "[{,:") + 1
    begin += len(bare[begin:]) - len(bare[begin:].lstrip())
    stop = re.compile(r"[,\[\]{}]|\s#|$").search(bare, at)
    return line.start + min(begin, at), line.start + (stop.start() if stop else len(bare))


def find_conflict(fault: SyntaxFault) -> FlowIssue | None:
    found = _CONFLICT.search(fault.source.parsed)
    cure = "keep one of the two versions, and delete the lines with <<<<<<<, ======= and >>>>>>>"
    return fault.issue("E101", *found.span(), "a Git conflict marker", cure) if found else None


def find_fence(fault: SyntaxFault) -> FlowIssue | None:
    if fault.char != "`" or not (first := _FENCE.match(fault.source.parsed, fault.line.start)):
        return None
    start, end = first.span()
    inner = ""
    if last := _FENCE.search(fault.source.parsed, end):
        inner = fault.source.text[end : last.start()]
        end = last.end()
    fix = fault.source.rewritten(start, end, inner, "delete the lines with ```")
    return fault.issue("E101", fault.at, fault.at + 3, "``` belongs to a page in Markdown, not to the file", fix)


def find_star(fault: SyntaxFault) -> FlowIssue | None:
    line = fault.first_line
    if not _STAR.match(line.text, line.indent) or fault.in_brackets:
        return None
    fix = fault.source.rewritten(line.first, line.first + 1, "-", f"write - {line.text.strip()[1:].strip()}")
    return fault.issue("E108", line.first, line.first + 1, "an item of a list begins with a dash, not with *", fix)


def find_tab(fault: SyntaxFault) -> FlowIssue | None:
    found = fault.line.text.find("\t", 0, fault.line.indent)
    at = fault.at if found < 0 else fault.line.start + found
    if fault.source.parsed[at : at + 1] != "\t":
        return None
    return fault.issue("E110", at, at + 1, "there is a tab here; YAML needs spaces")


def find_escape(fault: SyntaxFault) -> FlowIssue | None:
    at = fault.source.parsed.rfind("\\", fault.context_start, fault.at + 1)
    if at < 0 or not fault.mentions("escape", "hexdecimal", "hexadecimal"):
        return None
    fix = fault.source.rewritten(at, at + 1, "\\\\", RULES["E125"].cure)
    return fault.issue(
        "E125", at, at + 2, f"{fault.source.text[at : at + 2]} does not mean anything in double quotes", fix
    )


def find_unclosed_quote(fault: SyntaxFault) -> FlowIssue | None:
    """The text may extend to the next quote, in a later line."""
    start = fault.context_start
    if not fault.mentions("unexpected end of stream", "unexpected document"):
        first, end = marks(fault.last)
        if not is_quoted(fault.last) or not first.line < end.line == fault.line.number - 1:
            return None
        start = first.index
    mark = fault.source.text[start]
    cure: str | Fix = f"write {mark} at the end of the text as well"
    if not fault.in_brackets:
        at = fault.source.line_at(start).content_end
        cure = fault.source.rewritten(at, at, mark, f"write {mark} at the end of the text as well")
    return fault.issue("E113", start, start + 1, f"this {mark} is not closed", cure)


def find_missing_colon(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `talk {text: Hello}`, `{speech [sales, buy], goto: x}`."""
    source = fault.source
    line = fault.line
    found = _UNKEYED_BRACKET.match(line.text)
    base = line.start
    if fault.in_brackets:
        is_unkeyed = fault.mentions("',' or") and fault.char in _CLOSERS and fault.opener == "{"
        found = _LAST_KEY.search(source.parsed, fault.context_start, fault.at) if is_unkeyed else None
        base = 0
    if found is None:
        return None
    start, end = base + found.start(1), base + found.end(1)
    if fault.in_brackets and not (start >= line.start and _value(source.parsed[start : line.end])):
        return None
    opener = source.parsed[end : line.end].lstrip()[0]
    fix = source.rewritten(end, end, ":", f"write {found[1]}: {opener}...{_CLOSERS[opener]}")
    return fault.issue("E101", start, end, f"a colon is missing after {found[1]}", fix)


def find_equals(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `{topic = sales}`."""
    found = _EQUALS_IN_MAP.search(fault.line.bare, 0, fault.at - fault.line.start + 1)
    if not fault.in_brackets or not found:
        return None
    at = fault.line.start + found.start(2)
    front = fault.line.start + found.end(1)
    fix = fault.source.rewritten(
        front, at + 1, ":" if fault.source.parsed[at + 1 : at + 2] == " " else ": ", f"write {found[1]}: ..."
    )
    return fault.issue("E101", at, at + 1, "YAML needs a colon, not =", fix)


def find_braces(fault: SyntaxFault) -> FlowIssue | None:
    """Unquoted text that starts with `{{` or `{%`, or contains them between brackets."""
    line = fault.line
    for found in _BRACES.finditer(line.bare, 0, fault.at - line.start + 2):
        if line.start + found.start() <= fault.at and (
            fault.in_brackets or _VALUE_START.search(line.bare[: found.start()])
        ):
            return unquoted_braces(fault.source, line, line.start + found.start(), in_brackets=fault.in_brackets)
    return None


def unquoted_braces(source: SourceFile, line: Line, start: int, *, in_brackets: bool) -> FlowIssue:
    key = None if in_brackets or start != line.content else _BRACED_KEY.match(line.bare, start - line.start)
    if key:
        place = source.place(start, line.start + key.end(1))
        return RULES["E124"].at(place, "a key cannot be computed", "write the word itself")
    bare = _BRACES.sub(lambda found: FILLER * len(found[0]), line.bare)
    begin, end = enclosing(line, bare, start, in_brackets=in_brackets)
    message = "without quotes, YAML does not see these braces as a value to fill in"
    whole = source.text[begin:end].rstrip()
    cure = f"put quotes around the whole text: {quote(whole)}"
    written = in_quotes(whole)
    if _EXPRESSION_KEY.search(source.text[line.start : begin]):
        written = _OWN_BRACES.sub("", whole)
        cure = f"write the names themselves, without braces: {written}"
    fix = source.rewritten(begin, begin + len(whole), written, cure)
    return RULES["E107"].at(source.place(start, start + 2), message, fix)


def find_reserved(fault: SyntaxFault) -> FlowIssue | None:
    at = fault.context_start
    if not fault.opener or fault.opener not in "*&!|>":
        at = fault.at
        after_quote = fault.source.text[at - 1 : at] in ('"', "'")
        if after_quote or not fault.mentions("cannot start any token", "mapping keys are not allowed"):
            return None
    line = fault.source.line_at(at)
    char = fault.source.text[at]
    whole = fault.source.text[at : enclosing(line, line.bare, at, in_brackets=fault.in_brackets)[1]].rstrip()
    message = f"text that begins with {char} needs quotes"
    text = whole or char
    fix = fault.source.rewritten(at, at + len(text), in_quotes(text), f"write {quote(text)}")
    return fault.issue("E108", at, at + 1, message, fix)


def find_hash(fault: SyntaxFault) -> FlowIssue | None:
    """A `#` between brackets that made the closing bracket a comment."""
    for number in range(fault.first_line.number, fault.line.number + 1) if fault.in_brackets else ():
        line = fault.source.line(number)
        found = _CLOSING_COMMENT.match(line.text, line.content_end - line.start)
        if found:
            at = line.text.index("#", found.start())
            code = "E108" if _VALUE_START.search(line.text[:at]) else "E104"
            message = "for YAML, # and the rest of the line are a comment, including the closing bracket"
            begin, end = enclosing(line, line.text, line.start + at, in_brackets=True)
            cure = f"write {quote(fault.source.text[begin:end].rstrip())}"
            return fault.issue(code, line.start + at, line.start + at + 1, message, cure)
    return None


def _on_next_line(fault: SyntaxFault, start: int, end: int, line: Line) -> Fix:
    """Replace the blanks from `start` to `end`, before a second key, by a line break."""
    return fault.source.rewritten(start, end, f"\n{' ' * line.column}", "write it on a line of its own")


_REST_OF_BRACES = re.compile(r"[^{}]*\}\}")


def find_expression(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `{if: "a" in b}`."""
    source = fault.source
    if not fault.in_brackets or not fault.mentions("',' or"):
        return None
    if fault.char == ":" or _KEY.match(source.parsed, fault.at):
        return None
    start = max((found.end() for found in _EXPRESSION.finditer(source.parsed, fault.line.start, fault.at)), default=-1)
    end = start + len(_value(source.parsed[start : fault.line.end]))
    if start < 0 or not start < fault.at < end:
        return None
    whole = source.text[start:end]
    fix = source.rewritten(start, end, in_quotes(whole), f"put quotes around it: {quote(whole)}")
    return fault.issue("E114", start, end, "this expression needs quotes here", fix)


_JOINED = re.compile(r"""["']\s*\+\s*([\w.]+)(?:\s*\+\s*["']|$)""")
"""A value between texts, as in other languages."""


def find_text_after_quote(fault: SyntaxFault) -> FlowIssue | None:
    """An apostrophe, a quote inside quotes, or two texts in a row."""
    line = fault.line
    at = fault.at
    if not is_quoted(fault.last) or not line.start < at < line.end:
        return None
    start, end = (mark.index for mark in marks(fault.last))
    between = fault.source.parsed[end:at]
    is_next_item = fault.in_brackets and between and fault.char in "'\""
    if between.strip(" ") or fault.char in ":]}" or is_next_item:
        return None
    if not fault.in_brackets and _UNKEYED_BRACKET.match(line.text):
        return None  # it is in a map whose key has no colon
    if not fault.in_brackets and between and (key := _KEY.match(fault.source.parsed, at)):
        fix = _on_next_line(fault, end, at, line)
        return fault.issue("E112", at, key.end(1), f'"{key[1]}" follows a value on the same line', fix)
    if fault.in_brackets and (key := _KEY.match(fault.source.parsed, at)):
        fix = fault.source.rewritten(end, at, ", ", "write a comma before it")
        return fault.issue("E114", at, key.end(1), f'a comma is missing before "{key[1]}"', fix)
    rest = (_TO_COMMA if fault.in_brackets else _TO_COMMENT).split(fault.source.text[at : line.end])[0]
    stop = at + max(1, len(rest.rstrip()))
    mark = fault.source.text[start]
    if braces := _REST_OF_BRACES.match(fault.source.text, at, line.end):
        after = fault.source.text.find(mark, braces.end(), line.end)
        stop = after + 1 if after >= 0 else stop
    whole = fault.source.text[start:stop].rstrip()
    if braces:
        whole = whole[1:].removesuffix(mark)
    elif line.key not in EXPRESSION_KEYS:
        whole = _JOINED.sub(r"{{ \1 }}", whole)
        whole = whole.replace(mark, "") if between else whole[1:].removesuffix(mark)
    cure, written = ("delete the comma", fault.source.text[start:end]) if fault.char == "," else ("", in_quotes(whole))
    fix = fault.source.rewritten(start, stop, written, cure or f"write {quote(whole)}")
    return fault.issue("E113", at, stop, "there is text after the closing quote", fix)


def find_after_bracket(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `send: {mail: now},` as in JSON, and `goto: [a] b`."""
    source = fault.source
    before = source.parsed[fault.line.start : fault.at].rstrip()
    after = source.parsed[fault.at + 1 : fault.line.end].partition(" #")[0].strip()
    if fault.in_brackets or not before.endswith(("}", "]")) or (not after) != (fault.char == ","):
        return None
    if after:
        message = "there is text after the closing bracket"
        return fault.issue("E101", fault.at, fault.line.content_end, message, "move it into the brackets, or delete it")
    fix = source.rewritten(fault.at, fault.at + 1, "", "delete the comma")
    return fault.issue("E101", fault.at, fault.at + 1, "there is a comma after the closing bracket", fix)


_LIST_TYPE = re.compile(r"(?:list|List|array)\[(\w+)\]|(\w+)\[\]")
_OPTIONAL_TYPE = re.compile(r"Optional\[(\w+)\]")
"""Other languages write list types and optional types like this."""


def find_list_in_text(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `{check: a in [1, 2]}`."""
    source = fault.source
    line = fault.line
    colon = source.parsed.rfind(": ", line.start, fault.at)
    if not fault.in_brackets or not fault.mentions("',' or") or fault.char != "[" or colon < 0:
        return None
    before_bracket = source.parsed[colon + 1 : fault.at].strip()
    start = fault.at - len(source.parsed[colon + 1 : fault.at].lstrip())
    end = start + len(_value(source.parsed[start : line.end]))
    if not before_bracket or _YAML_SYNTAX.search(before_bracket) or end == start:
        return None
    whole = source.text[start:end]
    if item := _LIST_TYPE.fullmatch(whole):
        written = f"[{item[1] or item[2]}]"
        fix = source.rewritten(start, end, written, f"write a list of them as {written}")
        return fault.issue("E114", start, end, "brackets go around the type of a list's entries", fix)
    if item := _OPTIONAL_TYPE.fullmatch(whole):
        fix = source.rewritten(start, end, f"{item[1]}?", f"write {item[1]}?")
        return fault.issue("E114", start, end, "a type that may be empty has a question mark", fix)
    fix = source.rewritten(start, end, in_quotes(whole), f"put quotes around it: {quote(whole)}")
    return fault.issue("E114", start, end, "text with brackets needs quotes here", fix)


def _value(rest: str) -> str:
    """The part up to the comma or bracket that ends the value; "" if it continues below."""
    depth = 0
    for index, char in enumerate(_QUOTED.sub(lambda found: FILLER * len(found[0]), rest)):
        depth += (char in "[{") - (char in "]}")
        if depth < 0 or (depth == 0 and char == ","):
            return rest[:index].rstrip()
    return ""


def find_mismatch(fault: SyntaxFault) -> FlowIssue | None:
    """A list closed with `}`, a map closed with `]`, or either still open when an outer one closes."""
    opener = fault.opener
    char = fault.char
    line = fault.line
    if not fault.mentions("',' or") or char not in ("]", "}"):
        return None
    outer = "{" if char == "}" else "["
    before = line.bare[: fault.context_start - line.start]
    if before.count(outer) > before.count(char):
        return _unclosed(fault)
    message = f"{opener} is closed with {char}"
    closer = _CLOSERS[opener]
    cure: str | Fix = fault.source.rewritten(fault.at, fault.at + 1, closer, f"write {closer}")
    if char == "]" and "}" in line.bare[fault.at - line.start :]:
        message = "there is no open [ for this ]"
        cure = "write [ where the list begins, or delete the ]"
    return fault.issue("E114", fault.at, fault.at + 1, message, cure)


def find_missing_comma(fault: SyntaxFault) -> FlowIssue | None:
    """Two entries in brackets on one line without a comma. On several lines, they look like an open bracket."""
    source = fault.source
    at = fault.at
    if not fault.mentions("',' or") or fault.first_line.number != fault.line.number:
        return None
    if fault.char != ":":
        is_apart = at > fault.context_start and source.parsed[at - 1] == " "
        before = len(source.parsed[:at].rstrip())
        fix = source.rewritten(before, at, ", ", "write a comma between the two")
        return fault.issue("E114", at, at + 1, "a comma is missing before this", fix) if is_apart else None
    found = _NEXT_KEY.fullmatch(_KEY_END.split(fault.entry)[-1].lstrip())
    if not found:
        return None
    value, key = found.groups()
    start = at - len(key)
    if value.endswith(";"):
        wrong = source.parsed.rindex(";", fault.context_start, start)
        fix = fault.source.rewritten(wrong, wrong + 1, ",", "write , instead")
        return fault.issue("E114", wrong, wrong + 1, "; is not a comma", fix)
    before = len(fault.source.parsed[:start].rstrip())
    shown = key if key.startswith('"') else quote(key)
    fix = fault.source.rewritten(before, start, ", ", f"write {value}, {key}: ...")
    return fault.issue("E114", start, at, f"a comma is missing before {shown}", fix)


def find_second_colon(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `{talk: Hello: press 1}`."""
    head, _, tail = fault.entry.partition(":")
    if not fault.in_brackets or fault.char != ":" or fault.context_start < fault.line.start or not tail.strip():
        return None
    rest = fault.source.text[fault.at : fault.line.end]
    cure = f"put quotes around the text: {quote(tail.strip() + _TO_COMMA.split(rest)[0].rstrip())}"
    if _KEY.match(rest[1:].lstrip(" \t")):
        cure = "write a comma in place of this colon"
    return fault.issue("E112", fault.at, fault.at + 1, f'a second colon under "{head.strip()}"', cure)


_BARE_HASH = re.compile(r"(?<=[\[{,:\s])#(?=\s*[,\]}])")


def find_unclosed(fault: SyntaxFault) -> FlowIssue | None:
    """A bracket still open at a key in the next line, or at the end of the file."""
    problems = ("',' or", "node content", "end of stream", "expected ':'")
    if not fault.in_brackets or not fault.mentions(*problems) or fault.opener not in _CLOSERS or fault.char == ",":
        return None
    return _unclosed(fault)


def _unclosed(fault: SyntaxFault) -> FlowIssue:
    at = fault.context_start
    opener = fault.opener
    if (key := _BARE_HASH.search(fault.source.text, at + 1)) and "\n" not in fault.source.text[at : key.start()]:
        fix = fault.source.rewritten(key.start(), key.end(), '"#"', 'write "#"')
        return fault.issue("E108", key.start(), key.end(), "for YAML, # begins a comment", fix)
    cure = f"write {_CLOSERS[opener]} at its end, or delete {opener}"
    return fault.issue("E114", at, at + 1, f"this {opener} is not closed", cure)


def find_colon_in_text(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `talk: Hello: press 1`."""
    line = fault.line
    at = fault.at
    if not fault.mentions("mapping values are not allowed") or not line.key or line.colon == at:
        return None
    start, end = line.value, line.content_end
    text = fault.source.text[start:end]
    word = next(reversed(fault.source.text[start:at].split()), "")
    if at == end - 1 and word in COMMON_KEYS:
        message = f'"{word}" follows "{line.key}" on the same line'
        cure = f'write "{word}:" on the next line, indented by two more spaces than "{line.key}"'
        return fault.issue("E112", at - len(word), at, message, cure)
    if at == end - 1 and line.key in EXPRESSION_KEYS:
        fix = fault.source.rewritten(at, end, "", "delete it")
        return fault.issue("E112", at, end, "a colon at the end of a condition", fix)
    if _PARENTHESISED_MAP.match(text):
        return fault.issue("E114", start, start + 1, "( does not begin a map", "write { and } around the keys")
    message = "a second colon in this line: YAML reads the text before it as a key"
    source = fault.source
    fix = source.rewritten(start, end, in_quotes(text), f"put quotes around the text: {quote(text)}")
    first = fault.source.text[start : at - len(word)].rstrip()
    is_text = word in MAP_KEYS and not source.text[at + 1 : end].lstrip().startswith("{")
    if word in OPTION_KEYS and not is_text and first and not set(first) & set(" \t"):
        fix = _on_next_line(fault, start + len(first), at - len(word), line)
    if line.key == "do" and not first:
        action = f"\n{' ' * (line.column + 2)}- "
        fix = source.rewritten(line.colon + 1, start, action, f"begin the list on the next line: `- {text}`")
    if (opener := _OPENERS.get(text[-1:])) and text.count(opener) < text.count(text[-1]):
        message = f"there is no open {opener} for the {text[-1]} at the end"
        return fault.issue(
            "E114", end - 1, end, message, source.rewritten(start, start, opener, f"write {opener}{text}")
        )
    if _PAIRS.match(text):
        fix = source.rewritten(start, end, f"{{{text}}}", f"put braces around it: {{{text}}}")
    return fault.issue("E112", at, at + 1, message, _as_pair(fault, line) or fix)


def _as_pair(fault: SyntaxFault, line: Line) -> Fix | None:
    """The fix of `headers: Accept: text`, a map with one entry, and of `if: a == b: step`."""
    before, after = fault.source.text[line.value : fault.at], fault.source.text[fault.at + 1 : line.content_end].strip()
    if line.key == "if" and _ONE_WORD.fullmatch(after):
        below = f"\n{' ' * line.column}goto: {after}"
        return fault.source.rewritten(fault.at, line.content_end, below, f"write `goto: {after}` on a line of its own")
    is_map = bool(_MAP.fullmatch(after))
    takes_map = line.key in MAP_KEYS | {"headers", "send"}
    if not takes_map or not _ONE_WORD.fullmatch(before) or (": " in after and not is_map):
        return None
    is_whole = is_map or _QUOTED.fullmatch(after) or not _YAML_SYNTAX.search(after)
    after = after if is_whole else in_quotes(after)
    pair = f"{{{before}: {after}}}"
    return fault.source.rewritten(line.value, line.content_end, pair, f"put braces around it: {pair}")


def find_missing_space(fault: SyntaxFault) -> FlowIssue | None:
    """Such as `goto:menu`, `-talk: x`, `goto menu`, `goto = menu`."""
    line = _line_without_key(fault)
    if line is None:
        return None
    start = line.content
    text = fault.source.text[line.content : line.content_end]
    if _GLUED_DASH.match(text):
        fix = fault.source.rewritten(start, start + 1, "- ", f"write - {text[1:]}")
        return fault.issue("E116", start, start + 1, "a space is missing after the dash", fix)
    if glued := _GLUED_KEY.match(text):
        key, colon, value = glued.groups()
        at = start + len(key)
        message = "a space is missing after the colon" if colon == ":" else f"{colon} is not a YAML colon"
        fix = fault.source.rewritten(at, at + 1, ": ", f"write {key}: {value.strip()}")
        return fault.issue("E116", at, at + 1, message, fix)
    pair = _PAIR.match(text)
    cure = f"write {pair[1]}: {pair[2] or '..'}" if pair else "write a key and a colon before it"
    cure += "; if it continues the text above, indent it further than the key there"
    message = "this line has no colon: it is neither a key with a value nor a continuation of the text above"
    if not pair or not pair[2]:
        return fault.issue("E101", start, start + len(text), message, cure)
    fix = fault.source.rewritten(start, start + len(text), f"{pair[1]}: {pair[2]}", cure)
    return fault.issue("E101", start, start + len(text), message, fix)


def _line_without_key(fault: SyntaxFault) -> Line | None:
    if fault.mentions("expected ':'"):
        return fault.first_line
    if not fault.mentions("mapping values are not allowed", "did not find expected"):
        return None
    line = fault.line
    above = fault.line.above
    if fault.at == line.first and fault.char == "-":
        return line if fault.source.parsed[fault.at + 1 : fault.at + 2].strip() else None
    if line.colon != fault.at or above is None or above.key or above.content >= above.end:
        return None
    head = above.above
    text = fault.source.text[above.content : above.content_end]
    is_deeper = head is not None and head.has_value and bool(head.key) and head.indent < above.indent
    if is_deeper and not _GLUED_KEY.match(text):
        return None  # it continues the text of the line above
    return above if above.content == above.first or line.indent < above.column else None


def find_second_value(fault: SyntaxFault) -> FlowIssue | None:
    if not fault.mentions("mapping values are not allowed") or fault.line.colon != fault.at:
        return None
    head = _dedented(fault.line)
    return _second_value(fault) if head is None else _dedent_fault(fault, head)


def _second_value(fault: SyntaxFault) -> FlowIssue | None:
    line = fault.line
    head = fault.line.above
    while head and not head.key and head.content == head.first and head.above:
        head = head.above
    if head is None:
        return None
    if head.key.startswith("-"):
        cure = f"write - {head.key[1:]}: ..."
        return fault.issue("E116", head.first, head.first + 1, "a space is missing after the dash", cure)
    higher = head.above
    if head.key in OPTION_KEYS and higher and higher.column == line.indent > head.column:
        message = "this line begins further left than the lines around it, which belong to the block above"
        return fault.issue("E115", head.first, head.content_end, message, _indent_by(line.indent))
    name = head.key or fault.source.text[head.content : head.content_end]
    if found := _CONDITION.fullmatch(name):
        cure = f"write {found[1]}: {found[2]}"
        message = f"a colon is missing after {found[1]}"
        return fault.issue("E116", head.content, head.content_end, message, cure)
    message = f'"{name}" on line {head.number} already has a value, but this line is indented below it'
    cure = f'{_indent_by(head.column)}, like "{name}", or delete that value'
    if not head.key:
        cure = f'write "{name}: ..." there, or {_indent_by(head.indent)}, like its dash'
    return fault.issue("E109", line.first, line.content_end, message, cure)


def find_wrong_column(fault: SyntaxFault) -> FlowIssue | None:
    line = fault.line
    above = fault.line.above
    if fault.at != line.first or not fault.mentions("did not find expected"):
        return None
    columns = _open_columns(line)
    indent = line.indent
    if indent not in columns and (head := _dedented(line)) is not None:
        return _dedent_fault(fault, head)
    if above and indent > above.column and above.has_value:
        return _second_value(fault)
    if indent in columns:
        return _wrong_kind(fault, columns)
    nearest = sorted(columns, key=lambda column: (abs(column - indent), column))[:2]
    cure = " or ".join(f"{_indent_by(column)} (like line {columns[column]})" for column in sorted(nearest))
    message = f"this line begins in column {indent + 1}, where no block begins"
    return fault.issue("E115", line.first, line.content_end, message, cure or "move all lines above to the left")


def _wrong_kind(fault: SyntaxFault, columns: Mapping[int, int]) -> FlowIssue:
    line = fault.line
    if dash := _stray_dash(line):
        cure = "delete the dash and the space after it: keys go here"
        fix = fault.source.rewritten(dash.first, dash.content, "", cure)
        return fault.issue("E115", dash.first, dash.first + 1, "this dash turns a key into a list item", fix)
    if line.content > line.first:
        beside = [each for each in line.lines_above() if each.indent <= line.indent]
        first = next((at for at, each in enumerate(beside) if each.indent < line.indent), len(beside)) - 1
        if 0 <= first < len(beside) - 1 and beside[first + 1].key in LIST_KEYS:
            key = beside[first]
            cure = "write a dash and a space before it, and indent each line that belongs to it by two spaces"
            return fault.issue("E115", key.first, key.content_end, f'"{key.key}" has no dash', cure)
        message = "a list item is among keys"
        cure = "indent it like the other items of its list, or begin the lines above with a dash"
    elif line.key in ("if", "else"):
        message = "a key is among list items"
        cure = "write a dash and a space before it: it is an item of the list"
    else:
        message = "a key is among list items"
        cure = f"{_indent_by(line.indent + 2)} if it belongs to the item above"
        outer = max((column for column in columns if column < line.indent), default=None)
        cure += "" if outer is None else f", or {_indent_by(outer)} (like line {columns[outer]})"
    return fault.issue("E115", line.first, line.content_end, message, cure)


_SECTIONS = frozenset(["shared", "numbers", "timezone", "refuse", "outbound", "outcomes"])
"""Keys in the first column that are no options."""


def _dedented(line: Line) -> Line | None:
    """A name above that begins further left than the lines of its block, to which `line` belongs."""
    above = line.lines_above()
    head = next((each for each in above if each.indent < line.indent), None)
    before = next((each for each in above if each.indent <= line.indent), None)
    is_name = head is not None and head.key and head.key not in OPTION_KEYS | _SECTIONS
    return head if is_name and before is not None and before.indent == line.indent and line.key else None


def _dedent_fault(fault: SyntaxFault, head: Line) -> FlowIssue:
    indent = fault.line.indent
    message = f"this line begins in column {head.indent + 1}, but its block in column {indent + 1}"
    fix = fault.source.rewritten(head.start, head.first, " " * indent, _indent_by(indent))
    return fault.issue("E115", head.first, head.content_end, message, fix)


def _stray_dash(line: Line) -> Line | None:
    head = next((above for above in line.lines_above() if above.indent < line.indent), None)
    alike = [line, *(above for above in line.lines_above() if above.indent == line.indent)]
    alike = [each for each in alike if head is None or each.number > head.number]
    dashes = [each for each in alike if each.content > each.first and each.key]
    if head is None or head.key not in MAP_KEYS or len(dashes) != 1:
        return None
    return dashes[0] if dashes[0] is line or len(alike) <= 2 else None


def _open_columns(below: Line) -> dict[int, int]:
    """Indentation → the number of the block's last line."""
    columns: dict[int, int] = {}
    for line in reversed([*below.lines_above()]):
        columns = {column: shown for column, shown in columns.items() if column < line.indent}
        columns[line.indent] = columns[line.column] = line.number
    return columns


def _indent_by(spaces: int) -> str:
    return f"indent it by {spaces} space{'' if spaces == 1 else 's'}" if spaces else "start it in the first column"


FINDERS = (
    find_conflict,
    find_fence,
    find_star,
    find_tab,
    find_escape,
    find_unclosed_quote,
    find_equals,
    find_braces,
    find_reserved,
    find_hash,
    find_expression,
    find_text_after_quote,
    find_after_bracket,
    find_list_in_text,
    find_mismatch,
    find_missing_colon,
    find_missing_comma,
    find_second_colon,
    find_unclosed,
    find_colon_in_text,
    find_missing_space,
    find_second_value,
    find_wrong_column,
)
"""Those that examine one character come first, those for lines last."""


LONGEST_LINE = 10_000
"""Errors in longer lines are not explained; some searches examine each character repeatedly."""


def diagnose(source: SourceFile, error: yaml.MarkedYAMLError, events: list[yaml.Event]) -> FlowIssue:
    """Use the parser's message if nothing better is found. `events` are those before the error."""
    at = error.problem_mark.index if error.problem_mark else 0
    context_start = error.context_mark.index if error.context_mark else at
    bracket = _open_bracket(events)
    if bracket is not None and str(error.context).startswith("while parsing a flow"):
        context_start = bracket
    fault = SyntaxFault(source, str(error.problem), at, context_start, events[-1], bracket is not None)
    is_short = max(len(fault.line.text), len(fault.first_line.text)) <= LONGEST_LINE
    found = next((issue for find in FINDERS if (issue := find(fault))), None) if is_short else None
    return found or fault.issue("E101", at, at + 1, f"YAML cannot be read from here: {fault.problem}")


def _open_bracket(events: list[yaml.Event]) -> int | None:
    """Return None outside brackets."""
    open_collections: list[yaml.CollectionStartEvent] = []
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            open_collections.append(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_collections.pop()
    return marks(open_collections[-1])[0].index if open_collections and open_collections[-1].flow_style else None
