// The phone: keys, the clock of the call, and the browser's voice. The server plays the call in virtual time; the browser
// says up to which second. Nothing waits for the voice.
import { fragmentOf, textOf } from "./phone_link.js";
import { canRecognise, Microphone } from "./phone_microphone.js";
import { askNobody, callRequest, showAnswers, showSetup, world } from "./phone_setup.js";
import { Voice } from "./phone_voice.js";
import { announce, post } from "./request.js";

const SHORTEST_MS = 60; // between two requests for what happens next
const LONGEST_LINK = 100_000; // characters; browsers cut longer addresses
const $ = (id) => document.getElementById(id);

const page = $("phone");
const editor = $("text");
const voice = new Voice();
let call = null; // {id, at, seen (performance.now() at `at`), next, moment, listens (language of awaited speech), isOver}
const stops = new Set(); // why the clock stands: "hold", "speech"
let timer;
let requests = Promise.resolve();
let opened = {
  file: $("file").value, digest: page.dataset.digest, text: editor.value, hasCrLf: "crlf" in page.dataset,
  blocked: $("blocked").textContent,
};

// What went wrong: a sentence stands until the same thing succeeds

const failures = new Map();

function fail(what, sentence) {
  failures.set(what, announce(sentence, { error: true }));
}

function succeed(...whats) {
  for (const what of whats) {
    failures.get(what)?.();
    failures.delete(what);
  }
}

// The call as the server shows it

/** The second of the call that it is now. */
function now() {
  if (!call) return 0;
  const stands = stops.size > 0 || call.isOver || call.moment === "dial";
  return stands ? call.at : call.at + (performance.now() - call.seen) / 1000;
}

/** Send one request after the other, and show the call of each reply. */
function send(path, data) {
  requests = requests.then(async () => {
    try {
      const body = typeof data === "function" ? data() : data;
      const html = await post(path, body);
      succeed("request");
      show(html);
    } catch (problem) {
      fail("request", problem.message);
      if (problem.status === 404) end();
    }
  });
  return requests;
}

/** Do something now. A voice that is late behind the call is cut off. */
function act(what) {
  if (!call) return;
  succeed("act");
  if (call.moment !== "until") voice.stop();
  send(`/phone/calls/${call.id}/act`, { act: what, at: now() });
}

function show(html) {
  const shown = new DOMParser().parseFromString(html, "text/html");
  const state = shown.getElementById("call-state");
  if (!state) {
    $("phone-issues")?.replaceWith(shown.getElementById("phone-issues"));
    fail("place", "This text cannot be called yet.");
    return;
  }
  const { call: id, at, next, moment, listens, over, flow, step, refused, kept, blocked } = state.dataset;
  const isNew = call?.id !== id;
  const isAsked = ["dial", "record"].includes(moment) && (isNew || call.moment !== moment);
  if (isNew) succeed(...failures.keys());
  call = {
    id, moment, listens, at: Number(at), seen: performance.now(), next: next === "" ? null : Number(next), isOver: over === "true",
  };
  const log = $("log");
  const isAtEnd = !log || log.scrollTop + log.clientHeight > log.scrollHeight - 60;
  if (isNew) {
    voice.reset();
    $("call").replaceChildren(...shown.body.children);
    stops.clear();
  } else {
    merge($("call"), shown.body);
  }
  $("caller").hidden = call.isOver;
  $("hold").hidden = call.isOver;
  $("hold").setAttribute("aria-pressed", String(stops.has("hold")));
  $("again").hidden = false;
  $("keep").hidden = kept !== "true";
  $("keep").disabled = blocked === "true";
  if (refused) fail("act", refused);
  if (isNew) $("place").blur();
  if (isAtEnd || isNew) $("log").scrollTop = $("log").scrollHeight;
  if (isAsked) $("call-panel").scrollIntoView({ block: "nearest" });
  speak();
  tick();
  schedule();
  light(flow, step);
}

/** Take over what is new; what stays keeps its focus, and unfolded lines stay unfolded. */
function merge(before, after) {
  for (const part of [...after.children]) {
    const old = $(part.id);
    if (part.id === "log") {
      for (const bubble of [...part.firstElementChild.children]) mergeBubble($("bubbles"), bubble);
    } else if (old.dataset.html !== part.innerHTML || part.id === "call-state") {
      part.dataset.html = part.innerHTML;
      old.replaceWith(part);
    }
  }
}

