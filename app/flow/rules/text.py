"""Rules of the flow language: YAML text and files (E1xx)."""

from __future__ import annotations

from app.flow.rules.rule import Rule

TEXT_RULES: tuple[Rule, ...] = (
    Rule("E101", "error", "a line is not YAML", "write `key: value`, one a line, indented with spaces"),
    Rule("E102", "error", "a key stands twice in one map", "keep one of them, or give one another name"),
    Rule("E103", "error", "a key or list item has no value", 'write its value, or "" for an empty text'),
    Rule(
        "E104",
        "error",
        "a text is cut: YAML takes what follows ` #` for a comment",
        "put quotes around the text; if it is a comment, put two spaces before #",
    ),
    Rule("E105", "error", "a YAML tag (!name)", "put quotes around a text that begins with !, or delete the tag"),
    Rule("E106", "error", "a YAML anchor, alias or merge key", "write the value itself wherever it is used"),
    Rule("E107", "error", "a text with {{ or {% stands without quotes", "put quotes around the whole text"),
    Rule("E108", "error", "a text begins with a character that YAML keeps for itself", "put quotes around the text"),
    Rule("E109", "error", "two things under one key", "keep one of them, or write the other on a line of its own"),
    Rule("E110", "error", "a tab where YAML wants spaces", "indent with spaces, two for each level"),
    Rule("E111", "error", "several documents in one file", "write each flow in a file of its own, and delete the ---"),
    Rule("E112", "error", "a colon inside a text without quotes", "put quotes around the text"),
    Rule("E113", "error", "quotes that do not fit together", "begin and end a text with the same quote"),
    Rule("E114", "error", "brackets or commas that do not fit together", "close each [ with ] and each { with }"),
    Rule("E115", "error", "a line is indented wrongly", "let the lines of one block begin in the same column"),
    Rule("E116", "error", "a missing space behind a colon or a dash", "write `key: value` and `- item`"),
    Rule("E117", "error", "an invisible or forbidden character", "delete it and type a normal space if one is needed"),
    Rule("E118", "error", "a typographic quote, which means nothing to YAML", 'use straight quotes: "text"'),
    Rule("E119", "error", "the file is too large or too deep", "divide it into several flows"),
    Rule("E120", "error", "the file is empty", "write a flow, or delete the file"),
    Rule("E121", "error", "the file is not UTF-8", "save it as UTF-8 in your editor"),
    Rule("E122", "error", "a file cannot be read", "make it a readable file inside its folder"),
    Rule("E123", "error", "no flow files", "write a flow in a file that ends in .yaml"),
    Rule("E124", "error", "a key is not a text", "write one word as the key"),
    Rule("E125", "error", "an unknown escape behind a backslash", "write \\\\ for a backslash, or use single quotes"),
    Rule("W126", "warning", "a file that looks like a flow is not read", "rename it so that it ends in .yaml"),
)
