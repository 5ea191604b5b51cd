// Asks before a page with changes that are not saved is left, says prompts, and finds them.
import { announce } from "./request.js";

const forms = [...document.querySelectorAll("form[data-warns]")];
let isSent = false;

const isEdited = (input) => (input.type === "checkbox" ? input.checked !== input.defaultChecked : "defaultValue" in input && input.value !== input.defaultValue);

for (const form of forms) form.addEventListener("submit", () => { isSent = true; });
addEventListener("pageshow", () => { isSent = false; }); // the page comes back as it was
document.querySelector("[data-leaves]")?.addEventListener("click", () => { isSent = true; });
addEventListener("beforeunload", (event) => {
  const isUnsaved = forms.some((form) => "unsaved" in form.dataset || [...form.elements].some(isEdited));
  if (isUnsaved && !isSent) event.preventDefault();
});

// A prompt as the browser says it: without tags, and with examples of what is filled in during the call

for (const button of document.querySelectorAll("[data-play]")) {
  button.addEventListener("click", () => {
    const examples = JSON.parse(button.dataset.examples);
    const text = document.getElementById(button.dataset.play).value.replace(/<[^>]*>/g, " ").replace(/\[([^[\]]*)\]/g, (found, name) => examples[name] ?? found);
    window.speechSynthesis?.cancel();
    if (!window.speechSynthesis?.getVoices().length) announce("This browser has no voices.", { error: true });
    else window.speechSynthesis.speak(new SpeechSynthesisUtterance(text));
  });
}

// Other days that had the same hours as a changed one can have its new hours with one press

const fields = (day, state) => JSON.stringify([...day.querySelectorAll("input")].map((input) => input[(input.type === "checkbox" ? { is: "checked", was: "defaultChecked" } : { is: "value", was: "defaultValue" })[state]]));
for (const week of document.querySelectorAll(".week")) {
  const name = (day) => day.querySelector("label").textContent.trim().slice(0, 3);
  week.addEventListener("input", ({ target }) => {
    const changed = target.closest(".day");
    const alike = [...week.children].filter((day) => fields(day, "was") === fields(changed, "was") && fields(day, "is") !== fields(changed, "is"));
    week.querySelector("[data-also]")?.remove();
    if (alike.length === 0) return;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet small", textContent: `Also on ${alike.map(name).join(", ")}` });
    button.dataset.also = "";
    button.addEventListener("click", () => {
      const from = changed.querySelectorAll("input");
      for (const day of alike) day.querySelectorAll("input").forEach((input, at) => Object.assign(input, { value: from[at].value, checked: from[at].checked }));
      for (const pause of alike.map((day) => day.querySelector("details"))) pause.open = changed.querySelector("details").open;
      announce(`${button.textContent.replace("Also on", "The same hours on")}.`);
      button.remove();
    });
    changed.append(button);
  });
}

for (const find of document.querySelectorAll("[data-find]")) {
  const groups = [...find.parentElement.querySelectorAll(":scope > fieldset")];
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of groups) {
      const text = [group.textContent, ...[...group.querySelectorAll("input, textarea")].map(({ value }) => value)].join(" ").toLowerCase();
      group.hidden = !words.every((word) => text.includes(word));
    }
  });
}
