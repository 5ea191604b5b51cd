"""Reads the tokens of an expression: operator precedence by binding power (Pratt).

    a if t else b    5, in braces only
    or              10
    and             20
    not             30
    == != < <= > >= in, not in    40, not chained
    + -             50
    | filter, is defined    60
    -x              70
    .field [...]    80

This is the precedence that Jinja2 gives the same operators.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.flow.expressions.brackets import bound, picked
from app.flow.expressions.fault import Fault
from app.flow.expressions.foreign import LITERALS
from app.flow.expressions.mistakes import TAGS, called, no_field, no_operand, shorten, unexpected
from app.flow.expressions.syntax import (
    Compared,
    Const,
    Cut,
    Defined,
    Either,
    Field,
    Filtered,
    Items,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    Sum,
)
from app.flow.expressions.tokens import Cursor, Token

MAX_DEPTH = 30
"""How deep brackets and operators may be nested; our choice."""

_COMPARE = ("==", "!=", "<", "<=", ">", ">=", "in")
_POWERS = {
    "if": 5,
    "or": 10,
    "and": 20,
    **dict.fromkeys((*_COMPARE, "not"), 40),
    "+": 50,
    "-": 50,
    "|": 60,
    "is": 60,
    ".": 80,
    "[": 80,
    "(": 80,
}
_WORD_OPERATORS = frozenset({"if", "else", "or", "and", "not", "in", "is"})
_VALUES = {"true": True, "false": False, "True": True, "False": False}


def parse(tokens: list[Token], source: str, *, braces: bool) -> Node:
    """The expression that all `tokens` make. Raises Fault at the first token that does not fit.

    Args:
        tokens: with their `end`.
        source: the text that they were cut from.
        braces: whether it stands in braces, where `a if test else b` is known too.
    """
    return Parser(tokens, source=source, braces=braces).whole()


@dataclass(slots=True)
class Parser(Cursor):
    """Reads one expression."""

    source: str = ""
    braces: bool = False
    depth: int = 0

    def whole(self) -> Node:
        """An expression and nothing behind it."""
        if self.here.kind == "end":
            raise Fault(
                "E301", self.here.start, 1, "there is no expression", "write a name, a text in quotes or a number"
            )
        node = self.expression(0)
        self.nothing_behind(node)
        return node

    def nothing_behind(self, node: Node) -> None:
        """Raise a fault unless everything has been read."""
        if self.here.kind != "end":
            raise self._unexpected(node)

    def expression(self, power: int) -> Node:
        """An expression of operators that bind tighter than `power`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Fault("E311", self.here.start, 1, f"an expression nested more than {MAX_DEPTH} deep")
        node = self._operand()
        while (token := self.here).kind != "end" and self._power(token) > power:
            node = self._behind(node, self.take())
        self.depth -= 1
        return node

    def _power(self, token: Token) -> int:
        if token.kind not in ("op", "name") or token.text not in _POWERS:
            return -1
        if token.text == "not" and not self.following.says("in"):
            return -1
        return _POWERS[token.text] if token.text != "if" or self.braces else -1

    # what an operand begins with

    def _operand(self) -> Node:
        token = self.take()
        if self.braces and self.at == 1 and token.text in TAGS and token.kind == "name":
            self._refuse_tag(token)
        if token.kind in ("text", "number"):
            return Const(token.value, token.start, token.end)
        if token.kind == "name" and token.text not in _WORD_OPERATORS:
            return self._name(token)
        if token.says("("):
            return self._group(token)
        if token.says("["):
            return self._items(token)
        if token.says("not"):
            of = self.expression(30)
            return Not(of, token.start, of.end)
        if token.says("-"):
            of = self.expression(70)
            return Negative(of, token.start, of.end)
        raise no_operand(token, self.here)

    def _refuse_tag(self, token: Token) -> None:
        if self.here.kind != "op":
            cure = f"write {{% {token.text} ... %}}"
            raise Fault("E320", token.start, len(token.text), f'"{token.text}" in value braces', cure)

    def _name(self, token: Token) -> Node:
        if token.text in _VALUES:
            return Const(_VALUES[token.text], token.start, token.end)
        if token.text in LITERALS:
            raise Fault("E302", token.start, len(token.text), f'"{token.text}" is not a value', LITERALS[token.text])
        return Name(token.text, token.start, token.end)

    def _group(self, opening: Token) -> Node:
        node = self.expression(0)
        self._close(opening, ")", node)
        return node

    def _items(self, opening: Token) -> Items:
        items: list[Node] = []
        while not self.here.says("]") and self.here.kind != "end":
            items.append(self.expression(0))
            if not self.here.says(","):
                break
            self.take()
        closing = self._close(opening, "]", items[-1] if items else None)
        return Items(tuple(items), opening.start, closing.end)

    def _close(self, opening: Token, closing: str, last: Node | None) -> Token:
        if self.here.says(closing):
            return self.take()
        if self.here.kind == "end" or last is None:
            message = f'the "{opening.text}" that opens here is not closed'
            raise Fault("E301", opening.start, 1, message, f'close it with "{closing}"')
        raise self._unexpected(last)

    # what stands behind an operand

    def _behind(self, left: Node, token: Token) -> Node:
        match token.text:
            case "|":
                return self._filtered(left)
            case "is":
                return self._defined(left, token)
            case ".":
                return self._field(left, token)
            case "[":
                return self._entry(left, token)
            case "(":
                raise called(left, token, self.source)
            case "if":
                return self._either(left, token)
        return self._infix(left, token)

    def _infix(self, left: Node, token: Token) -> Node:
        op = token.text
        if op == "not":
            self.take()
            op = "not in"
        right = self._right(token, _POWERS[token.text])
        if op in ("and", "or"):
            return Logic(op, left, right, left.start, right.end)
        if op in ("+", "-"):
            return Sum(left, op, right, left.start, right.end, token.start)
        if self._power(self.here) == 40:
            message = "two comparisons in a row"
            cure = f"write both: {self._shown(left)} {op} {self._shown(right)} and ..."
            raise Fault("E310", self.here.start, len(self.here.text), message, cure)
        return Compared(left, op, right, left.start, right.end, token.start)

    def _right(self, token: Token, power: int) -> Node:
        if self.here.kind == "end" or self.here.says(")", "]", ","):
            message = f'a value is missing behind "{token.text}"'
            raise Fault("E301", token.start, len(token.text), message, "write a name, a text in quotes or a number")
        return self.expression(power)

    def _filtered(self, left: Node) -> Filtered:
        token = self.take()
        if token.kind != "name":
            at = token if token.kind != "end" else self.tokens[self.at - 1]
            message = 'the name of a filter is missing behind "|"'
            raise Fault("E301", at.start, max(len(at.text), 1), message, "such as `| upper`")
        args: list[Node] = []
        end = token.end
        if self.here.says("("):
            args, end = self._args(self.take())
        return Filtered(left, token.text, tuple(args), left.start, end, token.start)

    def _args(self, opening: Token) -> tuple[list[Node], int]:
        args: list[Node] = []
        while not self.here.says(")") and self.here.kind != "end":
            args.append(self.expression(0))
            if self.here.says("="):
                raise Fault("E302", self.here.start, 1, "a filter takes values without names", "write the value alone")
            if not self.here.says(","):
                break
            self.take()
        closing = self._close(opening, ")", args[-1] if args else None)
        return args, closing.end

    def _defined(self, left: Node, token: Token) -> Defined:
        negated = self.here.says("not")
        if negated:
            self.take()
        word = self.here
        if word.text == "defined":
            self.take()
            return Defined(left, negated, left.start, word.end)
        cure = LITERALS.get(word.text, 'write "!="' if negated else 'to compare, write "=="')
        raise Fault("E302", token.start, len(token.text), '"is" asks only whether something `is defined`', cure)

    def _field(self, left: Node, dot: Token) -> Field:
        key = self.take()
        if key.kind == "name":
            return Field(left, key.text, left.start, key.end, key.start)
        raise no_field(left, dot, key, self.source)

    def _entry(self, left: Node, opening: Token) -> Node:
        low = None if self.here.says(":") else self._key(left)
        if low is not None and not self.here.says(":"):
            closing = self._close(opening, "]", left)
            return picked(left, low, closing.end)
        self.take()
        high = None if self.here.says("]") else self._key(left)
        closing = self._close(opening, "]", left)
        return Cut(left, bound(low), bound(high), left.start, closing.end)

    def _key(self, left: Node) -> Node:
        if self.here.says("]"):
            raise Fault("E301", self.here.start, 1, "an entry without a name", f'write {self._shown(left)}["its name"]')
        return self.expression(4 if self.braces else 40)

    def _either(self, then: Node, token: Token) -> Either:
        test = self._right(token, 5)
        if not self.here.says("else"):
            message = '"if" without "else"'
            raise Fault("E301", token.start, 2, message, 'write what holds otherwise: ... if ... else ""')
        other = self._right(self.take(), 4)
        return Either(then, test, other, then.start, other.end)

    def _unexpected(self, left: Node) -> Fault:
        return unexpected(left, self.here, self.following, self.source, braces=self.braces)

    def _shown(self, node: Node) -> str:
        return shorten(self.source[node.start : node.end])
