// What every page does: copy buttons, and errors of htmx's requests in the status line.
import { announce, reason } from "./request.js";

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy || button.parentElement.querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
  } catch {
    announce("The browser did not allow copying. Select the text and copy it by hand.", { error: true });
  }
});

document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (ctx.response.status === 422) return; // a form with its errors, which htmx shows
  announce(reason(ctx.response.raw, ctx.text ?? ""), { error: true });
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx) announce("The server does not answer. Check that it is running, then try again.", { error: true });
});
