// The phone: places calls, keeps them, and does what the caller does: keys, words, silence, a message, hanging up.
import { act, call, hold, isOn, isPlacing, placeCall, send, skip } from "./phone_call.js";
import { callRequest, isFilledIn, showAnswers, world } from "./phone_setup.js";
import { goTo, source } from "./phone_text.js";
import { $, announce, busy, fail, post, succeed } from "./request.js";

function place(again = "") {
  if (isPlacing() || !isFilledIn()) return;
  $("settings").togglePopover(false);
  placeCall({ ...source(), ...callRequest(again) });
}

$("place").addEventListener("click", () => place());
$("again").addEventListener("click", () => place(call?.id));
$("setup").addEventListener("submit", (event) => event.preventDefault());
$("setup").addEventListener("change", ({ target }) => {
  showAnswers();
  const isWorld = target.matches("[data-party], [data-lookup] *");
  if (isWorld && call && !call.isOver) send(`/phone/calls/${call.id}/world`, world());
});

$("keep").addEventListener("click", async () => {
  succeed("keep");
  const free = busy($("keep"));
  try {
    const { path, name, command } = await post(`/phone/calls/${call.id}/keep`);
    announce(`Written to ${path} as “${name}”. Play it again with: ${command}`);
  } catch (problem) {
    fail("keep", problem.message);
  }
  free?.();
});

// What the caller does, and what happens when another phone rings

function pressKey(key) {
  if (!isOn()) return;
  act({ press: key });
  const { classList } = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  classList.add("pressed");
  setTimeout(() => classList.remove("pressed"), 150);
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, flow-editor, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^[0-9*#]$/.test(event.key) && isOn()) {
    event.preventDefault();
    pressKey(event.key);
  }
});

/** Do something by a button; a second click counts only after the reply. */
async function actBy(button, what) {
  const free = busy(button);
  await act(what);
  free?.();
}

/** What an agent hands back; an empty field is left out. */
function handedBack() {
  const found = {};
  for (const { value, checked, dataset } of document.querySelectorAll("#call-panel [data-value]")) {
    if (dataset.type === "checkbox") found[dataset.value] = checked;
    else if (value !== "") found[dataset.value] = dataset.type === "text" ? value : parsed(value);
  }
  return found;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text; // which the server refuses, and says why
  }
}

function actAsAgent(button, { hands, agent }) {
  if (!$("agent-after").reportValidity()) return;
  const after = $("agent-after").valueAsNumber;
  actBy(button, { agent: hands ? { hands, values: handedBack(), after } : { does: agent, after } });
}

$("phone").addEventListener("click", ({ target }) => {
  const button = target.closest("button, .node");
  const { key, outcome, message, hands, agent, file, line, column } = button?.dataset ?? {};
  if (key) pressKey(key);
  if (outcome) actBy(button, { dial: { outcome } });
  if (hands || agent) actAsAgent(button, { hands, agent });
  if (message !== undefined && $("seconds").reportValidity()) actBy(button, { record: { seconds: $("seconds").valueAsNumber, key: message } });
  if (line) goTo(file, Number(line), Number(column ?? 1));
});

$("speak").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("said").value.trim();
  if (!text) return;
  $("said").value = "";
  const isDone = await act({ speak: { text, confidence: $("confidence").valueAsNumber } });
  if (!isDone && !$("said").value) $("said").value = text;
});

$("silence").addEventListener("click", () => act("silence"));
$("hangup").addEventListener("click", ({ detail: clicks }) => clicks < 2 && act("hangup")); // not by a double click on Call
$("skip").addEventListener("click", skip);
$("hold").addEventListener("click", hold);

// At first

const { line } = $("phone").dataset;
if (line) goTo("", Number(line), 1);
const placed = new URLSearchParams(location.search).get("call"); // by another page
if (placed) send(`/phone/calls/${encodeURIComponent(placed)}/advance`, { at: 0 });
