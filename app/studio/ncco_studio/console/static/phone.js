// The phone: places calls, keeps them, and joins its parts. What the caller does is in phone_caller.js.
import { busy } from "./busy.js";
import "./phone_caller.js";
import { call, isPlacing, placeCall, send } from "./phone_call.js";
import { callRequest, isFilledIn, showAnswers, world } from "./phone_setup.js";
import { goTo, source } from "./phone_text.js";
import { $, announce, fail, post, succeed } from "./request.js";

function place(again = "") {
  if (isPlacing() || !isFilledIn()) return;
  $("settings").togglePopover(false);
  placeCall({ ...source(), ...callRequest(again) });
}

$("place").addEventListener("click", () => place());
$("again").addEventListener("click", () => place(call?.id));
$("setup").addEventListener("submit", (event) => event.preventDefault());
$("setup").addEventListener("change", ({ target }) => {
  showAnswers();
  const isWorld = target.matches("[data-party], [data-lookup] *");
  if (isWorld && call && !call.isOver) send(`/phone/calls/${call.id}/world`, world());
});

$("keep").addEventListener("click", async () => {
  succeed("keep");
  const free = busy($("keep"));
  try {
    const { path, name, command } = await post(`/phone/calls/${call.id}/keep`);
    announce(`Written to ${path} as “${name}”. Play it again with: ${command}`);
  } catch (problem) {
    fail("keep", problem.message);
  }
  free?.();
});

$("phone").addEventListener("click", ({ target }) => {
  const { file, line, column } = target.closest("button, .node")?.dataset ?? {};
  if (line) goTo(file, Number(line), Number(column ?? 1));
});

const { line } = $("phone").dataset;
if (line) goTo("", Number(line), 1);
const placed = new URLSearchParams(location.search).get("call"); // by another page
if (placed) send(`/phone/calls/${encodeURIComponent(placed)}/advance`, { at: 0 });
