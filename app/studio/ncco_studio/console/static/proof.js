// The proof of a flow, and its calls played on the phone.
import { busy } from "./busy.js";
import { announce, post } from "./request.js";
import { callBy } from "./to_phone.js";

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

result.addEventListener("click", ({ target }) => {
  const chosen = target.closest("[data-play]");
  if (!chosen) return;
  const { file, flow } = button.dataset;
  const { steps, ...call } = JSON.parse(chosen.dataset.play);
  callBy(chosen, flow, { file, ...call }, async (id) => { // what its caller does, each time where the caller is waited for
    for (const step of steps) {
      await post(`/phone/calls/${id}/advance`, { at: null });
      await post(`/phone/calls/${id}/steps`, { step, at: null });
    }
    await post(`/phone/calls/${id}/advance`, { at: null });
  });
});