function mergeBubble(list, bubble) {
  const old = $(bubble.id);
  const html = bubble.outerHTML;
  const place = [...list.children].indexOf(old);
  if (!old) {
    const following = following_in(list, bubble);
    list.insertBefore(bubble, following);
  } else if (place >= 0 && old.source !== html) {
    if (!old.querySelector("details[open]")) old.replaceWith(bubble);
  }
  bubble.source = html;
}

/** The bubble on the page before which a new one stands: its next sibling in the reply that is there already. */
function following_in(list, bubble) {
  for (let next = bubble.nextElementSibling; next; next = next.nextElementSibling) {
    const there = $(next.id);
    if (there?.parentElement === list) return there;
  }
  return null;
}

function end() {
  clearTimeout(timer);
  voice.reset();
  call = null;
  $("caller").hidden = $("hold").hidden = true;
}

// The clock

function schedule() {
  clearTimeout(timer);
  if (!call || call.isOver || stops.size > 0 || call.next === null || call.moment === "dial") return;
  const { id } = call;
  const wait = Math.max((call.next - now()) * 1000, SHORTEST_MS);
  timer = setTimeout(() => call?.id === id && send(`/phone/calls/${id}/advance`, () => ({ at: now() })), wait);
}

/** Stop the clock for a reason, or let it go on. */
function stopClock(reason, isStopped) {
  if (!call) return;
  call.at = now();
  call.seen = performance.now();
  stops[isStopped ? "add" : "delete"](reason);
  schedule();
}

function tick() {
  listen();
  const clock = $("clock");
  if (!clock || !call) return;
  const seconds = Math.floor(now());
  clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  for (const bubble of $("bubbles").querySelectorAll("[data-at]")) {
    const begun = Number(bubble.dataset.at);
    const lasts = bubble.dataset.seconds === "" ? Infinity : Number(bubble.dataset.seconds);
    bubble.classList.toggle("current", !call.isOver && begun <= now() && now() < begun + lasts);
  }
}
setInterval(tick, 250);

// The voice

/** Say what is heard now. */
function speak() {
  const bubbles = [...$("bubbles").querySelectorAll("[data-say]")];
  voice.speak(bubbles, { at: call.at, isOver: call.isOver, isHeld: stops.has("hold") });
}

function showVoices() {
  $("voices").hidden = voice.hasVoices;
}
window.speechSynthesis?.addEventListener?.("voiceschanged", showVoices);
setTimeout(showVoices, 1000);

$("mute").addEventListener("click", () => {
  voice.isMuted = !voice.isMuted;
  showMuted();
});
function showMuted() {
  $("mute").setAttribute("aria-pressed", String(voice.isMuted));
}
showMuted();

// The microphone, which is off at first

const microphone = new Microphone({
  heard(text, confidence) {
    if (!text) return;
    call.listens = ""; // until the reply says what is waited for
    act({ kind: "speak", text: text.slice(0, $("said").maxLength), confidence: confidence || Number($("confidence").value) });
  },
  speaking: (isSpeaking) => stopClock("speech", isSpeaking),
  failed(sentence) {
    $("microphone").checked = false;
    fail("microphone", sentence);
  },
});
$("recognition").hidden = !canRecognise;
$("microphone").addEventListener("change", () => {
  succeed("microphone");
  listen();
});

/** Listen while the call waits for speech and the page itself says nothing. */
function listen() {
  const isAwaited = $("microphone").checked && call && !call.isOver && !stops.has("hold") && !voice.isSpeaking;
  microphone.listen(isAwaited ? call.listens : "");
}

// What the caller does

async function place(again = "") {
  $("place").disabled = true;
  await send("/phone/calls", { ...unsavedSource(), ...callRequest(again) });
  $("place").disabled = false;
}

/** The file and its text; without the text where it is as on disk. */
function unsavedSource() {
  const text = $("file").value !== "pasted" && editor.value === opened.text ? null : editor.value;
  return { file: editor.name, text };
}

