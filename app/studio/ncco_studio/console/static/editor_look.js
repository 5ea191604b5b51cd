// How the editor looks, in the colours of console.css, and its keys.
import {
  Decoration, EditorView, HighlightStyle, MatchDecorator, ViewPlugin, bracketMatching, closeBracketsKeymap,
  defaultKeymap, foldKeymap, historyKeymap, indentWithTab, lintKeymap, searchKeymap, syntaxHighlighting,
  tags,
} from "./vendor/codemirror.js";

export const bindings = [
  ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...lintKeymap,
  indentWithTab,
];

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.typeName, tags.labelName], color: "var(--code-number)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.meta], color: "var(--muted)" },
]);

const frame = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "0.87rem", maxHeight: "var(--editor-height, 65vh)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", minHeight: "var(--editor-min, 8rem)" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { color: "var(--muted)", backgroundColor: "var(--raised)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--active-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-selectionMatch": { backgroundColor: "var(--warning-soft)" },
  ".cm-matchingBracket.cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "1px solid var(--accent)" },
  ".cm-template": { color: "var(--code-template)" },
  ".cm-template *": { color: "inherit" },
  ".cm-tooltip": {
    color: "var(--text)", backgroundColor: "var(--surface)", border: "1px solid var(--border)", borderRadius: "6px",
    boxShadow: "var(--lifted)", fontFamily: "var(--sans)", maxWidth: "min(34rem, 90vw)",
  },
  ".cm-diagnostic": { padding: "0.4rem 0.7rem", borderLeftColor: "var(--border)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--danger)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warning)" },
  ".cm-diagnostic p": { margin: "0" },
  ".cm-diagnostic .cure": { color: "var(--muted)" },
  ".cm-panels": { color: "var(--text)", backgroundColor: "var(--raised)", fontFamily: "var(--sans)" },
  ".cm-panels-top": { borderBottom: "1px solid var(--line)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel.cm-search": { padding: "0.4rem 2rem 0.4rem 0.6rem" },
  ".cm-panel.cm-search label": { fontSize: "0.85rem" },
  ".cm-textfield": { color: "inherit", backgroundColor: "var(--surface)", border: "1px solid var(--border)", borderRadius: "4px", fontSize: "0.85rem" },
  ".cm-button": {
    color: "inherit", background: "var(--surface)", border: "1px solid var(--border)", borderRadius: "4px", textTransform: "capitalize", fontSize: "0.85rem",
  },
  ".cm-panel [name=close]": { color: "inherit", fontSize: "1.2rem", padding: "0 0.4rem", cursor: "pointer" },
  ".cm-foldPlaceholder": { color: "var(--muted)", backgroundColor: "var(--raised)", border: "1px solid var(--line)" },
});

const templates = new MatchDecorator({
  regexp: /\{\{.*?\}\}|\{%.*?%\}/g,
  decoration: Decoration.mark({ class: "cm-template" }),
});

/** Marks what Jinja2 fills in. */
const marks = ViewPlugin.define(
  (view) => ({
    decorations: templates.createDeco(view),
    update(update) {
      this.decorations = templates.updateDeco(update, this.decorations);
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

export const look = [frame, syntaxHighlighting(colours), bracketMatching(), marks];
