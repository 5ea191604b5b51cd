// The calls of a flow's proof, played on the phone.
import { post } from "./request.js";
import { callBy } from "./to_phone.js";

document.getElementById("proof").addEventListener("click", ({ target }) => {
  const chosen = target.closest("[data-play]");
  if (!chosen) return;
  const { file, flow } = document.getElementById("prove").dataset;
  const { steps, ...call } = JSON.parse(chosen.dataset.play);
  callBy(chosen, flow, { file, ...call }, async (id) => { // what its caller does, each time where the caller is waited for
    for (const step of steps) {
      await post(`/phone/calls/${id}/advance`, { at: null });
      await post(`/phone/calls/${id}/steps`, { step, at: null });
    }
    await post(`/phone/calls/${id}/advance`, { at: null });
  });
});
