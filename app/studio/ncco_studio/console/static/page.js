// What every page does: copy buttons, links that place a call, what changes by itself, undo, and errors of htmx's requests in the status line.
import "./times.js";
import { announce, busy, copy, fail, offer, reason, succeed } from "./request.js";
import { callBy } from "./to_phone.js";

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.("[data-copy]");
  const text = button && (button.dataset.copy || button.parentElement.querySelector("pre").textContent);
  if (button) copy(text, "Copied.", "Select the text and copy it by hand.");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-hear]");
  if (!link) return;
  event.preventDefault();
  const { hear, file, step } = link.dataset;
  callBy(link, hear, { file, step });
});

// A row with data-opens, which is an address or empty for its first link, opens by a press anywhere, except on what does something else and on selected text.
const OWN_PRESS = "a, audio, button, form, [popover]";
document.addEventListener("click", ({ target, ctrlKey, metaKey }) => {
  const row = target.closest?.("[data-opens]");
  if (!row || target.closest(OWN_PRESS) || !getSelection().isCollapsed) return;
  const address = row.dataset.opens || row.querySelector("a").href;
  if (ctrlKey || metaKey) open(address, "_blank", "noopener");
  else location.assign(address);
});

document.addEventListener("click", ({ target }) => {
  const button = target.closest?.(".fold");
  button?.setAttribute("aria-expanded", button.ariaExpanded === "false");
});

// A menu closes when something in it is chosen; the browser closes it otherwise.
document.addEventListener("click", ({ target }) => target.closest?.(".menu:not(.stack) > :is(a, button)")?.parentElement.hidePopover());

// A button that sends a form, or a request of htmx, is busy until the answer.

document.addEventListener("submit", ({ target, submitter, defaultPrevented }) => {
  if (defaultPrevented || !submitter || target.method === "dialog") return;
  setTimeout(() => { // after the browser has read the form, of which a disabled button is no part
    const free = busy(submitter);
    if (free) addEventListener("pageshow", free, { once: true }); // the page comes back as it was
  });
});

const pressed = new WeakMap(); // context of a request -> what ends that its button is busy

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const button = ctx.sourceEvent?.submitter ?? ctx.sourceElement;
  if (!isPoll(ctx) && button.matches("button, .button")) pressed.set(ctx, busy(button));
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => pressed.get(ctx)?.());

// What htmx asks every few seconds: only while it is seen, without keeping the login open, and only for what is new.

const versions = new WeakMap(); // element -> ETag of what it was shown last
let isLost = false; // the last of these requests failed, which is said once
let isLeft = false; // since the last request; Firefox ends those of a page before the next one is there
addEventListener("beforeunload", () => (isLeft = true));

const isPoll = ({ sourceEvent }) => sourceEvent?.type === "every";

document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  isLeft = false;
  if (!isPoll(ctx)) return;
  if (document.hidden && !("hidden" in ctx.sourceElement.dataset)) return event.preventDefault();
  ctx.request.headers["X-Unattended"] = "true";
  const version = versions.get(ctx.sourceElement);
  if (version) ctx.request.headers["If-None-Match"] = version;
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (!isPoll(ctx) || ctx.response.status >= 400) return;
  versions.set(ctx.sourceElement, ctx.response.headers.get("ETag"));
  isLost = false;
  succeed("poll");
});

/** Say that a request of htmx went wrong. */
function refused(ctx, sentence) {
  if (!isPoll(ctx)) return announce(sentence, { error: true });
  if (!isLost) fail("poll", sentence);
  isLost = true;
}

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status === 422) return; // a form with its errors, which htmx shows
  refused(ctx, reason(ctx.response.raw, ctx.text ?? ""));
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && !isLeft) refused(ctx, "The server does not answer. Check that it is running, then try again.");
});

// What was changed is said, and can be undone: by an answer to htmx, or on the page to which a form has led.

async function offerRecorded(id) {
  const answer = await fetch(`/history/${id}`).catch(() => null);
  if (answer?.ok) offer(await answer.json());
}

document.addEventListener("changed", ({ detail }) => (detail.id ? offerRecorded(detail.id) : offer(detail)));

const address = new URL(location.href);
const change = address.searchParams.get("change");
if (change) {
  address.searchParams.delete("change"); // it is said once
  history.replaceState(history.state, "", address);
  await offerRecorded(change);
}
