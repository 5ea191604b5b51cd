"""What is wrong where a token does not fit, and how it is mended."""

from __future__ import annotations

from app.flow.expressions.fault import Fault
from app.flow.expressions.foreign import CALLS, EQUALS, GROWING, WORDS
from app.flow.expressions.syntax import Compared, Const, Field, Name, Node
from app.flow.expressions.tokens import Token

TAGS = frozenset({"if", "elif", "else", "endif", "for", "endfor", "set", "include"})
"""What stands in `{% %}`."""

_WORD_OPERATORS = frozenset({"if", "else", "or", "and", "not", "in", "is"})


def shorten(text: str) -> str:
    """At most 40 characters of `text`, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:37]}..."


def called(left: Node, opening: Token, source: str) -> Fault:
    """The fault of a function or a method that is called."""
    shown = shorten(source[left.start : left.end])
    cure = "functions are not available; filters are: `| length`, `| upper`, ..."
    if isinstance(left, Field) and left.key in CALLS:
        cure = f"write {shorten(source[left.of.start : left.of.end])} | {CALLS[str(left.key)]}"
    elif isinstance(left, Field) and left.key in GROWING:
        cure = f"write {shorten(source[left.of.start : left.of.end])} + [...]"
    elif isinstance(left, Name) and left.name in CALLS:
        cure = f"write `| {CALLS[left.name]}` behind the value"
    elif isinstance(left, Name) and left.name == "defined":
        cure = "write `is defined` behind the name"
    return Fault("E310", left.start, opening.end - left.start, f"{shown}(...) calls a function", cure)


def no_operand(token: Token, following: Token) -> Fault:
    """The fault of a token that stands where a value is due."""
    message = "a value is missing here"
    if token.kind == "end":
        return Fault("E301", token.start, 1, message, "write a name, a text in quotes or a number")
    cure = f'before "{token.text}", write a name, a text in quotes or a number'
    if token.says("+"):
        cure = 'leave "+" out; a phone number stands in quotes, without +: "447700900123"'
    elif token.says(".") and following.kind == "number":
        cure = f"write 0.{following.text}"
    elif token.says("if"):
        cure = 'leave "if" out; what stands here is the test already'
    elif token.says("|"):
        cure = 'write the value before "|"; "or" is written in letters'
    return Fault("E301", token.start, len(token.text), message, cure)


def unexpected(left: Node, token: Token, following: Token, source: str, *, braces: bool) -> Fault:
    """The fault of a token that stands where an operator or the end is due, behind `left`."""
    if token.kind == "op" or token.text in _WORD_OPERATORS:
        message, cure = _misplaced(left, token, following)
        code = {"if": "E310", "=": "E302"}.get(token.text, "E301")
        return Fault(code, token.start, len(token.text), message, cure)
    if token.kind == "name" and token.text in WORDS:
        return Fault("E302", token.start, len(token.text), f'"{token.text}" means nothing here', WORDS[token.text])
    return _gap(left, token, source, braces=braces)


_MISPLACED = {
    "if": ('"if" within an expression', "for steps, use lines of a `branch`; for texts, write {{ a if test else b }}"),
    ")": ('nothing opens this ")"', "leave it out"),
    "]": ('nothing opens this "]"', "leave it out"),
    "not": ('an operator is missing before "not"', "write `and not`, `or not` or `not in`"),
    "=": ('"=" means nothing here', EQUALS),
    ":": ('":" does not fit here', EQUALS),
}


def _misplaced(left: Node, token: Token, following: Token) -> tuple[str, str]:
    if token.text == ",":
        return 'a "," outside a list', _comma_cure(left, following)
    return _MISPLACED.get(token.text, (f'"{token.text}" does not fit here', "leave it out"))


def _comma_cure(left: Node, following: Token) -> str:
    last = left.right if isinstance(left, Compared) else left
    if isinstance(last, Const) and isinstance(last.value, int) and following.kind == "number":
        return f"write a decimal point: {last.value}.{following.text}"
    return 'a list stands in brackets: ["a", "b"]'


def _gap(left: Node, token: Token, source: str, *, braces: bool) -> Fault:
    message = f"something is missing between {shorten(source[left.start : left.end])} and {shorten(token.text)}"
    cure = "write an operator between them, such as == or and"
    if isinstance(left, Const) and isinstance(left.value, str):
        cure = "write `and` or `or` between them, or one text in one pair of quotes"
    if token.text in TAGS and braces:
        cure = f"write {{% {token.text} ... %}}"
    return Fault("E301", token.start, len(token.text), message, cure)


def no_field(left: Node, dot: Token, key: Token, source: str) -> Fault:
    """The fault of what stands behind a dot and is no name."""
    shown = shorten(source[left.start : left.end])
    if isinstance(left, Const):
        cure = "write two comparisons: name >= 1 and name <= 3"
        return Fault("E310", left.start, dot.end - left.start + 1, "a range within an expression", cure)
    if key.kind == "number" and isinstance(key.value, int):
        cure = f"write {shown}[{key.text}]"
        return Fault("E302", dot.start, 1 + len(key.text), "an entry of a list is named in brackets", cure)
    message = 'the name of a field is missing behind "."'
    return Fault("E301", dot.start, 1, message, f'such as `call.from`, or {shown}["any-name"]')
