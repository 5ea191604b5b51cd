// The conversation of a call: new bubbles are added as the call goes on, and a line that is unfolded says why.

const $ = (id) => document.getElementById(id);

/** Take over what is new of a call; what stays keeps its focus, and unfolded lines stay unfolded. */
export function merge(shown) {
  for (const part of [...shown.children]) {
    const old = $(part.id);
    if (part.id === "log") {
      for (const bubble of [...part.firstElementChild.children]) mergeBubble(bubble);
    } else if (old.dataset.html !== part.innerHTML || part.id === "call-state") {
      part.dataset.html = part.innerHTML;
      old.replaceWith(part);
    }
  }
}

function mergeBubble(bubble) {
  const old = $(bubble.id);
  const html = bubble.outerHTML;
  if (!old) $("bubbles").insertBefore(bubble, followingOf(bubble));
  else if (old.source !== html && !old.querySelector("details[open]")) old.replaceWith(bubble);
  bubble.source = html;
}

/** The bubble on the page before which a new one stands: its next sibling in the reply that is there already. */
function followingOf(bubble) {
  for (let next = bubble.nextElementSibling; next; next = next.nextElementSibling) {
    const there = $("bubbles").querySelector(`#${CSS.escape(next.id)}`);
    if (there) return there;
  }
  return null;
}

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
