// The proof of a flow, and its calls played on the phone.
import { announce, post } from "./request.js";

const button = document.getElementById("prove");
const result = document.getElementById("proof");

button?.addEventListener("click", async () => {
  button.disabled = true;
  button.textContent = "Exploring every call …";
  try {
    result.innerHTML = await post(`/flows/${encodeURIComponent(button.dataset.flow)}/proof`); // escaped by our own server
  } catch (problem) {
    announce(problem.message, { error: true });
  }
  button.disabled = false;
  button.textContent = "Prove";
});

result.addEventListener("click", async ({ target }) => {
  const chosen = target.closest("[data-play]");
  if (!chosen) return;
  chosen.disabled = true;
  try {
    await play(JSON.parse(chosen.dataset.play));
  } catch (problem) {
    announce(problem.message, { error: true });
    chosen.disabled = false;
  }
});

/** Place the call, do what its caller does, each time where the caller is waited for, and show it on the phone. */
async function play({ steps, ...call }) {
  const { file, flow } = button.dataset;
  const shown = new DOMParser().parseFromString(await post("/phone/calls", { file, ...call }), "text/html");
  const { call: id } = shown.getElementById("call-state").dataset;
  for (const step of steps) {
    await post(`/phone/calls/${id}/advance`, { at: null });
    await post(`/phone/calls/${id}/steps`, { step, at: null });
  }
  await post(`/phone/calls/${id}/advance`, { at: null });
  location.assign(`/phone?${new URLSearchParams({ flow, call: id })}`);
}
