// Asks before a page with changes that are not saved is left, and plays on the phone what was saved.
import { announce, post } from "./request.js";

const form = document.querySelector("form[data-warns]");
let isSent = false;

const isEdited = (input) => (input.type === "checkbox" ? input.checked !== input.defaultChecked : "defaultValue" in input && input.value !== input.defaultValue);

form.addEventListener("submit", () => { isSent = true; });
addEventListener("pageshow", () => { isSent = false; }); // the page comes back as it was
document.querySelector("[data-leaves]")?.addEventListener("click", () => { isSent = true; });
addEventListener("beforeunload", (event) => {
  const isUnsaved = "unsaved" in form.dataset || [...form.elements].some(isEdited);
  if (isUnsaved && !isSent) event.preventDefault();
});

document.getElementById("hear")?.addEventListener("click", async (event) => {
  event.preventDefault();
  const { file, flow, step } = event.currentTarget.dataset;
  try {
    const shown = new DOMParser().parseFromString(await post("/phone/calls", { file, step }), "text/html");
    location.assign(`/phone?${new URLSearchParams({ flow, call: shown.getElementById("call-state").dataset.call })}`);
  } catch (problem) {
    announce(problem.message, { error: true });
  }
});
