// The proof of a flow, and its calls played on the phone.
import { busy } from "./busy.js";
import { announce, post } from "./request.js";

const button = document.getElementById("prove");
const result = document.getElementById("proof");

button?.addEventListener("click", async () => {
  const free = busy(button);
  try {
    result.innerHTML = await post(`/flows/${encodeURIComponent(button.dataset.flow)}/proof`); // escaped by our own server
  } catch (problem) {
    announce(problem.message, { error: true });
  }
  free?.();
});

result.addEventListener("click", async ({ target }) => {
  const chosen = target.closest("[data-play]");
  if (!chosen) return;
  const free = busy(chosen);
  if (!free) return;
  addEventListener("pageshow", free, { once: true }); // the page comes back as it was
  try {
    await play(JSON.parse(chosen.dataset.play));
  } catch (problem) {
    announce(problem.message, { error: true });
    free();
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