$("place").addEventListener("click", () => place());
$("again").addEventListener("click", () => place(call?.id ?? ""));
$("hangup").addEventListener("click", () => act({ kind: "hangup" }));
$("silence").addEventListener("click", () => act({ kind: "silence" }));
$("skip").addEventListener("click", () => {
  if (!call) return;
  voice.stop();
  send(`/phone/calls/${call.id}/advance`, { at: null });
});
$("hold").addEventListener("click", () => {
  if (!call) return;
  const isHeld = !stops.has("hold");
  stopClock("hold", isHeld);
  if (isHeld) voice.stop();
  $("hold").setAttribute("aria-pressed", String(isHeld));
});

$("speak").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("said").value.trim();
  if (!text) return;
  act({ kind: "speak", text, confidence: Number($("confidence").value) });
  $("said").value = "";
});

function press(key) {
  if (!call || call.isOver) return;
  act({ kind: "press", keys: key });
  const button = page.querySelector(`[data-key="${CSS.escape(key)}"]`);
  button?.classList.add("pressed");
  setTimeout(() => button?.classList.remove("pressed"), 150);
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, flow-editor, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^[0-9*#]$/.test(event.key) && call && !call.isOver) {
    event.preventDefault();
    press(event.key);
  }
});

page.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  const { key, outcome, message, line, column, file } = button.dataset;
  if (key) press(key);
  if (outcome) act({ kind: "decide", outcome });
  if (message !== undefined) act({ kind: "message", seconds: Number($("seconds").value), key: message });
  if (line) goTo(file, Number(line), Number(column ?? 1));
});

$("keep").addEventListener("click", keep);
async function keep() {
  succeed("keep");
  try {
    const { path, name, command } = await post(`/phone/calls/${call.id}/keep`);
    announce(`Written to ${path} as “${name}”. Play it again with: ${command}`);
  } catch (problem) {
    fail("keep", problem.message);
  }
}

// Why: fetched when a line is unfolded

document.addEventListener("toggle", async ({ target }) => {
  if (!target.open || target.dataset.turn === undefined || !call) return;
  const place = target.querySelector(".explanation");
  const answer = await fetch(`/phone/calls/${call.id}/turns/${target.dataset.turn}`);
  if (answer.ok) place.innerHTML = await answer.text(); // of our own server, which escapes every value
  else place.textContent = "This call is no longer here.";
}, true);

// The picture

let lit = ["", ""];

/** Light a step in the picture, and show it in the middle; without a step, where calls begin. */
function light(flow, step) {
  lit = [flow, step];
  for (const node of $("picture").querySelectorAll(".current")) node.classList.remove("current");
  const named = `.node[data-flow="${CSS.escape(flow)}"][data-step="${CSS.escape(step)}"]`;
  const node = $("picture").querySelector(step ? named : ".node");
  if (!node) return;
  node.classList.toggle("current", step !== "");
  const [box, around] = [node.getBoundingClientRect(), $("picture").getBoundingClientRect()];
  $("picture").scrollBy(box.x + box.width / 2 - around.x - around.width / 2, box.y + box.height / 2 - around.y - around.height / 2);
}

let drawn = ""; // the file whose picture is shown

/** Draw the text. While it has errors, the picture of the same file before them stays. */
async function draw() {
  if (!$("drawing").open) return;
  const source = unsavedSource();
  let picture;
  try {
    picture = await post("/phone/picture", source); // escaped by our own server
  } catch {
    return; // the setup says why
  }
  const stays = !picture && drawn === source.file && editor.value.trim() !== "";
  if (!stays) {
    $("picture").innerHTML = picture;
    drawn = picture ? source.file : "";
  }
  $("stale").hidden = !stays;
  light(...lit);
}
$("drawing").addEventListener("toggle", draw);
$("picture").addEventListener("click", ({ target }) => {
  const { file, line } = target.closest(".node")?.dataset ?? {};
  if (line) goTo(file, Number(line), 1);
});

// The text

async function goTo(file, line, column) {
  if (file && file !== $("file").value && $("file").value !== "pasted") {
    if (isChanged()) {
      announce(`Save the text first: the line is in ${file}.`);
      return;
    }
    await open(file);
  }
  editor.goTo(line, column);
}

