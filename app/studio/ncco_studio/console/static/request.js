// Requests of the page's own modules, buttons that are busy until the answer, and the status line that says what went wrong.

export const $ = (id) => document.getElementById(id);

/**
 * Send `data` as JSON with the session's CSRF token.
 *
 * Returns the parsed JSON of the answer, or its text when it is no JSON. Throws an Error whose message can be shown, and
 * whose `cause` is the answer, if one came; an aborted `signal` throws AbortError as `fetch` does.
 */
export async function post(url, data = {}, { signal } = {}) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  let answer;
  try {
    answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(data), signal });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error("The server does not answer. Check that it is running, then try again.");
  }
  const text = await answer.text();
  if (!answer.ok) throw new Error(reason(answer, text), { cause: answer });
  return isJson(answer) ? JSON.parse(text) : text;
}

/** Why a request was refused, in a sentence for people. `text` is the body of the answer. */
export function reason(answer, text) {
  if (answer.status === 401) return "Your login has expired. Load the page again and log in.";
  if (isJson(answer)) {
    const { detail, fix = "" } = parsed(text, null) ?? {};
    if (typeof detail === "string") return `${detail} ${fix}`.trim();
    if (Array.isArray(detail)) return `The server cannot use this. ${detail.map(({ loc = [], msg }) => `${loc.at(-1)}: ${msg}`).join("; ")}.`;
  }
  if (answer.headers.get("Content-Type")?.startsWith("text/plain") && text) return text;
  return `The server refused this with status ${answer.status}. Its log says why.`;
}

function isJson(answer) {
  return answer.headers.get("Content-Type")?.includes("json") ?? false;
}

/** The value of a text in JSON; `otherwise` for any other text. */
export function parsed(text, otherwise) {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/**
 * Make a button or a link busy: it says so, and a second press does nothing. `data-busy` has its words for that.
 *
 * Returns what ends this; null when it is busy already.
 */
export function busy(button) {
  if (button.ariaBusy === "true") return null;
  const words = [...button.childNodes].findLast(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim());
  const before = words?.data;
  const hasFocus = document.activeElement === button;
  const setDisabled = (is) => ("disabled" in button ? (button.disabled = is) : (button.ariaDisabled = is ? "true" : null));
  button.ariaBusy = "true";
  setDisabled(true);
  if (words) words.data = button.dataset.busy ?? `${before.trim()} …`;
  const during = words?.data;
  return () => {
    button.ariaBusy = null;
    setDisabled(false);
    if (words?.data === during) words.data = before; // unless the answer has changed them
    if (hasFocus && document.activeElement === document.body) button.focus();
  };
}

const SEEN = "a[href], button, input, select, textarea, summary, h1, h2";
const BUTTONS = "button, .button, .top a"; // matter more than fields, and these more than links
const GAP = 12; // pixels to the edge of the window
const LOOK_MS = 250;

let hiding;
let moving;

/** Move the status line to the lowest place in the window where it covers no heading and nothing to press, or least of it. */
function move(line) {
  const { left, right, top, height } = line.getBoundingClientRect();
  const others = [...document.querySelectorAll(SEEN)].filter((each) => !line.contains(each) && (each.checkVisibility?.() ?? true));
  const taken = others.map((each) => ({ weight: each.matches(BUTTONS) ? 100 : each.matches("a") ? 1 : 10, box: each.getBoundingClientRect() }))
    .filter(({ box }) => box.right > left && box.left < right);
  const covers = (from) => taken.reduce((sum, { box, weight }) => sum + (box.bottom > from && box.top < from + height ? weight : 0), 0);
  const last = innerHeight - height - GAP;
  if (line.style.top && top >= 0 && top <= last && !covers(top)) return;
  const places = Array.from({ length: Math.max(1, Math.floor(last / 4)) }, (_, number) => last - 4 * number);
  const best = places.reduce((found, each) => (covers(each) < covers(found) ? each : found));
  Object.assign(line.style, { top: `${best}px`, bottom: "auto" });
}

/**
 * Show a sentence in the status line; screen readers read it out. An error stays until it is closed, and so does one
 * with an `action`: a button beside it, its word and what it does.
 *
 * Returns what takes the sentence back, if it still stands there.
 */
export function announce(sentence, { error = false, action } = {}) {
  const line = $("status");
  const button = (word, does) => {
    const made = Object.assign(document.createElement("button"), { className: "quiet small", textContent: word });
    made.addEventListener("click", () => {
      line.replaceChildren();
      does?.();
    });
    return made;
  };
  clearTimeout(hiding);
  const close = Object.assign(button("×"), { ariaLabel: "Close", title: "Close" });
  line.classList.toggle("error", error);
  const text = Object.assign(document.createElement("span"), { textContent: sentence });
  line.replaceChildren(text, ...(action ? [button(...action)] : []), close);
  clearInterval(moving);
  move(line);
  moving = setInterval(() => (close.isConnected ? move(line) : clearInterval(moving)), LOOK_MS); // the page changes, and is scrolled
  if (!error && !action) hiding = setTimeout(() => line.replaceChildren(), 6000);
  return () => close.isConnected && line.replaceChildren();
}

/** Copy a text, and say so, or how else it can be copied. */
export async function copy(text, said, otherwise) {
  try {
    await navigator.clipboard.writeText(text);
    announce(said);
  } catch {
    announce(`The browser did not allow copying. ${otherwise}`, { error: true });
  }
}

const failures = new Map();

/** Show what went wrong. The sentence stands until the same thing succeeds. */
export function fail(what, sentence) {
  failures.set(what, announce(sentence, { error: true }));
}

/** Take back what these have failed with; without any, what anything has. */
export function succeed(...whats) {
  for (const what of whats.length ? whats : [...failures.keys()]) {
    failures.get(what)?.();
    failures.delete(what);
  }
}

/** Say what was changed, with a button that takes it back. */
export function offer({ said, undo }, takeBack = submit) {
  announce(said, undo ? { action: ["Undo", () => takeBack(...undo)] } : {});
}

/** Send a form, whose answer is the next page. */
function submit(address, values) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: address, hidden: true });
  const token = document.querySelector('meta[name="csrf-token"]').content;
  for (const [name, value] of Object.entries({ ...values, csrf_token: token })) {
    form.append(Object.assign(document.createElement("textarea"), { name, value }));
  }
  document.body.append(form);
  form.submit();
}
