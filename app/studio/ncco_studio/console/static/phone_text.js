// The text that is played: a file of the project, which can be saved, or a pasted one.
import { draw } from "./phone_picture.js";
import { showIssues, showSetup } from "./phone_setup.js";
import { $, announce, fail, offer, post, succeed } from "./request.js";

const editor = $("text");

/** Load the editor, which is larger than the rest of the page, for whoever wants to edit. */
async function load() {
  await import("./editor.js");
  editor.removeAttribute("tabindex"); // its text takes the focus itself
}

$("edit").addEventListener("click", async () => {
  await load();
  editor.goTo(1, 1);
});
editor.addEventListener("pointerdown", load, { once: true });
$("details")?.addEventListener("toggle", () => { // owners seldom want to see the text
  load();
  showPicture(); // it has another height now
});

/** The text now: also where its editor is not loaded. */
const written = () => editor.value ?? editor.textContent;

let opened = {
  file: $("file").value, digest: $("phone").dataset.digest, text: written(), hasCrLf: "crlf" in $("phone").dataset,
  blocked: $("blocked").textContent,
};

const isPasted = () => opened.file === "pasted";
const isChanged = () => written() !== opened.text;
const isSavable = () => isPasted() ? written().trim() !== "" && editor.getAttribute("name") !== "pasted.json" : isChanged() && opened.blocked === "";

/** Whether another text may take the place of this one. */
const mayLeave = () => !isChanged() || confirm(`${isPasted() ? "The pasted text" : opened.file} is not saved. Leave anyway?`);

/** The file and its text; without the text where it is as on disk. */
export function source() {
  return { file: editor.getAttribute("name"), text: isPasted() || isChanged() ? written() : null };
}

/** Show a line of a file; "" for the one that is open. */
export async function goTo(file, line, column) {
  if (file && file !== opened.file && !isPasted()) {
    if (isChanged()) {
      announce(`Save the text first: the line is in ${file}.`);
      return;
    }
    await open(file);
  }
  if ($("details")?.open === false) return;
  await load();
  editor.goTo(line, column);
}

async function open(file) {
  const answer = await fetch(`/phone/text?${new URLSearchParams({ file })}`);
  if (answer.ok) await setText(await answer.json());
  else announce(`${file} cannot be read.`, { error: true });
}

async function setText({ file, text, digest = "", blocked = "" }) {
  showFile(file);
  if (file === "pasted" && !$("details")) await load();
  editor["value" in editor ? "value" : "textContent"] = text;
  opened = { file, digest, text: written(), hasCrLf: text.includes("\r\n"), blocked };
  name();
  $("save").disabled = !isSavable();
  $("blocked").textContent = blocked;
  $("blocked").hidden = blocked === "";
  await refresh();
}

function showFile(file) {
  $("file").value = file;
  $("line").value = [...$("line").options].some(({ value }) => value === file) ? file : "";
}

/** Name the text for the editor, which checks a pasted NCCO by other rules than a flow. */
function name() {
  const isJson = isPasted() && written().trimStart().startsWith("[");
  const wanted = isPasted() ? `pasted.${isJson ? "json" : "yaml"}` : opened.file;
  if (editor.getAttribute("name") === wanted) return;
  editor.setAttribute("language", isJson ? "json" : "yaml");
  editor.setAttribute("name", wanted);
  editor.check?.();
}

let asked = 0; // requests for what can be called; an older one that is answered late is out of date

/** Ask what can be called now. */
async function refresh() {
  const number = ++asked;
  try {
    const html = await post("/phone/setup", source());
    if (number !== asked) return;
    showSetup(html); // escaped by our own server
  } catch (problem) {
    if (number === asked) fail("setup", problem.message);
    return;
  }
  succeed("setup");
  if (!$("phone-issues").querySelector(".error")) succeed("request");
  showPicture();
}

const showPicture = () => draw(source(), written().trim() === "");
$("drawing").addEventListener("toggle", showPicture);

for (const id of ["file", "line"]) {
  $(id).addEventListener("change", ({ target: { value: file } }) => {
    if (!mayLeave()) showFile(opened.file);
    else if (file === "pasted") setText({ file, text: "" });
    else open(file);
  });
}

editor.addEventListener("elsewhere", ({ detail: { file, line, column } }) => {
  if (isPasted()) announce(`This is in line ${line} of ${file}.`);
  else goTo(file, line, column);
});
editor.addEventListener("edited", () => {
  name();
  $("save").disabled = !isSavable();
  refresh();
});

$("save").addEventListener("click", save);
editor.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "s") return;
  event.preventDefault(); // the browser would save the page
  if ($("save").hidden || opened.blocked) announce(opened.blocked || "Your login may not save texts.");
  else if (isSavable()) save();
});

async function save() {
  if (isPasted()) { // a file of its own, after a review
    opened.text = written();
    $("adopt").elements.text.value = opened.text;
    $("adopt").submit();
    return;
  }
  try {
    $("diff").innerHTML = await post("/phone/diff", edited()); // escaped by our own server
  } catch (problem) {
    return fail("save", problem.message);
  }
  $("review").returnValue = "";
  $("review").showModal();
}
$("review").addEventListener("close", ({ target }) => target.returnValue === "save" && store());

function edited() {
  const { file, digest, hasCrLf } = opened;
  return { file, digest, text: hasCrLf ? written().replaceAll("\n", "\r\n") : written() };
}

async function store() {
  const { file } = opened;
  const text = written();
  try {
    const saved = await post("/phone/save", edited());
    opened = { ...opened, text, digest: saved.digest };
    $("save").disabled = !isSavable();
    refresh();
    succeed("save", "keep");
    if (saved.problem) fail("save", saved.problem);
    else offer({ ...saved, said: `${file} is saved.` });
  } catch (problem) {
    fail("save", problem.message);
  }
}
addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());

showIssues();
showPicture();
if (!$("details") && new URLSearchParams(location.search).has("file")) load(); // a link to edit it
