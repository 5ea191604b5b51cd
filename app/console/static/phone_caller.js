// What the caller does: keys, words, silence, a message, hanging up; and what happens when another phone rings.
import { act, call, hold, skip } from "./phone_call.js";

const $ = (id) => document.getElementById(id);

function press(key) {
  if (!call || call.isOver) return;
  act({ kind: "press", keys: key });
  const { classList } = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  classList.add("pressed");
  setTimeout(() => classList.remove("pressed"), 150);
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, flow-editor, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (/^[0-9*#]$/.test(event.key) && call && !call.isOver) {
    event.preventDefault();
    press(event.key);
  }
});

$("phone").addEventListener("click", ({ target }) => {
  const { key, outcome, message } = target.closest("button")?.dataset ?? {};
  if (key) press(key);
  if (outcome) act({ kind: "decide", outcome });
  if (message !== undefined) act({ kind: "message", seconds: Number($("seconds").value), key: message });
});

$("speak").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("said").value.trim();
  if (!text) return;
  act({ kind: "speak", text, confidence: Number($("confidence").value) });
  $("said").value = "";
});

$("silence").addEventListener("click", () => act({ kind: "silence" }));
$("hangup").addEventListener("click", () => act({ kind: "hangup" }));
$("skip").addEventListener("click", skip);
$("hold").addEventListener("click", hold);
