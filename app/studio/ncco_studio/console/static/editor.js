// <flow-editor name="flows/reception.yaml" language="yaml">text</flow-editor>: an editor that is checked while you type.
//
// Attributes: name (the file), language (yaml or json), placeholder. Property: value.
// Methods: goTo(line, column), check().
// Events: edited (300 ms after the last key), elsewhere (detail: a place in another file).
// Lines and columns count from 1, columns in UTF-16 code units.
import {
  Compartment, EditorState, EditorView, closeBrackets, drawSelection, foldGutter, highlightActiveLine,
  highlightActiveLineGutter, highlightSelectionMatches, history, indentOnInput, json, keymap, lineNumbers, lintGutter,
  placeholder, search, setDiagnostics, yaml,
} from "./vendor/codemirror.js";
import { bindings, look } from "./editor_look.js";
import { announce, post } from "./request.js";

const QUIET_MS = 300;
const LONG_LINE = /.{10000}/; // wrapping such a line would make typing slow
const MAX_UNDERLINED = 1000;
const MAX_LISTED = 50;
const LANGUAGES = { yaml, json };
const OPENS = /^( *(?:- +)*)[^\s#][^#]*:$/; // `key:`, whose value begins on the next line

class FlowEditor extends HTMLElement {
  static observedAttributes = ["name", "language"];

  #view;
  #quiet;
  #checking = false;
  #again = false;
  #unreachable = false;
  #issues = [];
  #answered = false; // whether anything is known about this text
  #found = document.createElement("section");
  #settings = new Compartment();
  #scheme = matchMedia("(prefers-color-scheme: dark)");

  connectedCallback() {
    if (!this.#view) this.#build(this.textContent);
    this.#scheme.addEventListener("change", () => this.#configure());
    this.check();
  }

  attributeChangedCallback() {
    this.#configure();
  }

  get name() {
    return this.getAttribute("name") ?? "";
  }

  get value() {
    return this.#view?.state.doc.toString() ?? this.textContent;
  }

  /** Another text: it starts without issues, and undo does not go back behind it. */
  set value(text) {
    this.#view.setState(this.#state(text));
    this.#begin();
    this.check();
  }

  focus() {
    this.#view?.focus();
  }

  /** Put the cursor there, in view. Places outside of the text are moved into it. */
  goTo(line, column = 1) {
    const anchor = this.#offset({ line, column });
    this.#view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    this.#view.focus();
  }

  #begin() {
    this.#answered = false;
    this.#show([], "Checking …");
  }

  #show(issues, summary) {
    this.#issues = issues;
    const shown = issues.filter(({ file }) => file === this.name).slice(0, MAX_UNDERLINED);
    this.#view.dispatch(setDiagnostics(this.#view.state, shown.map((issue) => this.#diagnostic(issue))));
    this.#list(summary);
  }

  /** Ask the server for the issues of the text. One request at a time; a change in between asks again. */
  async check() {
    if (!this.#view || !this.name) return;
    this.#again = this.#checking;
    if (this.#checking) return;
    this.#checking = true;
    const { name, value } = this;
    try {
      const { issues } = value.trim() ? await post("/editor/check", { file: name, text: value }) : { issues: [] };
      this.#unreachable = false;
      if (!this.#again && name === this.name && value === this.value) {
        this.#answered = true;
        this.#show(issues, summarized(issues));
      }
    } catch (problem) {
      if (!this.#unreachable) announce(`This text cannot be checked. ${problem.message}`, { error: true });
      this.#unreachable = true;
      if (!this.#answered) this.#show([], "Not checked");
    } finally {
      this.#checking = false;
    }
    if (this.#again) await this.check();
  }

  #build(text) {
    const root = this.attachShadow({ mode: "open" });
    this.#view = new EditorView({ state: this.#state(text), root });
    root.append(this.#view.dom, document.createElement("slot"));
    this.#found.setAttribute("aria-label", "Issues");
    this.replaceChildren(this.#found);
    this.#begin();
  }

  #state(doc) {
    return EditorState.create({
      doc,
      extensions: [
        lineNumbers(), foldGutter(), lintGutter(), history(), drawSelection(), indentOnInput(), closeBrackets(),
        highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }),
        EditorState.tabSize.of(2), look, placeholder(this.getAttribute("placeholder") ?? ""),
        keymap.of([{ key: "Enter", run: () => this.#indent() }, ...bindings]),
        EditorView.updateListener.of((update) => update.docChanged && this.#changed()),
        this.#settings.of(this.#configured(doc)),
      ],
    });
  }

  #configured(text) {
    const label = `${this.name || "Text"}. Press Escape, then Tab to leave the editor.`;
    return [
      LANGUAGES[this.getAttribute("language") ?? "yaml"]?.() ?? [],
      LONG_LINE.test(text) ? [] : EditorView.lineWrapping,
      EditorView.darkTheme.of(this.#scheme.matches),
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", tabindex: "0" }),
    ];
  }

  #configure() {
    this.#view?.dispatch({ effects: this.#settings.reconfigure(this.#configured(this.value)) });
  }

  #changed() {
    this.#again = this.#checking;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#configure();
      this.dispatchEvent(new CustomEvent("edited"));
      this.check();
    }, QUIET_MS);
  }

  #offset({ line, column }) {
    const { doc } = this.#view.state;
    const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines));
    return Math.min(from + Math.max(column, 1) - 1, to);
  }

  #diagnostic(issue) {
    const { doc } = this.#view.state;
    const from = this.#offset(issue);
    const to = Math.min(Math.max(from + issue.length, from + 1), doc.length);
    const renderMessage = () => sentences(issue);
    return { from, to, severity: issue.severity, message: issue.message, renderMessage };
  }

  #list(summary) {
    const items = this.#issues.slice(0, MAX_LISTED).map((issue) => {
      const item = element("li", `issue ${issue.severity}`);
      const where = element("button", "quiet small", `${issue.file === this.name ? "" : `${issue.file} `}line ${issue.line}`);
      where.addEventListener("click", () => this.#go(issue));
      const row = element("div", "row");
      row.append(where, element("span", "small", issue.code));
      item.append(sentences(issue), row);
      return item;
    });
    const list = element("ul", "issues");
    list.append(...items);
    const said = element("p", "muted small", this.value.trim() ? summary : "No text yet");
    this.#found.replaceChildren(said, ...(items.length ? [list] : []));
  }

  #go({ file, line, column }) {
    if (file === this.name) this.goTo(line, column);
    else this.dispatchEvent(new CustomEvent("elsewhere", { detail: { file, line, column } }));
  }

  /** Begin the value of `key:` one level in, which CodeMirror does not know of YAML. */
  #indent() {
    const { state } = this.#view;
    const { empty, head } = state.selection.main;
    const { from, to, text } = state.doc.lineAt(head);
    const opened = OPENS.exec(text.trimEnd());
    const isYaml = (this.getAttribute("language") ?? "yaml") === "yaml";
    if (!isYaml || !empty || !opened || state.sliceDoc(head, to).trim()) return false;
    const insert = `\n${" ".repeat(opened[1].length + 2)}`;
    this.#view.dispatch({
      changes: { from: from + text.trimEnd().length, to, insert },
      selection: { anchor: from + text.trimEnd().length + insert.length },
      scrollIntoView: true, userEvent: "input",
    });
    return true;
  }
}

function element(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function sentences({ message, cure }) {
  const both = element("div", "sentences");
  both.append(element("p", "", message), ...(cure ? [element("p", "cure", cure)] : []));
  return both;
}

function summarized(issues) {
  const count = (severity, word) => {
    const number = issues.filter((issue) => issue.severity === severity).length;
    return number ? [`${number} ${word}${number === 1 ? "" : "s"}`] : [];
  };
  const more = issues.length > MAX_LISTED ? `; the first ${MAX_LISTED} are listed` : "";
  return ([...count("error", "error"), ...count("warning", "warning")].join(", ") || "No issues") + more;
}

customElements.define("flow-editor", FlowEditor);