const isChanged = () => $("file").value !== "pasted" && editor.value !== opened.text;

async function open(file) {
  const answer = await fetch(`/phone/text?${new URLSearchParams({ file })}`);
  if (!answer.ok) {
    announce(`${file} cannot be read.`, { error: true });
    return;
  }
  setText(await answer.json());
  await refresh();
}

function setText({ file, text, digest = "", blocked = "" }) {
  $("file").value = file;
  name(file, text);
  editor.value = text;
  opened = { file, digest, text: editor.value, hasCrLf: text.includes("\r\n"), blocked };
  askNobody();
  $("save").disabled = true;
  $("blocked").textContent = blocked;
  $("blocked").hidden = blocked === "";
}

/** Name the text for the editor, which checks a pasted NCCO by other rules than a flow. */
function name(file, text) {
  const isJson = file === "pasted" && text.trimStart().startsWith("[");
  const wanted = file === "pasted" ? `pasted.${isJson ? "json" : "yaml"}` : file;
  if (editor.name === wanted) return;
  editor.setAttribute("language", isJson ? "json" : "yaml");
  editor.name = wanted;
  editor.check();
}

$("file").addEventListener("change", () => {
  const file = $("file").value;
  const { file: before } = opened;
  if (before !== "pasted" && editor.value !== opened.text && !confirm(`${before} is not saved. Leave it?`)) {
    $("file").value = before;
    return;
  }
  if (file !== "pasted") {
    open(file);
    return;
  }
  setText({ file, text: "" });
  refresh();
});

let asked = 0; // requests for what can be called; an older one that is answered late is out of date

/** Ask what can be called now. */
async function refresh() {
  const number = ++asked;
  try {
    const html = await post("/phone/setup", unsavedSource());
    if (number !== asked) return;
    showSetup(html); // escaped by our own server
  } catch (problem) {
    fail("setup", problem.message);
    return;
  }
  succeed("setup");
  if (!$("phone-issues")?.querySelector(".error")) succeed("place");
  draw();
}

$("setup").addEventListener("submit", (event) => {
  event.preventDefault();
  place();
});
$("setup").addEventListener("change", ({ target }) => {
  showAnswers();
  const isWorld = target.matches("[data-party], [data-lookup] *");
  if (isWorld && call && !call.isOver) send(`/phone/calls/${call.id}/world`, world());
});

editor.addEventListener("edited", () => {
  name($("file").value, editor.value);
  $("save").disabled = !isChanged() || opened.blocked !== "";
  refresh();
});

$("save").addEventListener("click", async () => {
  const { file, digest, hasCrLf } = opened;
  const text = editor.value;
  try {
    const written = hasCrLf ? text.replaceAll("\n", "\r\n") : text;
    const saved = await post("/phone/save", { file, text: written, digest });
    opened = { ...opened, text, digest: saved.digest };
    $("save").disabled = editor.value === text;
    refresh();
    succeed("save", "keep");
    if (saved.problem) fail("save", saved.problem);
    else announce(`${file} is saved.`);
  } catch (problem) {
    fail("save", problem.message);
  }
});
addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());

// A link that holds the text

$("link").addEventListener("click", async () => {
  const address = `${location.origin}/phone${await fragmentOf(editor.value)}`;
  if (address.length > LONGEST_LINK) {
    announce("The text is too long for a link; send the file instead.", { error: true });
    return;
  }
  try {
    await navigator.clipboard.writeText(address);
    announce("The link is copied. It holds the whole text.");
  } catch {
    announce(`The browser did not allow copying. The link is: ${address}`, { error: true });
  }
});

async function openShared() {
  try {
    const text = await textOf(location.hash);
    if (text === null) return;
    setText({ file: "pasted", text });
    await refresh();
  } catch {
    announce("The link holds no text, or only a part of it.", { error: true });
  }
}

addEventListener("hashchange", openShared);
await openShared();
draw();
if (page.dataset.line) goTo("", Number(page.dataset.line), 1);
const placed = new URLSearchParams(location.search).get("call"); // by another page
if (placed) send(`/phone/calls/${encodeURIComponent(placed)}/advance`, { at: 0 });
