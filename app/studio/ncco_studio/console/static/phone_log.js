// The conversation of a call: what is heard now, and a line that is unfolded says why.
import { $ } from "./request.js";

/** Mark what is heard at a second of the call. */
export function mark(second, isOver) {
  for (const bubble of $("bubbles").querySelectorAll("[data-at]")) {
    const begun = Number(bubble.dataset.at);
    const lasts = bubble.dataset.seconds === "" ? Infinity : Number(bubble.dataset.seconds);
    bubble.classList.toggle("current", !isOver && begun <= second && second < begun + lasts);
  }
}

document.addEventListener("toggle", async ({ target }) => {
  if (!target.open || target.dataset.turn === undefined) return;
  const place = target.querySelector(".explanation");
  const answer = await fetch(`/phone/calls/${$("call-state").dataset.call}/turns/${target.dataset.turn}`);
  if (answer.ok) place.innerHTML = await answer.text(); // of our own server, which escapes every value
  else place.textContent = "This call is no longer here.";
}, true);
