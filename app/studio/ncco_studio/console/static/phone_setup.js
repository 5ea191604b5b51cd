// The settings of a call: who calls, when, and the outside world.
import { parsed } from "./request.js";

const form = document.getElementById("setup");

/** The call that the form describes. Without a time it is made now, or, `again`, when the call was made that it repeats. */
export function callRequest(again) {
  const setup = new FormData(form);
  return {
    flow: setup.get("to") ? "" : setup.get("flow") ?? "",
    to: setup.get("to") ?? "",
    caller: setup.get("caller"),
    made_at: setup.get("at") || null,
    world: world(),
    env: Object.fromEntries([...form.querySelectorAll("[data-env]")].map(({ dataset, value }) => [dataset.env, value])),
    again,
  };
}

/** Whether the form can be sent; otherwise the browser says beside a field why not. */
export function isFilledIn() {
  const wrong = form.querySelector(":invalid");
  if (wrong) document.getElementById("settings").togglePopover(true); // nothing can be said beside a hidden field
  if (wrong?.closest("details")) wrong.closest("details").open = true;
  return form.reportValidity();
}

/** What dialled parties do and lookups answer. */
export function world() {
  const parties = {};
  for (const { dataset, value } of form.querySelectorAll("[data-party]")) if (value) parties[dataset.party] = value;
  const given = {};
  for (const fields of form.querySelectorAll("[data-lookup]")) {
    const how = fields.querySelector("[data-how]").value;
    const value = {};
    for (const field of fields.querySelectorAll("[data-field]")) {
      value[field.dataset.field] = field.dataset.type === "json" ? parsed(field.value, field.value) : field.value;
    }
    const answers = { value: { value: "" in value ? value[""] : value }, fails: { error: "503" }, timeout: { timeout: true } };
    if (how in answers) given[fields.dataset.lookup] = answers[how];
  }
  return { parties, given };
}

/** Show the form for another text. What is chosen already stays chosen. */
export function showSetup(html) {
  const chosen = new Map([...form.elements].filter(({ id }) => id).map((each) => [each.id, each]));
  const isOpen = form.querySelector("details").open;
  form.innerHTML = html;
  for (const each of form.elements) {
    if (!chosen.has(each.id)) continue;
    const { value } = chosen.get(each.id);
    const isKnown = each.tagName !== "SELECT" || [...each.options].some((option) => option.value === value);
    if (isKnown) each.value = value;
  }
  form.querySelector("details").open = isOpen;
  showAnswers();
  showIssues();
}

/** Show the issues, which come with the settings, above the call. */
export function showIssues() {
  document.getElementById("issues").replaceChildren(form.querySelector("#phone-issues"));
}

/** Show the fields of chosen answers. */
export function showAnswers() {
  for (const fields of form.querySelectorAll("[data-lookup]")) {
    const isShown = fields.querySelector("[data-how]").value === "value";
    for (const each of fields.querySelectorAll("[data-answer]")) each.hidden = !isShown;
  }
}
