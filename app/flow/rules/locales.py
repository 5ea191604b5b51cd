"""Rules of the flow language: the languages that a flow speaks."""

from __future__ import annotations

from app.flow.rules.rule import Rule

LOCALE_RULES: tuple[Rule, ...] = (
    Rule("E560", "error", "a translation is missing", "add the locale that is named, or delete it from `locales`"),
    Rule("E561", "error", "this is no locale of the flow", "write one of the names under `locales`"),
    Rule(
        "E562",
        "error",
        "something depends on the locale, and the flow has none",
        "add `locales: {en: {language: en-GB}, fr: {language: fr-FR}}` at the top of the flow",
    ),
    Rule("E563", "error", "locales and options stand in one map", "put the locales under an option of their own"),
    Rule(
        "E564",
        "error",
        "the prompts of a retry do not match from locale to locale",
        "write as many prompts for each locale, all spoken or all streamed",
    ),
    Rule("W565", "warning", "a text is said in every language", 'write `talk: {en: "..", fr: ".."}`'),
    Rule("W566", "warning", "a phrase is listened for in every language", "write `speech: {en: [..], fr: [..]}`"),
    Rule(
        "W567",
        "warning",
        "what a caller says is not recognised in the language of the locale",
        "add `speech: code` to the locale, with a language that is recognised",
    ),
)
"""E560 to E579."""
