"""Converts answers of the subprocesses, whose lines and columns count from 1, to LSP types."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from lsprotocol import types

from ncco_studio.lsp.code_pages import code_pages

Json: TypeAlias = dict[str, Any]

_SEVERITIES: Final = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
_COMPLETIONS: Final = {
    "key": types.CompletionItemKind.Property,
    "field": types.CompletionItemKind.Field,
    "filter": types.CompletionItemKind.Function,
    "name": types.CompletionItemKind.Variable,
    "value": types.CompletionItemKind.Value,
}
"""Completions of other kinds are names of steps, lookups, ..."""
_MARKED: Final = re.compile(r"`[^`]*`|([\\`*_{}\[\]<>#|~])")
"""Code in descriptions, or characters with a meaning in Markdown."""
_SYMBOLS: Final = {
    "flows": types.SymbolKind.Module,
    "steps": types.SymbolKind.Function,
    "variables": types.SymbolKind.Variable,
    "lookups": types.SymbolKind.Interface,
    "hooks": types.SymbolKind.Event,
    "hours": types.SymbolKind.Constant,
}


def range_of(part: Json) -> types.Range:
    start = types.Position(part["line"] - 1, part["column"] - 1)
    return types.Range(start, types.Position(part["end_line"] - 1, part["end_column"] - 1))


def diagnostic(issue: Json) -> types.Diagnostic:
    line = issue["line"] - 1
    column = issue["column"] - 1
    href = code_pages().get(issue["code"])
    return types.Diagnostic(
        types.Range(types.Position(line, column), types.Position(line, column + max(issue["length"], 1))),
        f"{issue['message']}\n{issue['cure']}",
        severity=_SEVERITIES[issue["severity"]],
        code=issue["code"],
        code_description=types.CodeDescription(href) if href else None,
        source="ncco",
    )


def completion_item(option: Json, number: int, replaced: types.Range) -> types.CompletionItem:
    """A completion; `number` is its position in the list."""
    return types.CompletionItem(
        option["label"],
        kind=_COMPLETIONS.get(option["kind"], types.CompletionItemKind.Reference),
        detail=option["detail"] or option["kind"],
        sort_text=f"{number:04}",
        text_edit=types.TextEdit(replaced, option["insert"]),
    )


def hover_text(text: str, ncco: str) -> str:
    """In Markdown. `ncco` is a step's NCCO; "" for none."""
    escaped = _MARKED.sub(lambda found: f"\\{found[1]}" if found[1] else found[0], text)
    shown = f"\n\nThe NCCO when a call starts here, with every lookup at its default:\n```json\n{ncco}\n```"
    return escaped + (shown if ncco else "")


def symbol_of(found: Json) -> types.DocumentSymbol:
    named = range_of(found["range"])
    whole = types.Range(named.start, types.Position(found["end"]["line"] - 1, found["end"]["column"] - 1))
    kind = _SYMBOLS.get(found["kind"], types.SymbolKind.Constant)
    return types.DocumentSymbol(found["name"], kind, whole, named, detail=found["detail"])
