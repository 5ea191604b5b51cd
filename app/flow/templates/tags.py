"""Checks the tags of a template: which there are, and whether they belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.flow.scope import is_name
from app.flow.templates.foreign import FOREIGN
from app.flow.templates.pieces import Fault, Piece
from app.flow.templates.tree import Token
from app.ncco.suggest import nearest

MAX_BLOCKS: Final = 10
"""How deep blocks of one text may be nested; our choice."""

TAGS: Final = ("if", "elif", "for", "set", "include")
"""The tags with something behind their word."""

TAGS_ALONE: Final = ("else", "endif", "endfor")

_CONSTANTS: Final = ("true", "false", "none", "True", "False", "None")


class Tags:
    """Checks that the tags of a text are known and belong together, and replaces those that do not.

    Attributes:
        faults: what is wrong with them.
        is_unclosed: whether a block is not closed, which is the last one of the text; it gets an end.
    """

    def __init__(self, pieces: list[Piece], source: str) -> None:
        self.faults: list[Fault] = []
        self.open: list[_Block] = []
        self.refused: set[str] = set()
        self.source = source
        for piece in (each for each in pieces if each.opener == "{%"):
            fault = self._tag(piece) if not piece.is_broken else self._broken(piece)
            if fault is not None:
                self.faults.append(fault)
                piece.is_broken = True
        self.is_unclosed = bool(self.open)
        for block in self.open:
            cure = f"close it with {{% end{block.word} %}}"
            self.faults.append(Fault("E322", block.start, 2, f'"{block.word}" is not closed', cure))
        for block in reversed(self.open):
            tokens = [Token(len(source), "name", f"end{block.word}")]
            pieces.append(Piece("{%", len(source), tokens, len(source), is_broken=True))

    @property
    def _top(self) -> str:
        return self.open[-1].word if self.open else ""

    def _broken(self, piece: Piece) -> Fault | None:
        """Open and close blocks by broken tags too, so that no end is left over."""
        word = piece.at(0).text
        piece.tokens = piece.harmless()
        if word in ("if", "for"):
            self.open.append(_Block(word, piece.start))
        elif word in ("endif", "endfor") and word == f"end{self._top}":
            self.open.pop()
        elif word != "elif" or self._top != "if":
            piece.tokens = []
        return None

    def _tag(self, piece: Piece) -> Fault | None:
        word, name = piece.at(0), piece.at(1)
        match word.text:
            case "if" | "for":
                return self._begin(piece, word.text)
            case "elif" | "else":
                return self._arm(piece)
            case "endif" | "endfor":
                return self._finish(piece)
            case "set" if name.says(*_CONSTANTS) and piece.at(2).says("="):
                piece.tokens = []
                return Fault("E325", name.start, len(name.text), f'"{name.text}" cannot be a name')
            case "set" if name.kind != "name" or not piece.at(2).says("="):
                self.refused.add("set")
                piece.tokens = []
                cure = "write {% set name = value %}"
                return Fault("E320", word.start, 3, '"set" that cannot be read', cure)
            case "include":
                return _include_fault(piece)
            case "set":
                return None
        return self._unknown(piece)

    def _begin(self, piece: Piece, word: str) -> Fault | None:
        if len(self.open) >= MAX_BLOCKS:
            piece.tokens = []
            return Fault("E311", piece.start, 2, f"tags nested more than {MAX_BLOCKS} deep")
        self.open.append(_Block(word, piece.start))
        if word == "if":
            return None
        tokens, name, is_read = piece.tokens, piece.at(1), piece.at(1).kind == "name" and piece.at(2).says("in")
        piece.tokens = piece.harmless()
        if is_read and name.says(*_CONSTANTS):
            piece.tokens[1] = name._replace(text="_")
            return Fault("E325", name.start, len(name.text), f'"{name.text}" cannot be a name')
        if not is_read:
            cure = "write {% for item in list %}"
            if any(token.says(",") for token in tokens):
                cure = "a loop has one name and goes over a list: {% for item in list %}"
            return Fault("E320", tokens[0].start, 3, "a loop that cannot be read", cure)
        for token in tokens[3:]:
            if token.says("if", "recursive"):
                cure = "write {% if test %} within the loop"
                return Fault("E321", token.start, len(token.text), f'"{token.text}" in the head of a loop', cure)
        piece.tokens = tokens
        return None

    def _arm(self, piece: Piece) -> Fault | None:
        """`elif` or `else`."""
        word, tokens = piece.at(0), piece.tokens
        piece.tokens = []
        if not self.open or (word.text == "elif" and self._top == "for"):
            cure = "open it with {% if test %}"
            return Fault("E322", word.start, len(word.text), f'nothing opens this "{word.text}"', cure)
        if self.open[-1].has_else:
            return Fault("E322", word.start, len(word.text), f'"{word.text}" behind "else"', "write else last")
        if word.text == "else" and tokens[1:] and tokens[1].says("if"):
            return Fault("E320", word.start, len(word.text), '"else if"', 'write "elif"')
        piece.tokens = tokens
        if word.text == "elif":
            return None
        self.open[-1].has_else = True
        return _alone(piece)

    def _finish(self, piece: Piece) -> Fault | None:
        """`endif` or `endfor`."""
        word, opened = piece.at(0), self._top
        wanted = word.text.removeprefix("end")
        if opened == wanted:
            self.open.pop()
            return _alone(piece)
        piece.tokens = []
        message = f'"{word.text}" closes "{opened}"' if opened else f'nothing opens this "{word.text}"'
        cure = f"write {{% end{opened} %}}" if opened else f"leave it out, or open it with {{% {wanted} ... %}}"
        return Fault("E322", word.start, len(word.text), message, cure)

    def _unknown(self, piece: Piece) -> Fault | None:
        """Refuse a tag; the end of a block whose beginning was refused is passed over."""
        word, length = piece.at(0), max(1, len(piece.at(0).text))
        meant = nearest(word.text, TAGS_ALONE if len(piece.tokens) == 1 else TAGS)
        piece.tokens = []
        if word.kind == "end":
            length = 3 if self.source[word.start] in "-+" else 2
            return Fault("E320", word.start, length, "an empty tag", "write {% if test %}, or leave it out")
        if word.text.removeprefix("end") in self.refused:
            self._take_as(meant, piece, word)
            return None
        if word.text == "endraw":
            return Fault("E322", word.start, length, 'nothing opens this "endraw"', "open it with {% raw %}")
        self.refused.add(word.text)
        if word.text in FOREIGN.tags:
            self._take_as(f"end{self._top}" if word.text in ("end", "fi") else None, piece, word)
            message = f'the tag "{word.text}" is not available'
            return Fault("E321", word.start, length, message, FOREIGN.tags[word.text])
        self._take_as(meant, piece, word)
        cure = f"to say a value, write {{{{ {word.text} }}}}" if is_name(word.text) else None
        cure = f'did you mean "{meant}"?' if meant is not None else cure
        return Fault("E321", word.start, length, f'"{word.text}" is not a tag', cure)

    def _take_as(self, meant: str | None, piece: Piece, word: Token) -> None:
        """Open or close the block that a misspelt tag is likely to mean, so that it is one fault."""
        if meant in ("if", "for"):
            piece.tokens = [word._replace(text=str(meant))]
            self.open.append(_Block(str(meant), word.start))
            piece.tokens = piece.harmless()
        elif self._top and meant == f"end{self._top}":
            self.open.pop()
            piece.tokens = [word._replace(text=meant)]


@dataclass(slots=True)
class _Block:
    """A block that is open."""

    word: str
    start: int
    has_else: bool = False


def _alone(piece: Piece) -> Fault | None:
    """What stands behind a word that stands alone."""
    word, behind = piece.at(0), piece.at(1)
    if behind.kind == "end":
        return None
    piece.tokens = [word]
    message = f'"{behind.text}" behind "{word.text}"'
    return Fault("E320", behind.start, len(behind.text), message, f"write {{% {word.text} %}} alone")


def _include_fault(piece: Piece) -> Fault | None:
    word, *rest = piece.tokens
    if len(rest) == 1 and rest[0].kind == "string":
        return None
    piece.tokens = []
    if not rest:
        return Fault("E301", piece.close, 1, "there is no expression", "write the name of a file in quotes")
    cure = 'write the name of a file in quotes and nothing else: {% include "greeting.j2" %}'
    return Fault("E321", word.start, len(word.text), '"include" takes one fixed file name', cure)
