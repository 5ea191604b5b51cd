// What the caller does: keys, words, silence, a message, hanging up; and what happens when another phone rings.
import { busy } from "./busy.js";
import { act, hold, isOn, press, skip } from "./phone_call.js";
import { $ } from "./request.js";

function pressKey(key) {
  if (!isOn()) return;
  press(key);
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

$("phone").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  const { key, outcome, message } = button?.dataset ?? {};
  if (key) pressKey(key);
  if (outcome) actBy(button, { dial: { outcome } });
  if (message !== undefined && $("seconds").reportValidity()) actBy(button, { record: { seconds: $("seconds").valueAsNumber, key: message } });
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
